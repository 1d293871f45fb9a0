"""From a run to a model in a store."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_store.card import load_card
from model_store.classifier import load_classifier
from model_store.decoding import decode
from model_store.preprocessing import prepare
from training.config import (
    OBJECTIVES,
    CorruptionConfig,
    DataConfig,
    EvaluateConfig,
    ExportConfig,
    FinetuneConfig,
    PretrainConfig,
    ProbeConfig,
)
from training.engine import checkpoints
from training.errors import BadCheckpoint, BadConfig, BadData
from training.evaluate import evaluate
from training.exchange import store_run
from training.exchange.calibration import calibration_batches
from training.exchange.origins import portable_command, pretraining_in_words
from training.exchange.probe import fold_probe
from training.exchange.run_directories import write_run
from training.export import export
from training.network.classifier import build_classifier
from training.pretrain import pretrain
from training.streams import stream


def to_store(run: Path, store: Path, **options: Any) -> ExportConfig:
    return ExportConfig(run=run, id="tiny.test", store=store, measure_s=0.0, **options)


def test_the_stored_classifier_gives_the_runs_logits(
    finetuned: Path, finetune_config: FinetuneConfig, tmp_path: Path
):
    model = build_classifier(finetune_config, 3).eval()
    model.load_state_dict(checkpoints.load_weights(finetuned))
    noisy = torch.randn(5, 3, 16, 16, generator=stream(0, "pixels"))

    target = export(
        ExportConfig(
            run=finetuned, id="tiny.test", store=tmp_path, stored_as="float32", measure_s=0.0
        )
    )

    stored = load_classifier(load_card(target / "card.json"), target)
    torch.testing.assert_close(stored(noisy), model(noisy).detach(), rtol=1e-5, atol=1e-6)


def test_weights_are_halved_to_float16_and_run_as_float32(finetuned: Path, tmp_path: Path):
    target = export(to_store(finetuned, tmp_path))

    card = load_card(target / "card.json")

    assert (card.weights.stored_as, card.weights.precision) == ("float16", "float32")
    assert card.weights.num_bytes == (target / "weights.safetensors").stat().st_size
    assert next(load_classifier(card, target).parameters()).dtype == torch.float32


def test_the_card_says_where_the_weights_are_from(finetuned: Path, tmp_path: Path):
    config = to_store(finetuned, tmp_path, data="colours", notes=("A note.",))

    card = load_card(export(config) / "card.json")

    assert (card.labels, card.sigmas) == (("blue", "green", "red"), (0.25,))
    assert card.draws_per_s > 0
    assert (card.provenance.data, card.provenance.notes) == ("colours", ("A note.",))
    assert card.provenance.commands == (
        "python -m training finetune --recipe smoke --out runs/finetune --data.path data/train",
    )
    assert re.match(r"finetune: 6 steps of 8 images \(2\.0 epochs", card.provenance.schedule)


def test_commands_name_no_path_of_this_machine():
    arguments = [
        "--data.path",
        "/data/cifar/train",
        "--data.cache",
        "/data/cache",
        "--sigma",
        "0.5",
    ]
    arguments += ["--data.no-flip", "--init", "/scratch/pre"]

    command = portable_command(
        {"recipe": "smoke", "arguments": arguments}, "finetune", Path("/scratch/fine")
    )

    assert command == (
        "python -m training finetune --recipe smoke --out runs/fine --data.path data/train "
        "--sigma 0.5 --data.no-flip --init runs/pre"
    )


def test_commands_keep_the_objective_and_the_place_among_the_runs():
    arguments = ["--objective", "mae", "--init", "/scratch/runs/smoke/pretrain", "--data.path", "d"]

    command = portable_command(
        {"recipe": "smoke", "arguments": arguments}, "pretrain", Path("/a/runs/smoke/pre")
    )

    assert command == (
        "python -m training pretrain --recipe smoke --out runs/smoke/pre --objective mae "
        "--init runs/smoke/pretrain --data.path data/d"
    )


def test_no_start_is_no_path():
    origin = {"recipe": "smoke", "arguments": ["--init", "None", "--data.randaugment", ""]}

    command = portable_command(origin, "finetune", Path("fine"))

    assert "--init None" in command
    assert command.endswith("--data.randaugment ''")


@pytest.mark.parametrize(
    ("corruption", "words"),
    [
        (OBJECTIVES["dmae"], "DMAE pre-trained"),
        (CorruptionConfig(sigma=0.5, mask_ratio=0.6), "DMAE pre-trained"),
        (OBJECTIVES["mae"], "MAE pre-trained"),
        (OBJECTIVES["nim"], "NIM pre-trained"),
        (None, "trained from scratch"),
    ],
)
def test_the_card_says_how_the_encoder_came_about(
    pretrain_config: PretrainConfig,
    finetune_config: FinetuneConfig,
    tmp_path: Path,
    corruption: CorruptionConfig | None,
    words: str,
):
    start = None if corruption is None else tmp_path / "pre"
    if corruption is not None:
        config = replace(pretrain_config, corruption=corruption)
        write_run(tmp_path / "pre", config, {}, classes=(), origin={})
    config = replace(finetune_config, init=start)
    write_run(tmp_path / "fine", config, {}, classes=(), origin={})

    assert pretraining_in_words(tmp_path / "fine") == words


def test_the_card_describes_a_whole_lineage(
    pretrain_config: PretrainConfig,
    finetuned: Path,
    finetune_config: FinetuneConfig,
    tmp_path: Path,
):
    config = replace(pretrain_config, corruption=OBJECTIVES["mae"])
    write_run(tmp_path / "runs" / "pre", config, {}, classes=(), origin={"recipe": "smoke"})
    config = replace(
        finetune_config, init=tmp_path / "runs" / "pre", views=2, consistency=2.0, mixup=0.8
    )
    origin = {"recipe": "smoke", "arguments": ["--init", str(tmp_path / "runs" / "pre")]}
    write_run(
        tmp_path / "fine", config, checkpoints.load_weights(finetuned), classes="abc", origin=origin
    )

    card = store_run(tmp_path / "fine", tmp_path / "store")

    assert card.description == "Vision transformer, MAE pre-trained, fine-tuned at sigma 0.25."
    first, second = card.provenance.schedule.split("; ")
    assert first.endswith("MAE, mask 0.75")
    assert second.endswith("sigma 0.25, 2 views, consistency 2, mixup 0.8")
    assert card.provenance.commands == (
        "python -m training pretrain --recipe smoke --out runs/pre",
        "python -m training finetune --recipe smoke --out runs/fine --init runs/pre",
    )


def test_a_stored_run_is_named_by_its_shape_and_its_directory(finetuned: Path, tmp_path: Path):
    card = store_run(finetuned, tmp_path)

    shape = card.architecture
    assert card.id == (
        f"vit_{shape.embed_dim}x{shape.depth}_patch{shape.patch_size}_{shape.image_size}.finetune"
    )
    assert load_card(tmp_path / card.id / "card.json") == card
    assert load_classifier(card, tmp_path / card.id).size == 16


def test_a_stored_run_is_the_function_that_is_exported(finetuned: Path, tmp_path: Path):
    exported = load_card(export(to_store(finetuned, tmp_path)) / "card.json")

    stored = store_run(finetuned, tmp_path / "other")

    assert stored.weights.sha256 == exported.weights.sha256


def test_the_noise_of_an_enlarged_image_is_at_the_images_own_size(
    finetuned: Path, finetune_config: FinetuneConfig, tmp_path: Path
):
    config = replace(finetune_config, data=replace(finetune_config.data, size=8))
    write_run(
        tmp_path / "run", config, checkpoints.load_weights(finetuned), classes="abc", origin={}
    )

    card = store_run(tmp_path / "run", tmp_path / "store")

    assert (card.preprocessing.size, card.preprocessing.resize_shorter) == (8, 8)


def test_a_card_states_the_noise_of_a_classifier_of_clean_images(
    finetuned: Path, finetune_config: FinetuneConfig, tmp_path: Path
):
    run, clean = tmp_path / "run", replace(finetune_config, sigma=0.0)
    write_run(run, clean, checkpoints.load_weights(finetuned), classes="abc", origin={})

    with pytest.raises(BadConfig, match=r"trained without noise, .* give --sigma"):
        store_run(run, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    assert store_run(run, tmp_path / "store", sigma=0.5).sigmas == (0.5,)


@pytest.fixture
def probe_run(
    finetune_config: FinetuneConfig,
    published_weights: Callable[..., dict[str, Tensor]],
    tmp_path: Path,
) -> Path:
    """A linear probe's run, its head not folded."""
    shape = replace(
        finetune_config.architecture,
        image_size=16,
        patch_size=4,
        embed_dim=24,
        depth=2,
        num_heads=3,
        mlp_ratio=4.0,
        global_pool="token",
    )
    config = ProbeConfig(architecture=shape, data=DataConfig(source="cifar10"), sigma=0.5)
    tensors = {f"vit.{name}": value for name, value in published_weights("probe").items()}
    write_run(tmp_path / "probe", config, tensors, classes="abcdefghij", origin={"recipe": "smoke"})
    return tmp_path / "probe"


def test_a_linear_probe_is_folded_for_the_store(
    probe_run: Path, published_weights: Callable[..., dict[str, Tensor]], tmp_path: Path
):
    card = load_card(export(to_store(probe_run, tmp_path, stored_as="float32")) / "card.json")

    head = load_classifier(card, tmp_path / card.id).network.head
    assert torch.equal(head.weight, fold_probe(published_weights("probe"))["head.weight"])
    assert card.description.endswith("trained from scratch, linear probe at sigma 0.5.")
    assert card.provenance.data == "cifar10"
    assert card.provenance.commands == (
        "python -m training linear-probe --recipe smoke --out runs/probe",
    )


def test_a_linear_probe_keeps_its_batch_norm_in_the_official_file(
    probe_run: Path, published_weights: Callable[..., dict[str, Tensor]]
):
    saved = torch.load(export(ExportConfig(run=probe_run, format="official")), weights_only=True)

    expected = published_weights("probe")
    assert saved["model"].keys() == expected.keys()
    assert torch.equal(saved["model"]["head.0.running_var"], expected["head.0.running_var"])


def test_a_pretraining_is_no_classifier(pretrain_config: PretrainConfig, tmp_path: Path):
    pretrain(pretrain_config, tmp_path / "run")

    with pytest.raises(BadCheckpoint, match="is no fine-tuning"):
        export(ExportConfig(run=tmp_path / "run", id="tiny.test", store=tmp_path / "store"))


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match=r"has no config\.json"):
        export(ExportConfig(run=tmp_path, id="tiny.test", store=tmp_path / "store"))


def test_the_card_is_plain_json(finetuned: Path, tmp_path: Path):
    target = export(to_store(finetuned, tmp_path))

    assert json.loads((target / "card.json").read_text())["id"] == "tiny.test"


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
