"""What a certificate is computed with, and what it refuses to be computed with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from math import floor
from typing import Literal, get_args

from smoothing.errors import InvalidParams
from smoothing.limits import MAX_DRAWS, Method, fewest_draws, smallest, unanimous_radius
from smoothing.ranges import check_choice, check_draws, number_in, precision_in, radius_in

Mode = Literal["fixed", "adaptive", "decide", "anytime", "predict"]
"""What is asked, how many draws answer it, and when they are looked at; see
`smoothing.procedures`."""

Numerics = Literal["sound", "fast"]
"""How noise is drawn and added; see `smoothing.noise`. "fast" is labelled heuristic."""

Bound = Literal["top", "runner-up"]
"""Which probabilities are bounded: "top" takes the runner-up's as one minus the top's."""

TOTAL_VARIATION: Mapping[Numerics, float] = {"sound": 1e-7, "fast": 0.0}
"""Distance in total variation of one draw's noise from the ideal law, subtracted from
`p_lower` before the radius. Proved for "sound"; for "fast" nothing is known, so nothing
is subtracted, and the certificate is heuristic."""

MAX_SIGMA = 10.0
MIN_ALPHA = 1e-9
"""Below this the arithmetic of the bound is no longer good enough to claim it."""

MAX_ALPHA = 0.5
DEFAULT_N0 = 100
PILOT_DRAWS = 128
"""The first look of an adaptive pilot."""

_READS: Mapping[Mode, tuple[str, ...]] = {
    "fixed": ("n0", "n", "bound"),
    "adaptive": ("n", "bound", "precision"),
    "decide": ("n", "radius"),
    "anytime": ("n",),
    "predict": ("n",),
}
"""Beyond sigma, alpha, family_size and numerics, which every mode reads."""

_UNSET: Mapping[str, object] = {
    "n0": DEFAULT_N0,
    "bound": "top",
    "precision": None,
    "radius": None,
}
"""What a parameter must be left at in a mode that does not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingParams:
    """What a certificate is computed with. Two equal values give comparable radii.

    A parameter that the mode does not read has to be left at its default.

    Attributes:
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; in (0, 10].
        mode: Which procedure draws and decides.
        n0: Draws that select the class, for "fixed"; in [1, 1,000,000].
        n: Draws that answer, none shared with those that select a class: exactly so many for
            "fixed" and "predict", at most so many else. At most 1,000,000, and enough that an
            answer is possible at all.
        alpha: Probability that the certificate, or any of its family, is wrong; in [1e-9, 0.5].
        numerics: How noise is drawn and added.
        bound: Which probabilities are bounded, for "fixed" and "adaptive".
        precision: The share of the radius n draws would give that may be lost, for "adaptive"; in
            (0, 1), 0.05 if not given.
        radius: The radius that is asked about, for "decide", in units of a [0, 1] pixel; rounded up
            to six decimals, and no more than n unanimous draws can show.
        family_size: Certificates that alpha is for: each of them gets alpha / family_size.

    Raises:
        InvalidParams: A value is out of its range; `.field` names it.
    """

    sigma: float
    mode: Mode = "fixed"
    n0: int = DEFAULT_N0
    n: int = 10_000
    alpha: float = 0.001
    numerics: Numerics = "sound"
    bound: Bound = "top"
    precision: float | None = None
    radius: float | None = None
    family_size: int = 1

    def __post_init__(self) -> None:
        # 1 and 1.0 are one request: the digest of the parameters must not tell them apart.
        object.__setattr__(self, "sigma", number_in(self.sigma, "sigma", MAX_SIGMA))
        object.__setattr__(self, "alpha", number_in(self.alpha, "alpha", MAX_ALPHA, MIN_ALPHA))
        check_draws(self.n0, "n0")
        check_draws(self.n, "n")
        check_choice(self.mode, "mode", get_args(Mode))
        check_choice(self.numerics, "numerics", get_args(Numerics))
        check_choice(self.bound, "bound", get_args(Bound))
        self._check_family_size()
        self._check_unread()
        if self.mode == "adaptive":
            object.__setattr__(self, "precision", precision_in(self.precision))
        if self.mode == "decide":
            object.__setattr__(self, "radius", radius_in(self.radius))
        self._check_enough_draws()
        if self.mode == "decide":
            self._check_reachable()

    @property
    def total_variation(self) -> float:
        """What the numerics cost: subtracted from `p_lower` before the radius."""
        return TOTAL_VARIATION[self.numerics]

    @property
    def alpha_each(self) -> float:
        """Probability that this one certificate of its family is wrong."""
        return self.alpha / self.family_size

    @property
    def method(self) -> Method:
        """The bound that the answer rests on."""
        if self.mode == "predict":
            return "binomial_test"
        if self.mode in ("decide", "anytime"):
            return "truncated_mixture"
        return "clopper_pearson" if self.bound == "top" else "clopper_pearson_runner_up"

    @property
    def radius_ceiling(self) -> float:
        """The largest radius that these parameters can certify: n draws, all agreeing."""
        return self._radius_at(self.n, self.alpha_each)

    def stated(self) -> dict[str, str | int | float]:
        """The parameters that the mode reads, by name: enough to make an equal value from.

        `family_size` is there only where it is above 1.
        """
        return {
            name: getattr(self, name)
            for name in _stated(self.mode)
            if name != "family_size" or self.family_size > 1
        }

    def dice(self) -> dict[str, str | int | float]:
        """What of the parameters decides the votes: for the digest that the noise key is made of.

        Fewer than decide the certificate. Asking the same question at another alpha, precision or
        radius, or with more draws, must meet the same dice, or an answer could be tried again. A
        `decide` and an `anytime` share theirs, so all their answers about an image hold together:
        their bound does, for one sequence of draws. (`fixed` has n0, n and bound, as ever.)
        """
        common = {"sigma": self.sigma, "numerics": self.numerics}
        if self.mode == "fixed":
            return {**common, "mode": "fixed", "n0": self.n0, "n": self.n, "bound": "top"}
        sequential = self.method == "truncated_mixture"
        return {**common, "mode": "sequential" if sequential else self.mode}

    def _radius_at(self, n: int, alpha: float) -> float:
        return unanimous_radius(
            n,
            method=self.method,
            alpha=alpha,
            sigma=self.sigma,
            total_variation=self.total_variation,
        )

    def _shared_alpha(self) -> str:
        family = f", family_size={self.family_size}" if self.family_size > 1 else ""
        return f"alpha={self.alpha}{family}"

    def _fewest_to_reach(self, low: int) -> int | None:
        """How many draws, at least `low`, can show the radius; None where no number can."""
        radius = self.radius or 0.0
        return smallest(lambda n: self._radius_at(n, self.alpha_each) >= radius, low, MAX_DRAWS)

    def _check_family_size(self) -> None:
        most = floor(self.alpha / MIN_ALPHA * (1 + 1e-12))
        size: object = self.family_size
        if type(size) is not int or not 1 <= size <= most:
            raise InvalidParams(
                f"family_size must be a whole number in [1, {most}] at alpha={self.alpha}, "
                f"got {size!r}: each certificate gets alpha / family_size, at least {MIN_ALPHA:g}",
                field="family_size",
                nearest=most if type(size) is int and size > most else 1,
            )

    def _check_unread(self) -> None:
        for name, unset in _UNSET.items():
            value = getattr(self, name)
            if name in _READS[self.mode] or value == unset:
                continue
            readers = [mode for mode, names in _READS.items() if name in names]
            raise InvalidParams(
                f"{name} is for mode {' or '.join(readers)}; leave it out in mode {self.mode}, "
                f"got {value!r}",
                field=name,
            )

    def _check_enough_draws(self) -> None:
        fewest = fewest_draws(
            method=self.method, alpha=self.alpha_each, total_variation=self.total_variation
        )
        if self.n < fewest:
            asked, needed = "", fewest
            if self.mode == "decide":
                asked, needed = f", radius={self.radius}", self._fewest_to_reach(fewest) or fewest
            raise InvalidParams(
                f"n must be at least {needed} at {self._shared_alpha()}{asked}, got {self.n}: "
                f"with fewer draws every answer is an abstention",
                field="n",
                nearest=needed,
            )
        if self.mode == "adaptive" and self.n < PILOT_DRAWS:
            raise InvalidParams(
                f"n must be at least {PILOT_DRAWS} in mode adaptive, got {self.n}: "
                f"the pilot alone has as many; mode fixed takes fewer",
                field="n",
                nearest=PILOT_DRAWS,
            )

    def _check_reachable(self) -> None:
        radius, ceiling = self.radius or 0.0, self.radius_ceiling
        if radius <= ceiling:
            return
        n = self._fewest_to_reach(self.n)
        alphas = _round_alphas(self.alpha)
        rung = smallest(
            lambda i: self._radius_at(self.n, alphas[i] / self.family_size) >= radius,
            0,
            len(alphas) - 1,
        )
        ways = [f"n={n}"] if n else []
        ways += [] if rung is None else [f"alpha={alphas[rung]:g}"]
        help_ = f"{' or '.join(ways)} would do" if ways else "no n or alpha would do"
        raise InvalidParams(
            f"radius must be at most {ceiling} with sigma={self.sigma}, n={self.n}, "
            f"{self._shared_alpha()}, got {radius}: even unanimous draws show no more; {help_}",
            field="radius",
            nearest=ceiling or None,
        )


def _round_alphas(above: float) -> list[float]:
    """Every alpha of two digits from one to `MAX_ALPHA`, in order."""
    rungs = (float(f"{digits}e{power}") for power in range(-10, -1) for digits in range(10, 100))
    return [alpha for alpha in rungs if above <= alpha <= MAX_ALPHA]


@cache
def _stated(mode: Mode) -> tuple[str, ...]:
    names = ("sigma", "mode", "alpha", "numerics", "family_size", *_READS[mode])
    return tuple(field.name for field in fields(SmoothingParams) if field.name in names)
