"""Features of a step some way ahead, from what was known at its origin: for members that learn from many origins.

Every value from the series is a value at or before the origin less the origin's level, on the member's scale.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Floats
from headroom.forecasting.calendar import Flags
from headroom.forecasting.ordinary_hours import ordinary_hours
from headroom.forecasting.scale import Scale
from headroom.forecasting.series import ONE_HOUR, Series

Steps = npt.NDArray[np.int64]

_DAYS: Final = 7
_WEEKS: Final = 4
_FIRST_WEEKDAY: Final = 3
"""1970-01-01, from which hours are counted, was a Thursday; Monday is 0."""
_WEEKEND_FROM: Final = 5
FEATURE_NAMES: Final = (
    *("steps_ahead", "hour", "weekday", "is_weekend"),
    *("newest", "newest_but_one", "newest_but_two", "newest_over_day_before", "newest_over_week_before"),
    *("day_before", "two_days_before", "three_days_before", "mean_of_days", "week_before", "two_weeks_before"),
    *("weeks_over_days", "mean_of_day", "change_of_day", "change_of_week", "step_into", "step_out_of"),
)
"""Of the values at the hour's own phase: the latest known days and weeks before it, at whole days and weeks.

Trees that are kept name them by their place: other names, or another order, ask for a new FORMAT of selections.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AheadFeatures:
    """A series prepared for asking: its ordinary hours on a scale, and the calendar to beyond its end.

    `known`: shape (n,), NaN unseen, holidays and events too (a holiday must not echo a day later; the flags say when
    one comes). `hour`, `weekday`: per step, to `horizon_steps` after the end. `flags`: by kind, of the same length.
    """

    day: int
    week: int
    known: Floats
    hour: Steps
    weekday: Steps
    flags: tuple[Flags, ...]

    def rows(self, origins: Steps, steps_ahead: Steps) -> tuple[Floats, Floats]:
        """Return features (rows, FEATURE_NAMES and a column per flag) and each row's offset: the mean of recent days.

        `origins`: steps known at each row's origin. `steps_ahead`: 1 is the step right after it.
        """
        level = _trailing_mean(self.known, self.week)
        level_of_day = _trailing_mean(self.known, self.day)
        target = origins + steps_ahead - 1
        newest = self._at(origins - 1)
        day_before = target - self.day * -(-steps_ahead // self.day)
        week_before = target - self.week * -(-steps_ahead // self.week)
        days = [self._at(day_before - self.day * back) for back in range(_DAYS)]
        weeks = [self._at(week_before - self.week * back) for back in range(_WEEKS)]
        mean_of_days, mean_of_weeks, base = _mean_of_seen(days), _mean_of_seen(weeks), level[origins]
        after = np.where(day_before + 1 < origins, self._at(day_before + 1), np.nan)
        columns = [
            *(steps_ahead, self.hour[target], self.weekday[target], self.weekday[target] >= _WEEKEND_FROM),
            *(newest - base, self._at(origins - 2) - base, self._at(origins - 3) - base),
            *(newest - self._at(origins - 1 - self.day), newest - self._at(origins - 1 - self.week)),
            *(days[0] - base, days[1] - base, days[2] - base, mean_of_days - base),
            *(weeks[0] - base, weeks[1] - base, mean_of_weeks - mean_of_days),
            *(level_of_day[origins] - base, level_of_day[origins] - level_of_day[np.maximum(origins - self.day, 0)]),
            *(base - level[np.maximum(origins - self.week, 0)], self._at(day_before - 1) - days[0], after - days[0]),
            *(flag[target] for flag in self.flags),
        ]
        return np.column_stack(columns).astype(np.float64), np.where(np.isfinite(mean_of_days), mean_of_days, base)

    def _at(self, positions: Steps) -> Floats:
        """Return what was seen at `positions`, NaN before the first; callers ask for no position past their origin."""
        values: Floats = np.where(positions >= 0, self.known[np.clip(positions, 0, len(self.known) - 1)], np.nan)
        return values


def ahead_features(series: Series, scale: Scale, *, horizon_steps: int, kinds: tuple[str, ...]) -> AheadFeatures:
    """Prepare `series` on `scale`; `kinds`: the holiday and event flags to tell of, as its calendar names them."""
    week = series.seasons[1] if len(series.seasons) > 1 else _DAYS * series.day
    hours = np.concatenate([series.hours, series.hours_after(horizon_steps)])
    count = (hours.astype("datetime64[s]") - np.datetime64(0, "s")) // ONE_HOUR
    flags = series.calendar.flags(hours) if kinds else {}
    none = np.zeros(len(hours), dtype=bool)
    return AheadFeatures(
        day=series.day,
        week=week,
        known=scale.forward(ordinary_hours(series).series.observed),
        hour=count % series.day,
        weekday=(count // series.day + _FIRST_WEEKDAY) % max(week // series.day, 1),
        flags=tuple(flags.get(kind, none) for kind in kinds),
    )


def _mean_of_seen(values: list[Floats]) -> Floats:
    rows = np.array(values)
    is_seen = np.isfinite(rows)
    total, seen = np.where(is_seen, rows, 0.0).sum(axis=0), is_seen.sum(axis=0)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def _trailing_mean(values: Floats, steps: int) -> Floats:
    """Return the mean of up to `steps` newest seen values by how many are known, shape (n + 1,); NaN where none is."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    seen = np.concatenate([[0], np.cumsum(np.isfinite(values))])
    first = np.maximum(np.arange(len(values) + 1) - steps, 0)
    count = seen - seen[first]
    return np.where(count > 0, (total - total[first]) / np.maximum(count, 1), np.nan)
