"""Whether the decoded images are kept on the device, where a batch is then only an index away."""

import logging

import torch
from jaxtyping import UInt8
from torch import Tensor

from training.config import DataConfig
from training.data.image_set import ImageSet
from training.errors import BadConfig

logger = logging.getLogger(__name__)

SHARE_OF_FREE_MEMORY = 0.25


def resident(
    images: ImageSet, data: DataConfig, device: torch.device
) -> UInt8[Tensor, "n c h w"] | None:
    """All the images on the device, or None where they stay in the memory map.

    RandAugment is computed from the memory map, on the CPU, so they stay there for it.

    Raises:
        BadConfig: They are to be kept on the device and are larger than its free memory.
    """
    needed = images.images.nbytes
    if data.on_device == "never" or data.randaugment:
        return None
    if data.on_device == "auto":
        if device.type != "cuda" or needed > SHARE_OF_FREE_MEMORY * _free(device):
            return None
    elif device.type == "cuda" and needed > _free(device):
        raise BadConfig(
            f"data.on_device always: the images need {needed:,} bytes and {device} has "
            f"{_free(device):,} free; take auto"
        )
    logger.info("keeping %d images on %s, %d bytes", len(images.labels), device, needed)
    return torch.tensor(images.images, device=device)


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0]
