"""The base classifier: timm's network on normalised pixels, row by row."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model_store import checkpoint
from model_store.card import ModelCard
from model_store.classifier import Classifier, build_vit, load_classifier
from model_store.errors import CheckpointInvalid, DigestMismatch

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def weights(card: ModelCard) -> Tensors:
    """Random weights of the card's network, large enough that every part matters."""
    generator = torch.Generator().manual_seed(1)
    network = build_vit(card.architecture, card.num_classes)
    return {
        name: 0.3 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in network.state_dict().items()
    }


@pytest.fixture
def pixels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(6, 3, 16, 16, generator=generator) + 0.3 * torch.randn(
        6, 3, 16, 16, generator=generator
    )


def stored(card: ModelCard, tensors: Tensors, directory: Path) -> ModelCard:
    digest = checkpoint.save(directory / card.weights.file, tensors)
    return replace(card, weights=replace(card.weights, sha256=digest, stored_as="float32"))


def test_it_is_timm_on_normalised_pixels(
    card: ModelCard, weights: Tensors, pixels: torch.Tensor, tmp_path: Path
) -> None:
    network = build_vit(card.architecture, card.num_classes).eval()
    network.load_state_dict(weights)
    mean = torch.tensor(card.preprocessing.mean).view(3, 1, 1)
    std = torch.tensor(card.preprocessing.std).view(3, 1, 1)

    classifier = load_classifier(stored(card, weights, tmp_path), tmp_path)

    expected = network((pixels - mean) / std)
    torch.testing.assert_close(classifier(pixels), expected.detach(), atol=1e-6, rtol=0)


def test_it_is_ready_to_be_smoothed(card: ModelCard, weights: Tensors, tmp_path: Path) -> None:
    card = stored(card, {name: t.half() for name, t in weights.items()}, tmp_path)

    classifier = load_classifier(card, tmp_path)

    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    assert {parameter.dtype for parameter in classifier.parameters()} == {torch.float32}
    assert {each.device.type for each in classifier.state_dict().values()} == {"cpu"}


def test_mean_and_std_are_of_the_card_not_of_the_checkpoint(card: ModelCard) -> None:
    network = build_vit(card.architecture, card.num_classes)
    classifier = Classifier(
        network, architecture=card.architecture, preprocessing=card.preprocessing
    )

    assert {"mean", "std"} <= dict(classifier.named_buffers()).keys()
    assert all(name.startswith("network.") for name in classifier.state_dict())


def test_a_row_does_not_depend_on_its_neighbours(
    card: ModelCard, weights: Tensors, pixels: torch.Tensor, tmp_path: Path
) -> None:
    classifier = load_classifier(stored(card, weights, tmp_path), tmp_path)
    others = pixels.clone()
    others[1:] = 1e3

    torch.testing.assert_close(classifier(pixels)[:1], classifier(others)[:1], atol=1e-6, rtol=0)
    torch.testing.assert_close(classifier(pixels)[:1], classifier(pixels[:1]), atol=1e-5, rtol=0)


def test_a_smaller_certified_image_is_enlarged_inside(
    card: ModelCard, weights: Tensors, tmp_path: Path
) -> None:
    small = replace(card.preprocessing, size=8, resize_shorter=8)
    card = stored(replace(card, preprocessing=small), weights, tmp_path)
    pixels = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))

    classifier = load_classifier(card, tmp_path)

    enlarged = torch.nn.Upsample(scale_factor=2, mode="bicubic")(pixels)
    mean, std = classifier.mean, classifier.std
    assert torch.equal(classifier(pixels), classifier.network((enlarged - mean) / std))


def test_logits_are_float32_whatever_the_network_runs_in(card: ModelCard) -> None:
    network = build_vit(card.architecture, card.num_classes).bfloat16()
    classifier = Classifier(
        network, architecture=card.architecture, preprocessing=card.preprocessing
    )
    classifier.mean = classifier.mean.bfloat16()
    classifier.std = classifier.std.bfloat16()

    assert classifier(torch.rand(1, 3, 16, 16).bfloat16()).dtype == torch.float32


def test_other_weights_than_the_cards_are_refused(
    card: ModelCard, weights: Tensors, tmp_path: Path
) -> None:
    stored(card, weights, tmp_path)

    with pytest.raises(DigestMismatch):
        load_classifier(card, tmp_path)


def _without(weights: Tensors) -> Tensors:
    return {name: tensor for name, tensor in weights.items() if name != "head.bias"}


MISFITS = {
    "head.bias is missing": _without,
    "extra is not of this network": lambda weights: {**weights, "extra": torch.zeros(1)},
    "head.bias must be (3,), is (4,)": lambda weights: {**weights, "head.bias": torch.zeros(4)},
}


@pytest.mark.parametrize("fault", MISFITS)
def test_weights_that_do_not_fit_are_named(
    card: ModelCard, weights: Tensors, tmp_path: Path, fault: str
) -> None:
    card = stored(card, MISFITS[fault](weights), tmp_path)

    with pytest.raises(CheckpointInvalid) as caught:
        load_classifier(card, tmp_path)

    assert fault in str(caught.value)


def test_loading_leaves_global_randomness_alone(
    card: ModelCard, weights: Tensors, tmp_path: Path
) -> None:
    card = stored(card, weights, tmp_path)
    before = torch.get_rng_state()

    load_classifier(card, tmp_path)

    assert torch.equal(torch.get_rng_state(), before)


def test_bfloat16_is_another_function(
    card: ModelCard, weights: Tensors, pixels: torch.Tensor, tmp_path: Path
) -> None:
    exact = stored(card, weights, tmp_path)
    half = replace(exact, weights=replace(exact.weights, precision="bfloat16"))

    logits = load_classifier(half, tmp_path)(pixels)

    expected = load_classifier(exact, tmp_path)(pixels)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, expected)
    torch.testing.assert_close(logits, expected, rtol=0, atol=0.1 * expected.abs().max().item())
