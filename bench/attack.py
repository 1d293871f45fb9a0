"""What an attacker finds inside certified balls: nothing, unless a certificate was wrong.

Projected gradient descent with expectation over the noise: each step ascends the loss of the mean
of the softmax over noisy copies, which is the smoothed classifier's own output, and projects back
into the certified ball. At its end PREDICT says what the smoothed classifier answers there. The
attacker knows the weights, and pixels may leave [0, 1]: the certificate has no such condition.

So that a weak attack does not pass for a strong defence, some images are attacked again within a
multiple of their radius, where it should often succeed.

Source: Salman et al. (2019), Provably Robust Deep Learning via Adversarially Trained Smoothed
Classifiers, arXiv 1906.04584, section 2.2.
"""

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.part import Measured, Part
from bench.peers import ALPHA, N0
from bench.report import Target, explanation, shown, table
from bench.subject import Picture, best_wishes, open_subject, pictures
from smoothing import SmoothingParams
from smoothing.certificate import Certificate
from smoothing.sampler import Sampler, certify

INSIDE = 0.999
"""Of the certified radius: a certificate says nothing of the ball's surface."""

STEP = 2.5
"""Length of all steps together, in radii: enough to cross the ball and to turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Projected gradient descent in an L2 ball, with expectation over Gaussian noise.

    Attributes:
        network: Noisy pixels to logits, in eval mode.
        sigma: Of the noise.
        steps: Gradient steps.
        samples: Noisy copies of each step.
        generator: Of the noise.
        rounded: Whether gradients are computed in bfloat16: about half as fast again on a
            processor that has it. What the classifier answers is never computed so.
    """

    network: nn.Module
    sigma: float
    steps: int
    samples: int
    generator: torch.Generator
    rounded: bool = False

    def strongest(
        self, image: NDArray[np.float32], label: int, *, radius: float
    ) -> NDArray[np.float32]:
        """An image no further than `radius` away that is taken for `label` as little as found.

        Args:
            image: Shape (channels, height, width).
            label: What the smoothed classifier calls it.
            radius: In the units of the pixels.
        """
        start = torch.from_numpy(image)
        change = torch.zeros_like(start)
        for _ in range(self.steps):
            slope = self._slope(start + change, label)
            length = float(slope.norm())
            if length > 0:
                change = change + slope * (STEP * radius / self.steps / length)
            change = change * min(1.0, radius / max(float(change.norm()), 1e-12))
        return (start + change).numpy()

    def _slope(self, image: Tensor, label: int) -> Tensor:
        """Of the loss of the label, at an image."""
        point = image.clone().requires_grad_()
        noise = torch.randn((self.samples, *image.shape), generator=self.generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.rounded):
            logits = self.network(point + self.sigma * noise)
        chances = logits.float().softmax(dim=1).mean(dim=0)
        loss = -chances[label].clamp_min(1e-12).log()
        (slope,) = torch.autograd.grad(loss, point)
        return slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What came of attacks in balls of one size.

    Attributes:
        times: The ball's radius in certified radii.
        answers: How often the answer was "same", "abstained" or "changed".
    """

    times: float
    answers: Counter[str]

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        counts = (self.answers[answer] for answer in ("same", "abstained", "changed"))
        return f"{self.times:g}", str(self.answers.total()), *map(str, counts)


def measure(options: Namespace) -> Measured:
    """Certify, attack, ask again."""
    subject = open_subject(options)
    words, found = pictures(subject, options.data)
    opened = subject.opened(best_wishes(options))
    sampler = subject.sampler(opened)
    attack = Attack(
        network=subject.network(plain=True),  # our faster layers have no gradient
        sigma=subject.sigma,
        steps=options.steps,
        samples=options.samples,
        generator=torch.Generator().manual_seed(0),
        rounded=options.bfloat16,
    )
    began = time.perf_counter()
    certified = _certified(found, sampler, subject.sigma, options)
    results = [
        _attacked(attack, sampler, certified[:images], times, options)
        for times, images in ((INSIDE, options.images), (options.control, options.controls))
    ]
    inside = results[0].answers
    header = ("radius, in certified radii", "images", "same", "abstained", "changed")
    minutes = (time.perf_counter() - began) / 60
    precision = "bfloat16" if options.bfloat16 else "float32"
    radii = [certificate.radius for _, certificate in certified]
    text = f"""{explanation(__doc__)}

{len(certified)} of the {words}, each certified at alpha {ALPHA} with n = {options.n:,} (mean radius
{np.mean(radii):.4f}), sigma {subject.sigma:g}, by {opened.info.summary}. {options.steps}
steps of {options.samples} samples, gradients in {precision}; PREDICT with {options.votes:,} draws
at alpha {ALPHA}. The whole took {minutes:.0f} minutes. PREDICT
abstains where so few draws do not tell, as near the edge of a ball they may not.

{table(header, (result.cells for result in results))}"""
    return text, [_target(inside)]


def _target(inside: Counter[str]) -> Target:
    return Target(
        what="smoothed predictions changed by an attack inside the certified ball",
        wanted="none",
        measured=f"{inside['changed']} of {inside.total()}",
        met=inside["changed"] == 0 if inside.total() else None,
    )


def _certified(
    found: Sequence[Picture], sampler: Sampler, sigma: float, options: Namespace
) -> list[tuple[Picture, Certificate]]:
    """The first images that have a certificate; labels play no part."""
    params = SmoothingParams(sigma=sigma, alpha=ALPHA, mode="fixed", n0=N0, n=options.n)
    certified: list[tuple[Picture, Certificate]] = []
    for picture in found:
        if len(certified) == options.images:
            break
        certificate = certify(sampler, picture.tensor, key=picture.key, params=params)
        if certificate.predicted is not None:
            certified.append((picture, certificate))
    return certified


def _attacked(
    attack: Attack,
    sampler: Sampler,
    certified: Sequence[tuple[Picture, Certificate]],
    times: float,
    options: Namespace,
) -> Attacked:
    params = SmoothingParams(sigma=attack.sigma, alpha=ALPHA, mode="predict", n=options.votes)
    answers: Counter[str] = Counter()
    for picture, certificate in shown(certified, f"attacks within {times:g} radii"):
        label = certificate.predicted
        assert label is not None  # noqa: S101 - chosen so
        point = attack.strongest(picture.tensor, label, radius=times * certificate.radius)
        answer = certify(sampler, point, key=picture.key[::-1], params=params).predicted
        same = "same" if answer == label else "changed"
        answers["abstained" if answer is None else same] += 1
    return Attacked(times=times, answers=answers)


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=50, help="certified images to attack")
    parser.add_argument("--steps", type=int, default=40, help="of gradient descent")
    parser.add_argument("--samples", type=int, default=128, help="of noise, each step")
    parser.add_argument("--bfloat16", action="store_true", help="compute gradients in bfloat16")
    parser.add_argument("--n", type=int, default=10_000, help="draws of a certificate")
    parser.add_argument("--votes", type=int, default=1_000, help="draws of PREDICT")
    parser.add_argument("--control", type=float, default=5.0, help="radii of the second attack")
    parser.add_argument("--controls", type=int, default=10, help="images attacked again")


PART = Part(
    name="attack",
    title="What was found",
    page="Attacks inside certified balls",
    how="Machine:",
    rounds=0,
    measure=measure,
    more=_options,
    quick={"images": 1, "steps": 2, "samples": 2, "n": 100, "votes": 50, "controls": 1},
)

if __name__ == "__main__":
    PART.main()
