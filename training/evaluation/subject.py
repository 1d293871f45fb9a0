"""What an evaluation is of: a model of a store or a run, with parameters and a data set."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from model_store.card import ModelCard
from model_store.errors import ModelNotFound
from model_store.registry import BUNDLED, Registry
from smoothing import SmoothingParams
from training.config import EvaluateConfig
from training.engine.run_directory import read_settings
from training.errors import BadCheckpoint, BadConfig, BadData

logger = logging.getLogger(__name__)

TEST_FOLDER = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A classifier on disk and what it is measured with.

    Attributes:
        card: Of the classifier.
        directory: Where its weights are.
        params: Of the certificates.
    """

    card: ModelCard
    directory: Path
    params: SmoothingParams


@contextmanager
def open_subject(config: EvaluateConfig) -> Generator[Subject]:
    """The model of a store; or a run, exported for as long as the context lasts.

    Raises:
        BadConfig: The store does not have the model.
        BadCheckpoint: The run is no classifier.
        InvalidParams: A parameter of the certificates is out of range.
    """
    if config.run is None:
        card, directory = _found(config)
        yield Subject(card=card, directory=directory, params=params_of(config))
        return
    from training.exchange.cards import store_run  # noqa: PLC0415 - only runs need it

    params = params_of(config)
    with TemporaryDirectory(prefix="evaluate-") as store:
        card = store_run(config.run, Path(store), sigma=params.sigma)
        yield Subject(card=card, directory=Path(store) / card.id, params=params)


def warn_of_another_noise(subject: Subject, config: EvaluateConfig) -> None:
    """Says where a classifier is measured under noise that it was not trained under."""
    trained = subject.card.sigmas if config.run is None else (read_settings(config.run)["sigma"],)
    if subject.params.sigma not in trained:
        logger.warning(
            "%s was trained under noise of sigma %s, and is measured at %g: few classifiers stand "
            "that",
            *(config.run or subject.card.id, ", ".join(f"{sigma:g}" for sigma in trained)),
            subject.params.sigma,
        )


def params_of(config: EvaluateConfig) -> SmoothingParams:
    """Parameters of the certificates of an evaluation.

    Raises:
        BadConfig: The store does not have the model; or a run's sigma is 0 and no other is given.
        BadCheckpoint: The folder is no run, or one of a pre-training.
        InvalidParams: A parameter is out of its range.
    """
    return SmoothingParams(
        sigma=config.sigma if config.sigma is not None else _trained_sigma(config),
        mode=config.mode,
        n0=config.n0,
        n=config.n,
        bound=config.bound,
        precision=config.precision,
        radius=config.radius,
        alpha=config.alpha,
        numerics=config.numerics,
        family_size=config.family_size,
    )


def told(params: SmoothingParams) -> dict[str, str | int | float]:
    """The parameters that decide a certificate, less the mode and bound that are usual."""
    usual = {"mode": "fixed", "bound": "top"}
    return {name: value for name, value in params.stated().items() if usual.get(name) != value}


def data_of(config: EvaluateConfig) -> tuple[EvaluateConfig, Path]:
    """The configuration with the source of its test images, and where they are.

    A run's own are the folder `test` beside its training folder, or the test set of the CIFAR or
    ImageNet that it was trained on.

    Raises:
        BadData: The run has no such folder.
    """
    if config.data is not None:
        return config, config.data
    if config.run is None:
        return config, Path("data") / TEST_FOLDER
    settings = read_settings(config.run)["data"]
    trained, path = settings.get("source", "folder"), Path(settings["path"])
    if trained in ("cifar10", "cifar100", "imagenet"):
        return replace(config, source=trained), path.parent if path.name == "train" else path
    test = (path if path.name else path.absolute()).with_name(TEST_FOLDER)
    if not test.is_dir():
        raise BadData(f"{config.run} was trained on {path}, and {test} is no folder: give --data")
    return config, test


def _found(config: EvaluateConfig) -> tuple[ModelCard, Path]:
    store, model = config.store or BUNDLED, config.model or ""
    registry = Registry(store)
    try:
        return registry.get(model), registry.path(model)
    except ModelNotFound as error:
        raise BadConfig(f"{error}. That is {store}; --store names another") from error


def _trained_sigma(config: EvaluateConfig) -> float:
    if config.run is None:
        return _found(config)[0].sigmas[0]
    settings = read_settings(config.run)
    if "sigma" not in settings:
        raise BadCheckpoint(f"{config.run} is no run of a classifier: finetune or probe it first")
    if not settings["sigma"]:
        raise BadConfig(f"{config.run} was trained without noise: give --sigma")
    return float(settings["sigma"])
