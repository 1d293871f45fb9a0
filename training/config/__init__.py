"""Configurations: frozen dataclasses, every field a command line option."""

from training.config.corruption import OBJECTIVES, CorruptionConfig
from training.config.data import CIFAR10_MEAN, CIFAR10_STD, DataConfig
from training.config.evaluate import CompareConfig, EvaluateConfig
from training.config.exchange import ExportConfig, ImportConfig
from training.config.loop import LoopConfig
from training.config.optim import OptimConfig
from training.config.preview import PreviewConfig
from training.config.probe import ProbeConfig
from training.config.record import RunConfig, as_json, differences
from training.config.runs import DecoderConfig, FinetuneConfig, PretrainConfig

__all__ = [
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "OBJECTIVES",
    "CompareConfig",
    "CorruptionConfig",
    "DataConfig",
    "DecoderConfig",
    "EvaluateConfig",
    "ExportConfig",
    "FinetuneConfig",
    "ImportConfig",
    "LoopConfig",
    "OptimConfig",
    "PretrainConfig",
    "PreviewConfig",
    "ProbeConfig",
    "RunConfig",
    "as_json",
    "differences",
]
