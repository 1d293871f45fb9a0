"""A quantised export is a model of its own, calibrated on the service's images."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.card import load_card
from model_store.decoding import decode
from model_store.preprocessing import prepare
from tests.training.stores import to_store
from training.config import EvaluateConfig, ExportConfig
from training.errors import BadConfig, BadData
from training.evaluate import evaluate
from training.exchange.calibration import calibration_batches
from training.export import export


@pytest.fixture(scope="session")
def quantised(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke model in int8, in a store."""
    store = tmp_path_factory.mktemp("int8")
    return export(ExportConfig(run=finetuned, store=store, precision="int8", measure_s=0.0))


def test_a_quantised_export_is_a_model_of_its_own(quantised: Path, finetuned: Path, tmp_path: Path):
    exact = load_card(export(to_store(finetuned, tmp_path)) / "card.json")

    card = load_card(quantised / "card.json")

    assert card.id == quantised.name
    assert card.id.endswith(".finetune-int8")
    assert (card.weights.stored_as, card.weights.precision) == ("int8", "int8")
    assert card.provenance.commands == exact.provenance.commands
    assert exact.weights.sha256 in card.provenance.notes[-1]
    assert "24 noisy images" in card.provenance.notes[-1]
    assert re.search(r"; openvino \S+, int8, ", card.measured_on)
    assert card.draws_per_s > 1


def test_a_model_that_a_quantised_export_replaces_is_named(
    finetuned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    target = export(to_store(finetuned, tmp_path))

    export(to_store(finetuned, tmp_path, precision="int8"))

    assert f"{target} held another classifier, which is replaced" in caplog.text


def test_a_quantised_model_is_evaluated_like_any_other(
    quantised: Path, image_folder: Path, tmp_path: Path
):
    table = tmp_path / "table.tsv"
    config = EvaluateConfig(
        model=quantised.name, store=quantised.parent, data=image_folder, table=table, n=50, stride=9
    )

    summary = evaluate(replace(config, plot=False))

    assert summary.num_images == 3
    about = json.loads(Path(f"{table}.json").read_text())
    assert about["weights_sha256"] == load_card(quantised / "card.json").weights.sha256


def test_calibration_images_are_the_services_under_the_noise_of_the_card(
    finetuned: Path, image_folder: Path, tmp_path: Path
):
    card = load_card(export(to_store(finetuned, tmp_path)) / "card.json")

    batches = calibration_batches(finetuned, card, path=image_folder)

    noisy = np.concatenate(batches)
    files = sorted(image_folder.glob("*/*.png"))
    clean = np.stack([prepare(decode(f.read_bytes()), card.preprocessing).tensor for f in files])
    assert noisy.dtype == np.float32
    assert noisy.shape == (24, 3, 16, 16)
    assert np.std(noisy - clean) == pytest.approx(0.25, rel=0.02)
    assert np.mean(noisy - clean) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8", "format": "timm"}, "not --format timm"),
        ({"calibrate_on": Path("x")}, "--calibrate-on is for --precision int8"),
    ],
)
def test_options_of_quantisation_that_mean_nothing_are_refused(
    options: dict[str, Any], message: str
):
    with pytest.raises(BadConfig, match=message):
        ExportConfig(run=Path("run"), **options)


def test_images_to_calibrate_on_that_are_gone_are_asked_for(finetuned: Path, tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()

    with pytest.raises(BadData, match="gone"):
        export(to_store(finetuned, tmp_path, precision="int8", calibrate_on=gone))


def test_quantising_writes_nothing_to_standard_output(
    finetuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    export(to_store(finetuned, tmp_path, precision="int8"))

    assert capsys.readouterr().out == ""


def test_without_nncf_int8_is_refused_with_the_reason(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "nncf", None)

    with pytest.raises(BadConfig, match="needs OpenVINO and nncf"):
        export(to_store(finetuned, tmp_path, precision="int8"))
