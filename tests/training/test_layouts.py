"""Recognising what a state dict holds."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from model_store.card import Architecture
from training.config import DecoderConfig
from training.errors import BadCheckpoint
from training.exchange.layouts import check_values, recognise
from training.network.autoencoder import DenoisingMaskedAutoencoder
from training.network.probe import fold_probe
from training.streams import stream

Shapes = Callable[..., dict[str, tuple[int, ...]]]
Weights = Callable[..., dict[str, Tensor]]

BASE = {"width": 768, "depth": 12, "patch": 16, "grid": 14, "classes": 1000}
LARGE = {**BASE, "width": 1024, "depth": 24}
HUGE = {**BASE, "width": 1280, "depth": 32, "patch": 14, "grid": 16}


def empty(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize(("size", "entries"), [(BASE, 254), (LARGE, 398), (HUGE, 494)])
def test_a_published_pretraining_is_recognised(
    published_shapes: Shapes, size: dict[str, int], entries: int
):
    shapes = published_shapes("pretraining", **size, decoder_width=512, decoder_depth=8)

    layout = recognise(empty(shapes))

    assert len(shapes) == entries
    assert (layout.kind, layout.embed_dim, layout.depth) == (
        "autoencoder",
        size["width"],
        size["depth"],
    )
    assert (layout.image_size, layout.patch_size) == (224, size["patch"])
    assert (layout.decoder_dim, layout.decoder_depth) == (512, 8)

    without = empty({name: shape for name, shape in shapes.items() if name != "mask_token"})
    with pytest.raises(BadCheckpoint, match="wrong in 1: mask_token is missing"):
        recognise(without)


@pytest.mark.parametrize("kind", ["avg", "token"])
@pytest.mark.parametrize(("size", "entries"), [(BASE, 152), (LARGE, 296), (HUGE, 392)])
def test_a_published_classifier_is_recognised(
    published_shapes: Shapes, kind: str, size: dict[str, int], entries: int
):
    shapes = published_shapes(kind, **size)

    layout = recognise(empty(shapes))

    assert len(shapes) == entries
    assert (layout.kind, layout.global_pool, layout.num_classes) == ("classifier", kind, 1000)


def test_the_published_weights_are_as_many_as_they_are_said_to_be(published_shapes: Shapes):
    tensors = empty(published_shapes("pretraining", **BASE, decoder_width=512, decoder_depth=8))

    assert sum(value.numel() for value in tensors.values()) == 111_907_840


@pytest.mark.parametrize(("kind", "pool"), [("probe", "token"), ("avg probe", "avg")])
def test_a_linear_probe_is_recognised(published_shapes: Shapes, kind: str, pool: str):
    layout = recognise(empty(published_shapes(kind, classes=7)))

    assert (layout.probe, layout.global_pool, layout.num_classes) == (True, pool, 7)


def test_an_encoder_alone_is_recognised(published_shapes: Shapes):
    assert recognise(empty(published_shapes("encoder"))).kind == "encoder"


def test_our_own_autoencoder_has_the_published_layout(published_shapes: Shapes):
    model = DenoisingMaskedAutoencoder(
        Architecture(image_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3),
        DecoderConfig(embed_dim=16, depth=1, num_heads=2),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        mask_ratio=0.75,
        norm_pix=True,
        generator=stream(0, "weights"),
    )

    found = {name: tuple(value.shape) for name, value in model.state_dict().items()}

    assert found == published_shapes("pretraining")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("reg_token", "register tokens"),
        ("blocks.0.ls1.gamma", "layer-scale"),
        ("dist_token", "a distillation token"),
        ("blocks.0.attn.q_norm.weight", "normalised queries"),
        ("pre_logits.fc.weight", "a representation layer"),
    ],
)
def test_a_transformer_of_another_shape_is_named(published_shapes: Shapes, name: str, what: str):
    shapes = published_shapes("token") | {name: (24,)}

    with pytest.raises(BadCheckpoint, match=what):
        recognise(empty(shapes))


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["conv1.weight", "layer1.0.conv1.weight", "fc.weight"], "a convolutional network"),
        (["stages.0.blocks.0.conv_dw.weight"], "a convolutional network"),
        (["patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight"], "Swin"),
        (["model.vit.cls_token", "optimizer.0.0.exp_avg"], "name the run instead"),
        (["a", "b"], "no plain vision transformer: no cls_token"),
        ([], "among 0 entries such as none"),
    ],
)
def test_other_networks_are_named(names: list[str], what: str):
    with pytest.raises(BadCheckpoint, match=what):
        recognise(dict.fromkeys(names, torch.zeros(1)))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("blocks.1.norm2.bias", None, r"wrong in 1: blocks\.1\.norm2\.bias is missing"),
        ("extra.weight", (3,), r"extra\.weight is unexpected"),
        ("head.weight", (10, 23), r"head\.weight is \(10, 23\) instead of \(10, 24\)"),
        (
            "patch_embed.proj.weight",
            (24, 1, 4, 4),
            r"is \(24, 1, 4, 4\) instead of \(24, 3, 4, 4\)",
        ),
        ("blocks.999999999.norm1.bias", (24,), r"wrong in 1: blocks\.999999999\.norm1\.bias is"),
        ("patch_embed.proj.weight", (24, 3, 0, 0), "no plain vision transformer: cls_token"),
        ("patch_embed.proj.weight", (24, 48), "no plain vision transformer: cls_token"),
        ("pos_embed", (1, 16, 24), "pos_embed has 16 tokens, not a class token and a square"),
        ("blocks.0.attn.qkv.weight", (), r"qkv\.weight is \(\) instead of"),
    ],
)
def test_one_wrong_entry_is_named(
    published_shapes: Shapes, name: str, shape: tuple[int, ...] | None, message: str
):
    shapes = published_shapes("avg")
    shapes.pop(name, None)

    with pytest.raises(BadCheckpoint, match=message):
        recognise(empty(shapes | ({} if shape is None else {name: shape})))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(published_weights: Weights, value: float):
    weights = published_weights("token")
    weights["blocks.1.mlp.fc2.bias"][3] = value

    with pytest.raises(BadCheckpoint, match=r"blocks\.1\.mlp\.fc2\.bias holds numbers"):
        check_values(weights)


def test_quantised_weights_are_refused(published_weights: Weights):
    weights = published_weights("token")
    weights["head.weight"] = weights["head.weight"].to(torch.int8)

    with pytest.raises(BadCheckpoint, match=r"head\.weight holds torch\.int8"):
        check_values(weights)


def repeated(weights: Tensor) -> Tensor:
    """One number told as many: a small file whose tensors would fill any memory."""
    return torch.zeros(1).expand(weights.shape)


@pytest.mark.parametrize("hollow", [Tensor.to_sparse, partial(Tensor.to, device="meta"), repeated])
def test_weights_that_are_not_all_there_are_refused(
    published_weights: Weights, hollow: Callable[[Tensor], Tensor]
):
    weights = published_weights("token")
    weights["head.weight"] = hollow(weights["head.weight"])

    with pytest.raises(BadCheckpoint, match=r"head\.weight is no plain array of numbers"):
        check_values(weights)


def test_a_folded_probe_is_the_probe_in_evaluation(published_weights: Weights):
    weights = published_weights("probe")
    head = torch.nn.Sequential(
        torch.nn.BatchNorm1d(24, affine=False, eps=1e-6), torch.nn.Linear(24, 10)
    )
    head.load_state_dict(
        {name[5:]: value for name, value in weights.items() if name.startswith("head.")}
    )
    features = torch.randn(6, 24, generator=stream(0, "features"))

    folded = fold_probe(weights)

    expected = head.double().eval()(features.double()).float()
    linear = torch.nn.functional.linear(features, folded["head.weight"], folded["head.bias"])
    torch.testing.assert_close(linear, expected, rtol=1e-5, atol=1e-5)
    assert recognise(folded).probe is False
