"""Another kernel, the same numbers."""

import torch
from torch import nn

from model_store.card import Architecture
from model_store.classifier import build_vit
from training.inference import OneDnnLinear, use_one_dnn
from training.streams import stream


@torch.inference_mode()
def test_the_faster_kernel_gives_the_same_logits():
    shape = Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)
    model = build_vit(shape, 3).eval()
    noisy = torch.randn(5, 3, 16, 16, generator=stream(0, "pixels"))
    expected = model(noisy)

    use_one_dnn(model)

    torch.testing.assert_close(model(noisy), expected, rtol=1e-5, atol=1e-6)


def test_every_linear_layer_is_reached():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.ReLU()))

    use_one_dnn(model)

    assert not any(type(module) is nn.Linear for module in model.modules())
    assert sum(isinstance(module, OneDnnLinear) for module in model.modules()) == 2
