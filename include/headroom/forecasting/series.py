"""One series of demand on a complete spine of hours, and the seed that belongs to it."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from headroom.domain.demand import Floats, Hours
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.level_shift import brought_to_new_level
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK

ONE_HOUR: Final = np.timedelta64(1, "h")
DEFAULT_SEASONS: Final = (HOURS_PER_DAY, HOURS_PER_WEEK)
LONGEST_HISTORY_STEPS: Final = 12 * HOURS_PER_WEEK
"""Members learn from the newest 12 weeks at most: what is older says little of a growing service, and costs."""
_CEILING_FACTOR: Final = 4.0
"""No quantile exceeds this multiple of the largest value seen: no trend or error ratio is to be believed beyond."""
_OUTLIER_QUANTILE: Final = 0.98
_OUTLIER_FACTOR: Final = 8.0
"""A value above 8 times the q98 of a series counts as that much: a broken counter, or a burst no plan should repeat."""
_SEED_RANGE: Final = 2**31 - 1


class ForecastError(ValueError):
    """A series cannot be forecast at all; the message names it and says what was found and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Values one step apart, NaN where a step was not seen; the end of `observed` is "now".

    `hours`: datetime64[s], shape (n,), one hour apart (series with other steps get an invented axis of hours).
    `observed`: shape (n,). `seasons`: season lengths in steps, ascending; the first is "a day".
    """

    series_id: str
    hours: Hours
    observed: Floats
    seasons: tuple[int, ...] = DEFAULT_SEASONS
    calendar: Calendar = field(default_factory=Calendar)
    outlier_count: int = 0
    """Values that were limited by `limit_outliers`."""
    raised_count: int = 0
    """Values of saturated hours that were raised to what is usual (see saturated_hours.py)."""
    level_shift: tuple[float, int] | None = None
    """The factor and the steps since, where older values were brought to the new level (see level_shift.py)."""

    def __len__(self) -> int:
        return len(self.observed)

    @property
    def day(self) -> int:
        """Length of the shortest season in steps."""
        return self.seasons[0]

    @property
    def trailing_gap(self) -> int:
        """Steps at the end that were not seen."""
        seen = np.flatnonzero(np.isfinite(self.observed))
        return len(self) - 1 - int(seen[-1]) if len(seen) else len(self)

    @property
    def is_nonnegative(self) -> bool:
        """Whether no value seen is negative, so that no forecast may be."""
        seen = self.observed[np.isfinite(self.observed)]
        return not (seen < 0).any()

    @property
    def ceiling(self) -> float:
        """The most any quantile may say; infinite for series that are never above zero."""
        largest = float(np.nanmax(self.observed))
        return _CEILING_FACTOR * largest if largest > 0 else float("inf")

    def until(self, steps: int) -> "Series":
        """Return the first `steps` steps: all that was known at that origin."""
        return replace(self, hours=self.hours[:steps], observed=self.observed[:steps])

    def until_last_seen(self) -> "Series":
        """Return the series without its trailing gap."""
        return self.until(len(self) - self.trailing_gap)

    def newest(self, steps: int) -> "Series":
        """Return the last `steps` steps."""
        return replace(self, hours=self.hours[-steps:], observed=self.observed[-steps:])

    def hours_after(self, horizon_steps: int) -> Hours:
        """Return the `horizon_steps` hours that follow the series' end."""
        hours: Hours = self.hours[-1] + ONE_HOUR * np.arange(1, horizon_steps + 1)
        return hours


def trim_start(series: Series) -> Series:
    """Return the series from its first seen value on, and no more than the newest LONGEST_HISTORY_STEPS.

    Raises ForecastError where that leaves no value.
    """
    seen = np.flatnonzero(np.isfinite(series.observed))
    if not len(seen):
        raise ForecastError(f"{series.series_id}: no value was ever seen, so there is nothing to forecast from")
    if series.trailing_gap >= LONGEST_HISTORY_STEPS:
        raise ForecastError(f"{series.series_id}: no value in the newest {LONGEST_HISTORY_STEPS} steps")
    return series.newest(min(len(series) - int(seen[0]), LONGEST_HISTORY_STEPS))


def limit_outliers(series: Series) -> Series:
    """Return the series with absurdly large values limited, where two days or more say what is usual."""
    seen = series.observed[np.isfinite(series.observed)]
    limit = _OUTLIER_FACTOR * float(np.quantile(seen, _OUTLIER_QUANTILE))
    if len(seen) < 2 * series.day or limit <= 0:
        return series
    is_outlier = series.observed > limit
    return replace(series, observed=np.where(is_outlier, limit, series.observed), outlier_count=int(is_outlier.sum()))


def prepare(series: Series) -> Series:
    """Return what members learn from: trimmed (which may refuse), outliers limited, older hours at the new level."""
    return brought_to_new_level(limit_outliers(trim_start(series)))


def seed_of(series_id: str, *, seed: int = 0) -> int:
    """Return the seed of a series: from its id, so that neither order nor number of jobs changes a result.

    >>> seed_of("chat-large") == seed_of("chat-large")
    True
    """
    digest = hashlib.sha256(f"{seed}:{series_id}".encode()).hexdigest()
    return int(digest[:8], 16) % _SEED_RANGE
