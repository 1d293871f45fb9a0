"""Weights on their way in and out: other projects' checkpoints, and the model store's cards."""

from training.exchange.cards import store_run

__all__ = ["store_run"]
