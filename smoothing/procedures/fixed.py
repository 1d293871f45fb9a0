"""Mode fixed: the class and its radius, with exactly n draws."""

from dataclasses import dataclass

from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.procedures.proof import Proof, certificate, prove_from_fresh
from smoothing.procedures.protocol import DrawMore, votes_of
from smoothing.votes import Phase, Tally, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedProcedure:
    """Algorithm CERTIFY: n0 draws select the class, n fresh draws bound its probability.

    Attributes:
        params: n0, n, alpha and sigma of the certificate.
        num_classes: The number of classes that are voted on.

    Source:
        Cohen et al. (2019), section 3.2.2, algorithm CERTIFY.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """All of selection, then all of estimation, then the certificate.

        When every selection draw was invalid there is no class to estimate, and the
        abstention comes at once.

        Raises:
            InvalidCounts: More votes than asked for, estimation before selection was
                complete, or another number of classes.
        """
        selection, estimation = self._votes(tally)
        if selection.total < self.params.n0:
            return DrawMore(phase=Phase.SELECTION, start=selection.total, stop=self.params.n0)
        if selection.leader is not None and estimation.total < self.params.n:
            return DrawMore(phase=Phase.ESTIMATION, start=estimation.total, stop=self.params.n)
        return self._certificate(selection, estimation)

    def draws_planned(self, tally: Tally) -> int:
        """n0 + n; only n0 when there is no class to estimate."""
        selection, _ = self._votes(tally)
        return self.params.n0 + self._estimation_draws(selection)

    def interim(self, tally: Tally) -> Certificate | None:  # noqa: ARG002 - no look is early enough
        """None: looking at a bound for fixed n before the end would break it."""
        return None

    def _votes(self, tally: Tally) -> tuple[Votes, Votes]:
        n0, classes = self.params.n0, self.num_classes
        selection = votes_of(tally, Phase.SELECTION, num_classes=classes, most=n0)
        most = self._estimation_draws(selection) if selection.total == n0 else 0
        return selection, votes_of(tally, Phase.ESTIMATION, num_classes=classes, most=most)

    def _estimation_draws(self, selection: Votes) -> int:
        hopeless = selection.total == self.params.n0 and selection.leader is None
        return 0 if hopeless else self.params.n

    def _certificate(self, selection: Votes, estimation: Votes) -> Certificate:
        selected = selection.leader
        return certificate(
            self.params,
            Proof() if selected is None else prove_from_fresh(estimation, selected, self.params),
            selected=selected,
            tally={Phase.SELECTION: selection, Phase.ESTIMATION: estimation},
        )
