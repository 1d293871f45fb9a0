"""From a card to a base classifier: resize and normalisation live inside it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from model_store import checkpoint
from model_store.card import Architecture, ModelCard, Preprocessing
from model_store.errors import CheckpointInvalid
from model_store.one_dnn import use_one_dnn


def build_vit(
    architecture: Architecture, num_classes: int, *, drop_path: float = 0.0
) -> VisionTransformer:
    """A timm vision transformer of the given shape, with fresh weights.

    LayerNorm's epsilon is 1e-6, as in MAE and DMAE, so their weights mean the same here.
    """
    return VisionTransformer(
        img_size=architecture.image_size,
        patch_size=architecture.patch_size,
        num_classes=num_classes,
        global_pool=architecture.global_pool,
        embed_dim=architecture.embed_dim,
        depth=architecture.depth,
        num_heads=architecture.num_heads,
        mlp_ratio=architecture.mlp_ratio,
        drop_path_rate=drop_path,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )


class Classifier(nn.Module):
    """Pixels in [0, 1] plus noise to logits: the function that is smoothed.

    Each row of a batch is classified on its own. The noise is added before this module, so that
    sigma and the radius are in units of a pixel of the certified tensor.

    Args:
        network: Takes normalised images of `architecture.image_size`.
        architecture: Shape of `network`.
        preprocessing: Certified size, mean and std.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, *, architecture: Architecture, preprocessing: Preprocessing
    ) -> None:
        super().__init__()
        self.network = network
        self.image_size = architecture.image_size
        self.size = preprocessing.size
        # The card owns mean and std, the checkpoint the weights: hence not persistent.
        for name, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
            buffer = torch.tensor(values, dtype=torch.float32).view(3, 1, 1)
            self.register_buffer(name, buffer, persistent=False)

    def forward(self, pixels: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch classes"]:
        """Logits, as float32."""
        if self.size != self.image_size:
            # As DMAE does for CIFAR-10: noise at the certified size, then plain bicubic.
            pixels = functional.interpolate(
                pixels, size=(self.image_size, self.image_size), mode="bicubic", align_corners=False
            )
        normalised = (pixels - self.mean) / self.std
        return self.network(normalised.to(next(self.network.parameters()).dtype)).float()


def load_classifier(card: ModelCard, directory: Path, *, device: str = "cpu") -> Classifier:
    """The classifier of a card in the card's precision: in eval mode, without gradients.

    Args:
        card: What to load.
        directory: Where its weights file is.
        device: Where to run it; a CPU gets the faster kernels of `one_dnn`.

    Raises:
        CheckpointInvalid: The file is not safetensors, or does not fit the card's network, or the
            network is quantised, which torch does not run (`runtimes.open_runtime` does).
        DigestMismatch: The file is not the card's.
    """
    classifier = load_plain(card, directory)
    if card.weights.precision == "bfloat16":
        classifier.network.to(torch.bfloat16)
    elif torch.device(device).type == "cpu":
        use_one_dnn(classifier)
    return classifier.to(device)


def load_plain(card: ModelCard, directory: Path) -> Classifier:
    """The classifier of a card in float32, of torch's own layers, on the CPU.

    Raises:
        CheckpointInvalid: As `load_classifier`.
        DigestMismatch: As `load_classifier`.
    """
    if card.weights.precision == "int8":
        raise CheckpointInvalid(f"{card.id} is quantised: only OpenVINO runs it")
    tensors = checkpoint.load(directory / card.weights.file, card.weights.sha256)
    with torch.device("meta"):  # no time and no global randomness spent on weights to be replaced
        network = build_vit(card.architecture, card.num_classes)
    _check_fit(tensors, network, card)
    network.load_state_dict({name: t.float() for name, t in tensors.items()}, assign=True)
    classifier = Classifier(
        network, architecture=card.architecture, preprocessing=card.preprocessing
    )
    return classifier.eval().requires_grad_(requires_grad=False)


def _check_fit(tensors: Mapping[str, Tensor], network: nn.Module, card: ModelCard) -> None:
    wanted = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    faults = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} is not of this network" for name in found.keys() - wanted.keys()]
    faults += [
        f"{name} must be {wanted[name]}, is {found[name]}"
        for name in wanted.keys() & found.keys()
        if wanted[name] != found[name]
    ]
    if faults:
        listed = "; ".join(sorted(faults)[:5])
        raise CheckpointInvalid(
            f"{card.weights.file} does not fit {card.id} ({len(faults)} faults): {listed}"
        )
