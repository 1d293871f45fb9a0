"""Ways to run a model: one is chosen by its card and the machine, checked, and reported."""

from model_store.runtimes.choice import RUNTIMES, Fallback, Opened, open_runtime
from model_store.runtimes.contract import Runtime, RuntimeInfo, Wishes

__all__ = ["RUNTIMES", "Fallback", "Opened", "Runtime", "RuntimeInfo", "Wishes", "open_runtime"]
