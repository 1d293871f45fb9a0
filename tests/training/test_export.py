"""From a run to a model in a store."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from torch import Tensor

from model_store.card import dump_card, load_card
from model_store.classifier import load_classifier
from model_store.errors import CardInvalid
from tests.evidence import FIGURES
from tests.training.stores import to_store
from training.config import DataConfig, ExportConfig, FinetuneConfig, PretrainConfig, ProbeConfig
from training.engine import checkpoints
from training.errors import BadCheckpoint, BadConfig
from training.exchange.cards import store_run
from training.exchange.run_directories import write_run
from training.export import export
from training.network.classifier import build_classifier
from training.network.probe import fold_probe
from training.pretrain import pretrain
from training.streams import stream


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


def test_a_card_that_makes_no_sense_leaves_the_model_that_was_there(
    probe_run: Path, tmp_path: Path
):
    target = export(to_store(probe_run, tmp_path / "store"))
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    head = json.loads((probe_run / "checkpoint.json").read_text())
    (probe_run / "checkpoint.json").write_text(json.dumps({**head, "classes": ["a"] * 10}))

    with pytest.raises(CardInvalid, match="unique"):
        export(to_store(probe_run, tmp_path / "store", stored_as="float32"))

    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_an_export_that_dies_leaves_the_model_that_was_there(
    finetuned: Path, probe_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = export(to_store(finetuned, tmp_path / "store"))
    before = load_card(target / "card.json")

    def dies(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.export.open_sampler", dies)  # after the weights were written
    with pytest.raises(KeyboardInterrupt):
        export(to_store(probe_run, tmp_path / "store"))

    card = load_card(target / "card.json")
    assert card == before
    assert load_classifier(card, target).size == 16


def test_the_weights_of_a_model_that_is_replaced_are_removed(
    finetuned: Path, probe_run: Path, tmp_path: Path
):
    runs = (finetuned, probe_run, probe_run, finetuned, probe_run)

    *_, target = [export(to_store(run, tmp_path / "store")) for run in runs]

    card = load_card(target / "card.json")
    assert {path.name for path in target.iterdir()} == {"card.json", card.weights.file}
    assert load_classifier(card, target).size == 16


def test_figures_of_the_same_weights_survive_another_export(
    finetuned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    target = export(to_store(finetuned, tmp_path))
    measured = replace(load_card(target / "card.json"), evaluations=(FIGURES,))
    dump_card(measured, target / "card.json")

    export(to_store(finetuned, tmp_path, description="In other words."))
    again = load_card(target / "card.json")
    assert "replaced" not in caplog.text
    export(to_store(finetuned, tmp_path, stored_as="float32"))

    assert f"{target} held another classifier, which is replaced" in caplog.text

    assert (again.description, again.evaluations) == ("In other words.", (FIGURES,))
    assert load_card(target / "card.json").evaluations == ()


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
