"""The model that is measured, the runtimes that it has here, and images to certify."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.peers import Art, CohenLoop
from model_store.card import ModelCard
from model_store.classifier import Classifier, load_classifier, load_plain
from model_store.errors import RuntimeRefused
from model_store.evidence import Evaluation
from model_store.preprocessing import prepare
from model_store.registry import Registry
from model_store.runtimes import Opened, Wishes, open_runtime
from smoothing.sampler import Sampler
from training.config import EvaluateConfig
from training.evaluation.images import LabelledImage, choose_images

EXAMPLES = Path(__file__).parents[1] / "examples" / "images"
STRIDE = 20
EQUAL_WITHIN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model in a store.

    Attributes:
        card: Of the model.
        directory: Where its weights are.
        sigma: Of the noise.
    """

    card: ModelCard
    directory: Path
    sigma: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image."""
        return 3, self.card.preprocessing.size, self.card.preprocessing.size

    def opened(self, wishes: Wishes) -> Opened:
        """A runtime of it."""
        return open_runtime(self.card, self.directory, wishes)

    def sampler(self, opened: Opened) -> Sampler:
        """On a runtime."""
        return Sampler(
            opened.runtime,
            num_classes=self.card.num_classes,
            input_shape=self.shape,
            batch_size=opened.runtime.batch_size,
        )

    def network(self, *, plain: bool) -> Classifier:
        """The torch module: of timm's own layers, or with our faster ones."""
        if plain:
            return load_plain(self.card, self.directory)
        return load_classifier(self.card, self.directory)

    def art(self, *, plain: bool) -> Art:
        """ART on it."""
        return Art(
            self.network(plain=plain),
            num_classes=self.card.num_classes,
            shape=self.shape,
            sigma=self.sigma,
        )

    def cohen(self, *, plain: bool) -> CohenLoop:
        """Cohen's loop on it."""
        return CohenLoop(
            network=self.network(plain=plain),
            num_classes=self.card.num_classes,
            sigma=self.sigma,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """An image to certify.

    Attributes:
        tensor: Shape (3, size, size).
        label: Its class.
        key: Of its noise.
    """

    tensor: NDArray[np.float32]
    label: int
    key: bytes


def open_subject(options: Namespace) -> Subject:
    """The model that the options name."""
    registry = Registry(options.store, default_id=options.model)
    card = registry.default()
    sigma = options.sigma or card.sigmas[0]
    return Subject(card=card, directory=registry.path(card.id), sigma=sigma)


def relatives(subject: Subject, store: Path) -> list[Subject]:
    """The model, it in bfloat16, and the quantised ones that were made of it."""
    registry, card = Registry(store), subject.card
    rounded = replace(card, weights=replace(card.weights, precision="bfloat16"), evaluations=())
    quantised = [
        replace(subject, card=other, directory=registry.path(other.id))
        for other in map(registry.get, registry.ids())
        if other.weights.precision == "int8"
        and any(card.weights.sha256 in note for note in other.provenance.notes)
    ]
    return [subject, replace(subject, card=rounded), *quantised]


def best_wishes(options: Namespace, name: str = "auto") -> Wishes:
    """For a runtime whose settings are measured; in a quick run they are any."""
    if options.quick:
        return Wishes(name=name, batch_size=16, streams=1)
    return Wishes(name=name)


def runtimes(subject: Subject, options: Namespace) -> list[tuple[Subject, Opened]]:
    """Eager float32, and whatever else runs here; those that are refused are left out."""
    found = [(subject, subject.opened(best_wishes(options, "eager")))]
    for each in [subject] if options.quick else relatives(subject, options.store):
        try:
            opened = each.opened(best_wishes(options, "openvino"))
        except RuntimeRefused:
            continue
        if opened.fallback is None:
            found.append((each, opened))
    return found


def fastest_equal(subject: Subject, options: Namespace) -> Subject:
    """A quantised one whose certified accuracy is shown to be equal, where there is one."""
    for other in [] if options.quick else relatives(subject, options.store)[2:]:
        gap = accuracy_gap(subject.card, other.card)
        if gap is not None and gap <= EQUAL_WITHIN:
            return other
    return subject


def accuracy_gap(card: ModelCard, other: ModelCard) -> float | None:
    """By how much certified accuracy differs at worst; None where no cards' figures compare.

    Cards of the same weights in the same precision are the same function: 0.
    """
    same = card.weights.sha256 == other.weights.sha256
    if same and card.weights.precision == other.weights.precision:
        return 0.0
    gaps = [
        max(abs(dict(one.certified_accuracy)[radius] - share) for radius, share in curve)
        for one in card.evaluations
        for two in other.evaluations
        if _measured_as(one) == _measured_as(two)
        and (curve := [p for p in two.certified_accuracy if p[0] in dict(one.certified_accuracy)])
    ]
    return max(gaps, default=None)


def _measured_as(evaluation: Evaluation) -> tuple[object, ...]:
    each = evaluation
    return each.sigma, each.n0, each.n, each.alpha, each.images, each.num_images


def pictures(subject: Subject, data: Path) -> tuple[str, list[Picture]]:
    """What the images are, in words; and the images, in an order whose beginnings are fair too."""
    labels = subject.card.labels
    if data.is_dir():
        config = EvaluateConfig(model=subject.card.id, data=data, stride=STRIDE)
        listed: Sequence[LabelledImage] = choose_images(config, data, labels)
        words = f"test images (every {STRIDE}th of `{data.name}`, shuffled)"
    else:
        listed = [
            LabelledImage(index=at, label=labels.index(path.stem), source=path)
            for at, path in enumerate(sorted(EXAMPLES.glob("*.jpg")))
            if path.stem in labels
        ]
        words = "images of `examples/`, since there is no folder of test images"
    order = np.random.default_rng(0).permutation(len(listed))
    return words, [_picture(listed[at], subject.card) for at in order]


def _picture(image: LabelledImage, card: ModelCard) -> Picture:
    prepared = prepare(image.decoded(), card.preprocessing)
    return Picture(
        tensor=prepared.tensor.copy(), label=image.label, key=image.index.to_bytes(32, "big")
    )
