"""torch.compile, with the code that it keeps on disk out of others' reach."""

from typing import Any

import torch
from torch import nn

from model_store.settings import keep_code_private


def compiled(module: nn.Module, **options: Any) -> Any:
    """The module compiled, at its first call.

    Args:
        module: Whose parameters and attributes are shared.
        **options: Of `torch.compile`.
    """
    keep_code_private()
    return torch.compile(module, **options)  # noqa: TID251 - the one place
