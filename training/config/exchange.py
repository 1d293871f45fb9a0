"""Configuration of the commands that move weights in and out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """Export of a fine-tuned run to a model store.

    Attributes:
        run: Run directory of the fine-tuning.
        id: Model id, such as vit_tiny_patch4_32.dmae_cifar10_s025.
        store: Store directory to export to.
        description: One or two sentences for a person choosing.
        data: What the run was trained on, in words.
        licence: Of the weights.
        notes: What a reader of the card should know besides.
        stored_as: Type of the numbers in the file; they are run in float32 either way.
        measure_s: How long the model's speed is measured, for the card.
    """

    run: Path
    id: str
    store: Path = Path("model_store/models")
    description: str = ""
    data: str = ""
    licence: str = "Apache-2.0"
    notes: tuple[str, ...] = ()
    stored_as: Literal["float16", "float32"] = "float16"
    measure_s: float = 5.0
