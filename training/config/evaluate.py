"""Configuration of the commands that measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from smoothing.params import Mode
from training.config.checks import require

# A picture goes beside the Markdown file, and an evaluation's table is not to be replaced by it.
_NO_MARKDOWN = frozenset({".png", ".tsv", ".csv"})

TestSource = Literal["folder", "cifar10", "cifar100", "imagenet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """Certification of a labelled data set, by a model of a store or by a run.

    Attributes:
        model: Model id; or give `run`.
        run: Run directory of a fine-tuning or a linear probe; or give `model`.
        data: Folder of class folders named as the model's labels, or where torchvision has the
            data set. Else data/test; for a run, the `test` beside its training folder.
        source: What `data` holds: class folders, or a test set in torchvision's layout and order.
        store: Store directory of the model; None for the bundled one.
        table: TSV to write, or to continue; None for runs/evaluations/<what it is>.tsv, or
            evaluation/<what it is>.tsv in the run.
        stride: Every so many-th image in the data set's order; also --skip.
        start: Index of the first image.
        max_images: At most so many images; None for all.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; else the model's.
        mode: How many draws answer: `fixed`, always n0 and n; `adaptive`, as few as keep the
            radius to `precision`; `decide`, until `radius` is shown or out of reach; `anytime`;
            `predict`, n for the class alone, without a radius or a plot.
        n0: Draws that select the class, in mode fixed.
        n: Draws that answer, in modes fixed and predict; in the others the most that may.
        bound: Cohen's `top`, or `runner-up`, which bounds the second class by itself.
        precision: Share of the radius that adaptive may lose to save draws; 0.05 if not given.
        radius: What mode decide is asked about, in units of a [0, 1] pixel.
        family_size: Certificates that alpha is for all together.
        alpha: Chance that one certificate is wrong.
        numerics: `sound` (the proof covers floating point) or `fast`.
        runtime: What runs the model: the fastest for the device, or one by name; eager torch where
            that one fails its checks. Two differ only where two classes all but tie.
        batch_size: Draws in one forward pass; it changes no draw. Else what suits the device.
        device: A torch device, or several with commas between: cuda:0,cuda:1.
        workers: Images in work at once, each in a process of its own; at least one a device. One
            process keeps the cores of a small machine busier than several.
        threads: Threads inside an operation, in each worker; 0 is torch's choice for one worker
            and 1 for several.
        plot: Draw the curve of certified accuracy to <table>.png.
        write_card: Put the figures and this command into the model's card.
        images: What the images are, in words, for the card; the folder's name where empty.

    Raises:
        BadConfig: A number is out of its range, or not exactly one of `model` and `run` is given.
    """

    model: str | None = None
    run: Path | None = None
    data: Path | None = None
    source: TestSource = "folder"
    store: Path | None = None
    table: Path | None = None
    stride: Annotated[int, tyro.conf.arg(aliases=["--skip"])] = 1
    start: int = 0
    max_images: int | None = None
    sigma: float | None = None
    mode: Mode = "fixed"
    n0: int = 100
    n: int = 10_000
    bound: Literal["top", "runner-up"] = "top"
    precision: float | None = None
    radius: float | None = None
    family_size: int = 1
    alpha: float = 0.001
    numerics: Literal["sound", "fast"] = "sound"
    runtime: Literal["auto", "eager", "compiled", "cuda", "openvino"] = "auto"
    batch_size: int | None = None
    device: str = "cpu"
    workers: int = 1
    threads: int = 0
    plot: bool = True
    write_card: bool = False
    images: str = ""

    def __post_init__(self) -> None:
        require((self.model is None) != (self.run is None), "give one of --model and --run")
        require(self.stride >= 1, f"--stride must be at least 1, got {self.stride}")
        require(self.start >= 0, f"--start must be at least 0, got {self.start}")
        require(
            self.max_images is None or self.max_images >= 1,
            f"--max-images must be at least 1, got {self.max_images}",
        )
        require(self.workers >= 1, f"--workers must be at least 1, got {self.workers}")
        require(
            self.batch_size is None or self.batch_size >= 1,
            f"--batch-size must be at least 1, got {self.batch_size}",
        )
        require(self.threads >= 0, f"--threads must be at least 0, got {self.threads}")
        kinds = {name.partition(":")[0] for name in self.devices}
        require(
            all(self.devices) and len(kinds) == 1,
            f"--device must be one, or several of a kind with commas between: {self.device!r}",
        )
        require(
            not (self.write_card and self.run),
            "a run has no card to write into: export it, then evaluate the --model",
        )
        plain = (self.mode, self.bound, self.family_size) == ("fixed", "top", 1)
        require(
            plain or not self.write_card,
            "the figures of a card are those of mode fixed, bound top and family_size 1, so that "
            "cards can be compared",
        )

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices by name, in the order they were given."""
        return tuple(name.strip() for name in self.device.split(","))

    @property
    def num_workers(self) -> int:
        """Images in work at once."""
        return max(self.workers, len(self.devices))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareConfig:
    """Tables of several evaluations side by side, ours or others' in the same format.

    Attributes:
        tables: TSVs with the columns idx, label, predict and radius.
        names: What each table is of, in their order; tables of one name and several sigmas are
            one method, and get an envelope. Else the models' or the files' names.
        sigmas: Noise level of each table, in their order; else what our tables say themselves.
        radii: At which to compare; else every quarter up to the largest certified radius.
        common: Only the images that all tables have.
        alpha: Recompute the radii at this alpha, from the counts beside our tables.
        out: Markdown file to write, with the curves beside it as .png; None to only print.

    Raises:
        BadConfig: There are not as many names or sigmas as tables, a radius is negative, or the
            Markdown would replace a table.
    """

    tables: tyro.conf.Positional[tuple[Path, ...]]
    names: tuple[str, ...] = ()
    sigmas: tuple[float, ...] = ()
    radii: tuple[float, ...] = ()
    common: bool = False
    alpha: float | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        require(len(self.tables) > 0, "name one table or more")
        for option, given in (("--names", self.names), ("--sigmas", self.sigmas)):
            require(
                len(given) in (0, len(self.tables)),
                f"{option} must be one a table: {len(self.tables)} tables, {len(given)} given",
            )
        require(all(sigma > 0 for sigma in self.sigmas), "--sigmas must be above 0")
        require(all(radius >= 0 for radius in self.radii), "--radii must be at least 0")
        require(
            self.out is None or self.out.suffix.lower() not in _NO_MARKDOWN,
            f"--out is the Markdown file, such as compared.md, got {self.out}: the curves go "
            "beside it as .png",
        )
        require(
            self.out not in self.tables,
            f"--out {self.out} is one of the tables, which it would replace; name another file",
        )
