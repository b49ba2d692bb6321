"""Drift: whether demand has left what the forecasts said of it, hour after hour, further than chance does.

Three one-sided cumulative sums (Page 1954, Biometrika 41, 100-115) of scaled errors: too high, too low, too large.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats

_SCORE_OF_Q90: Final = 1.2816
_MOST_SCORE: Final = 4.0
"""A freak hour counts for 4 standard deviations: one alone is no drift."""
_REFERENCE: Final = 0.5
"""Errors below half a standard deviation are chance: with it, shifts of one standard deviation are found soonest
(Montgomery, Introduction to Statistical Quality Control, 9.1)."""
THRESHOLD: Final = 5.0
"""A shift of two standard deviations is found in 4 hours, and independent normal errors reach it by chance after 940
hours (Siegmund 1985, Sequential Analysis, 2.6), for each of the three sums.

Measured over the last five days of 45 series of the groups "load" and "other" of docs/decisions/0020-which-members.md,
cheap members, the next 24 hours: 4.0 % less pinball loss than without the detector and 82 % instead of 80 % inside the
80 % band; with demand 1.6 times as high for the last three days 7.8 % less, 72 % instead of 67 % inside. It matters
little: from 3 to 8 the figures are 3.8 to 4.1 % and 6.9 to 8.6 %; 3 alarms twice as often as 5, 8 half as often.
"""
_USUAL_SIZE: Final = 0.798
"""Mean size of a standard normal error, sqrt(2 / pi)."""
_MOST_WIDENING: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """`hours`: how long the sum has grown. `widening`: by how much, at least, bands should be wider; 1 or more."""

    hours: int
    widening: float
    direction: str
    """"above", "below" or "around" the forecasts: where demand was."""

    def remark(self, *, is_widened: bool) -> str:
        """Return the drift in words, for a forecast's note; `is_widened`: whether bands are wider for it."""
        wider = f"bands are at least {self.widening:.1f} times as wide, " if is_widened else ""
        return f"demand has drifted {self.direction} its forecasts for {self.hours} h: {wider}members due"


_REMARK: Final = re.compile(
    r"demand has drifted (?:above|below|around) its forecasts for \d+ h: (?:bands are [^;]+, )?members due"
)
"""As `remark` writes it, and as it did before it told the width."""


def drift_told_in(note: str) -> str:
    """Return the remark on drift in a stored forecast's note, empty where there is none.

    >>> drifted = Drift(hours=3, widening=1.84, direction="above")
    >>> drift_told_in("weights from 72 origins; " + drifted.remark(is_widened=True))
    'demand has drifted above its forecasts for 3 h: bands are at least 1.8 times as wide, members due'
    """
    told = _REMARK.search(note)
    return told.group() if told else ""


def find_drift(demand: Floats, *, low: Floats, median: Floats, high: Floats) -> Drift | None:
    """Return the drift that lasts at the end of `demand` (n,), oldest first; None where there is none.

    `low`, `median` and `high`: q10, q50 and q90 of each hour as said before it began. NaN where an hour was not seen.
    """
    scores = _scores(demand, low, median, high)
    sums = {
        "above": _cumulative_sum(scores - _REFERENCE),
        "below": _cumulative_sum(-scores - _REFERENCE),
        "around": _cumulative_sum(np.abs(scores) - _USUAL_SIZE - _REFERENCE),
    }
    direction, largest = max(sums.items(), key=lambda item: item[1][-1] if len(item[1]) else 0.0)
    if not len(largest) or largest[-1] <= THRESHOLD:
        return None
    hours = len(largest) - 1 - int(np.flatnonzero(np.concatenate([[0.0], largest[:-1]]) == 0)[-1]) + 1
    size = float(np.abs(scores[-hours:]).mean()) / _USUAL_SIZE
    return Drift(hours=hours, widening=float(np.clip(size, 1.0, _MOST_WIDENING)), direction=direction)


def _scores(demand: Floats, low: Floats, median: Floats, high: Floats) -> Floats:
    """Return the errors of the hours seen in standard deviations of the side of the band they lie on."""
    errors = demand - median
    width = np.where(errors > 0, high - median, median - low) / _SCORE_OF_Q90
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(errors == 0, 0.0, np.clip(errors / width, -_MOST_SCORE, _MOST_SCORE))
    return scores[np.isfinite(scores)]


def _cumulative_sum(steps: Floats) -> Floats:
    """Return the sums that start anew whenever they would fall below zero."""
    total = np.cumsum(steps)
    below: Floats = np.minimum(np.minimum.accumulate(total), 0.0)
    return total - below
