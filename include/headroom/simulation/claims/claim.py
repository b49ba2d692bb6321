"""What a claim is, how its verdict is reached, and the words that all of them share; no figure of ours."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headroom.simulation.claims.playing import PlayedClaims
from headroom.simulation.engine import Run
from headroom.units import MILLISECONDS_PER_SECOND, percent_from_fraction

POINT_TOLERANCE: Final = 0.10
"""A single figure holds where the replay comes within a tenth of it; a range holds inside its ends."""
USD_A_MONTH: Final = "USD a month"


class Verdict(StrEnum):
    """What the replay says of a claim."""

    GIVEN = "given"
    HOLDS = "holds"
    MORE = "more than claimed"
    FAILS = "does not hold"
    OPEN = "open"


class Better(StrEnum):
    """Which side of the claim would please its author."""

    LESS = "less"
    MORE = "more"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the replay measured of a claim, in the claim's unit (None: nothing), and why it came out so."""

    value: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A figure of the article: `low` to `high` in `unit`, one number where both are equal; `high` infinite: at least.

    `words`: as they stand there. `reading`: what of the replay is set against it. `measure` gives that. `is_given`: the
    scenario was made from it.
    """

    key: str
    words: str
    reading: str
    unit: str
    low: float
    high: float
    measure: Callable[[PlayedClaims], Measured]
    better: Better = Better.MORE
    is_given: bool = False

    def verdict(self, value: float | None) -> Verdict:
        """Return the verdict on a measured value; what was not measured is open."""
        if value is None or not math.isfinite(value):
            return Verdict.OPEN
        if self.is_given:
            return Verdict.GIVEN
        slack = POINT_TOLERANCE * abs(self.low) if self.low == self.high else 0.0
        if self.low - slack <= value <= self.high + slack:
            return Verdict.HOLDS
        is_beyond = {Better.LESS: value < self.low, Better.MORE: value > self.high, Better.NEITHER: False}
        return Verdict.MORE if is_beyond[self.better] else Verdict.FAILS


def share_text(fraction: float, *, digits: int = 0) -> str:
    """Return a fraction as percent in words.

    >>> share_text(0.964, digits=1)
    '96.4 %'
    """
    return f"{percent_from_fraction(fraction):.{digits}f} %"


def p95_ms(run: Run) -> float:
    """Return the 95th percentile of latency in milliseconds."""
    return run.latency_seconds(95.0) * MILLISECONDS_PER_SECOND


def open_because(reason: str) -> Callable[[PlayedClaims], Measured]:
    """Return the measure of what cannot be played yet."""
    return lambda _: Measured(value=None, why=f"Open: {reason}.")
