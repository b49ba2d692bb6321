"""A level that moved for good: hours from before are brought to the new level, so that members repeat their shape."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calendar import Flags
from headroom.forecasting.medians import column_medians, row_medians
from headroom.forecasting.scale import choose_scale

if TYPE_CHECKING:
    from headroom.forecasting.series import Series

_LEAST_DAYS, _MOST_DAYS = 2, 10
"""A day alone may be an event; after ten days, weeks of the new level tell of it themselves.

A shift that lasts is worth it: where demand of 34 series of docs/decisions/0020-which-members.md was multiplied by 0.5,
1.6 or 2.5 two to seven days ago, pinball loss of the next 48 hours is 0.36 to 0.68 of what it is without.
One that passes costs: over 5,500 days of power, traffic, bicycles, car parks and small LLM services 40 such spells are
found, most of weather and of holidays that the calendar did not know, and there the loss is 1.17 times as high.
"""
_DAYS_BEFORE: Final = 14
"""Days needed from before the shift, to say what a day's usual departure is."""
_LEAST_SHIFT, _MOST_SHIFT = float(np.log(1.3)), float(np.log(3.0))
"""More than threefold is a burst: after those of BurstGPT's API, 9 to 23 times, the loss was 2.2 times as high."""
_LEAST_DEPARTURES: Final = 4.0
"""A shift is 4 times what days usually depart from the shape of their week by, on every day since."""
_MOST_SPREAD: Final = 0.5
"""The days since the shift agree to within half of it: else it is a ramp, or restless."""


def brought_to_new_level(series: "Series") -> "Series":
    """Return the series with older hours at the level of the last days, where that moved; else as it is.

    Looks at whole days counted from the end: what each departs by, in the median and on the log scale, from the
    median week of the days before. Holidays and events tell nothing of it: they end, and have effects of their own.
    """
    days = len(series) // series.day
    if days < _DAYS_BEFORE + _LEAST_DAYS or series.trailing_gap >= series.day:
        return series
    scale = choose_scale(series.observed)
    if scale.kind != "log":
        return series
    values = scale.forward(series.observed)
    ordinary = np.where(_flagged(series), np.nan, values)
    for since in range(min(_MOST_DAYS, days - _DAYS_BEFORE), _LEAST_DAYS - 1, -1):
        shift = _shift(ordinary, since=since, series=series)
        if shift is not None:
            older = len(series) - since * series.day
            moved = np.where(np.arange(len(series)) < older, scale.backward(values + shift), series.observed)
            moved = np.where(series.observed == 0, 0.0, np.maximum(moved, 0.0))
            return replace(series, observed=moved, level_shift=(float(np.exp(shift)), since * series.day))
    return series


def _flagged(series: "Series") -> Flags:
    """Return whether each step is of a holiday or event."""
    flags = series.calendar.flags(series.hours)
    return np.logical_or.reduce(list(flags.values())) if flags else np.zeros(len(series), dtype=np.bool_)


def _shift(values: Floats, *, since: int, series: "Series") -> float | None:
    """Return by how much the last `since` days lie off the days before them; None where that is no shift.

    Days of which less than half was seen are left out; of those since, _LEAST_DAYS are needed.
    """
    older = len(values) - since * series.day
    season = series.seasons[-1]
    first = older % season
    by_season = values[first:older].reshape(-1, season)
    if not len(by_season) or not np.isfinite(by_season).any(axis=0).all():
        return None
    usual = np.resize(column_medians(by_season), len(values) - first)
    missed = values[first:] - usual
    start = len(missed) % series.day
    by_day = missed[start:].reshape(-1, series.day)
    is_told = np.isfinite(by_day).sum(axis=1) >= max(series.day // 2, 1)
    if is_told[:-since].sum() < _DAYS_BEFORE - 1 or is_told[-since:].sum() < _LEAST_DAYS:
        return None
    departures = row_medians(by_day)
    before, after = departures[:-since][is_told[:-since]], departures[-since:][is_told[-since:]]
    shift = float(np.median(after))
    is_same = (np.abs(after - shift) <= _MOST_SPREAD * abs(shift)).all()
    usual_departure = float(np.quantile(np.abs(before), 0.8))
    least = max(_LEAST_SHIFT, _LEAST_DEPARTURES * usual_departure)
    return shift if is_same and least <= abs(shift) <= _MOST_SHIFT else None
