"""Another kernel, the same numbers."""

import pytest
import torch
from torch import nn

from model_store.card import Architecture
from model_store.classifier import build_vit
from model_store.one_dnn import OneDnnLinear, use_one_dnn


@torch.inference_mode()
def test_the_faster_kernel_gives_the_same_logits():
    shape = Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)
    model = build_vit(shape, 3).eval()
    noisy = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = model(noisy)

    use_one_dnn(model)

    torch.testing.assert_close(model(noisy), expected, rtol=1e-5, atol=1e-6)


def test_every_linear_layer_is_reached():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.ReLU()))

    use_one_dnn(model)

    assert not any(type(module) is nn.Linear for module in model.modules())
    assert sum(isinstance(module, OneDnnLinear) for module in model.modules()) == 2


@pytest.mark.parametrize("batch_size", [16, 32, 64])
@torch.inference_mode()
def test_a_row_s_logits_do_not_depend_on_its_place(batch_size: int) -> None:
    """Votes must be the same however the rows of several jobs are packed."""
    shape = Architecture(image_size=32, patch_size=4, embed_dim=192, depth=2, num_heads=3)
    model = build_vit(shape, 10).eval()
    use_one_dnn(model)
    noisy = torch.randn(batch_size, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    assert torch.equal(model(noisy.roll(5, dims=0)).roll(-5, dims=0), model(noisy))
