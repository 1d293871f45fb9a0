"""The command `export`: a run as a model in a store, or as a file for other projects."""

import logging
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from model_store.card import ModelCard
from model_store.runtimes.quantise import quantise_model
from model_store.whole_file import replace_file
from training.config import ExportConfig
from training.engine.disk import room_for
from training.errors import BadConfig
from training.exchange.calibration import calibration_batches
from training.exchange.cards import write_model, write_weights
from training.exchange.formats import write_official, write_timm
from training.exchange.placing import NEW_WEIGHTS, name_weights, put_card
from training.hardware import describe_hardware
from training.sampling import open_sampler

logger = logging.getLogger(__name__)


def export(config: ExportConfig) -> Path:
    """Writes what the format asks for; the model's directory in the store, or the file.

    Raises:
        BadCheckpoint: The run is not what the format needs, or has no checkpoint.
        BadConfig: The file's name does not go with the format, or what quantises is not installed.
        BadData: The images to calibrate on are not there.
        CardInvalid: The id or another value is outside what a card allows.
    """
    if config.format == "ours":
        target = _to_store(config)
        logger.info("exported %s", target)
        return target
    if config.format == "official":
        path = config.out or config.run / "official.pth"
        layout = write_official(config.run, path)
    else:
        path = config.out or config.run / "timm.safetensors"
        layout = write_timm(config.run, path)
    logger.info("exported %s: %s", path, layout)
    return path


def _to_store(config: ExportConfig) -> Path:
    card = _quantised(config) if config.precision == "int8" else write_weights(config)
    target = config.store / card.id
    sampler, runtime = open_sampler(card, target)
    speed = round(sampler.measure(seconds=config.measure_s), 1)
    measured_on = f"{describe_hardware()}; {runtime.summary}"
    put_card(replace(card, draws_per_s=speed, measured_on=measured_on), target)
    return target


def _quantised(config: ExportConfig) -> ModelCard:
    """Writes the weights of a run in int8: another classifier than the run's, under its own id."""
    with TemporaryDirectory(prefix="export-") as store:
        plain = replace(config, precision="float32", calibrate_on=None, id="", store=Path(store))
        exact = write_model(plain)
        batches = calibration_batches(config.run, exact, path=config.calibrate_on)
        model = config.id or f"{exact.id}-int8"
        try:
            with redirect_stdout(sys.stderr):  # nncf draws its progress; ours says the path only
                card = quantise_model(
                    exact, Path(store) / exact.id, batches, model_id=model, target=Path(store)
                )
        except ImportError as error:
            message = f"--precision int8 needs OpenVINO and nncf, which are not here: {error}"
            raise BadConfig(message) from error
        target = config.store / model
        target.mkdir(parents=True, exist_ok=True)
        with room_for(target / card.weights.file, needed=card.weights.num_bytes):
            replace_file(target / NEW_WEIGHTS, (Path(store) / card.weights.file).read_bytes())
    return name_weights(card, target)
