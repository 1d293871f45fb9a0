"""The autoencoder: what it sees, what it is asked for."""

import pytest
import torch
from torch import Tensor

from model_store.card import Architecture
from training.config import DecoderConfig
from training.network.autoencoder import DenoisingMaskedAutoencoder, patchify
from training.streams import stream

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def build(*, norm_pix: bool = True) -> DenoisingMaskedAutoencoder:
    return DenoisingMaskedAutoencoder(
        Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2),
        DecoderConfig(embed_dim=16, depth=1, num_heads=2),
        mean=MEAN,
        std=STD,
        mask_ratio=0.75,
        norm_pix=norm_pix,
        generator=stream(0, "weights"),
    ).eval()


def pixels(batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 16, 16, generator=stream(1, "pixels"))


def scores() -> Tensor:
    return torch.rand(2, 16, generator=stream(1, "scores"))


def test_the_encoder_sees_the_class_token_and_the_visible_patches_only():
    model, seen = build(), []
    model.blocks.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))

    model(pixels(), scores())

    assert seen == [(2, 1 + 4, 32)]


def test_a_hidden_patch_does_not_move_the_latent():
    model, image, ranks = build(), pixels(1), torch.arange(16.0)[None]
    changed = image.clone()
    changed[..., -4:, -4:] += 1.0

    assert torch.equal(model.encode(image, ranks)[0], model.encode(changed, ranks)[0])


def test_a_visible_patch_moves_the_latent():
    model, image, ranks = build(), pixels(1), torch.arange(16.0)[None]
    changed = image.clone()
    changed[..., :4, :4] += 1.0

    assert not torch.equal(model.encode(image, ranks)[0], model.encode(changed, ranks)[0])


def test_the_loss_is_the_mean_over_all_patches_whatever_the_mask():
    model, clean = build(), pixels()
    predicted = model(clean, scores())

    expected = ((predicted - model.target(clean)) ** 2).sum() / predicted.numel()

    assert predicted.shape == (2, 16, 48)
    torch.testing.assert_close(model.loss(predicted, clean), expected)


def test_every_patch_seen_or_hidden_gets_a_gradient():
    model, clean = build(), pixels()
    predicted = model(clean, scores()).detach().requires_grad_()

    model.loss(predicted, clean).backward()

    assert predicted.grad is not None
    assert (predicted.grad.abs().sum(dim=-1) > 0).all()


def test_a_patch_lists_rows_then_columns_then_channels():
    image = torch.arange(3 * 8 * 8.0).view(1, 3, 8, 8)

    patches = patchify(image, 4)

    expected = [image[0, c, 4 + row, col] for row in range(4) for col in range(4) for c in range(3)]
    assert patches.shape == (1, 4, 48)
    assert torch.equal(patches[0, 2], torch.stack(expected))


def test_norm_pix_standardises_each_clean_patch_by_its_unbiased_variance():
    target = build().target(pixels())

    torch.testing.assert_close(target.mean(dim=-1), torch.zeros(2, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        target.var(dim=-1, correction=1), torch.ones(2, 16), atol=1e-3, rtol=0
    )


def test_parameter_names_are_those_of_the_mae_family():
    names = set(build().state_dict())

    assert names >= {
        "cls_token",
        "pos_embed",
        "mask_token",
        "decoder_pos_embed",
        "patch_embed.proj.weight",
        "blocks.1.attn.qkv.weight",
        "blocks.1.mlp.fc2.bias",
        "norm.weight",
        "decoder_embed.weight",
        "decoder_blocks.0.norm1.weight",
        "decoder_norm.bias",
        "decoder_pred.weight",
    }
    assert not {"mean", "std"} & names


@pytest.mark.parametrize("name", ["pos_embed", "decoder_pos_embed"])
def test_positions_are_not_trained(name: str):
    assert not build().get_parameter(name).requires_grad


def test_fresh_weights_depend_on_the_generator_alone():
    first, second = build().state_dict(), build().state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)
