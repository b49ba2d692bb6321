"""The parts of a forecast's median, found from the final path and the history: unlike members have no parts in common.

The path is read on the scale that demand is modelled in (a log scale, offset where demand is near zero), in this order:

- weekly: how the days of the week differ in the history's newest weeks, as far as the path follows it;
- holiday, event: the effects that the members put back at flagged hours (`ordinary_hours`);
- trend and daily: the mean (of demand) and the shape of the path's days after the first, the other parts taken out;
- residual: the rest. In the first day that is what the newest hours' correction adds before it fades, later what the
  members see otherwise. What does not fade within three days counts as level.

Back in demand, each part is what it adds to the sum of those before it in PART_NAMES, so that they sum to the median.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calendar import HOLIDAY, Flags
from headroom.forecasting.medians import column_medians
from headroom.forecasting.ordinary_hours import ordinary_hours
from headroom.forecasting.scale import choose_scale
from headroom.forecasting.series import Series

_WEEKS: Final = 4
"""The weekly shape is that of so many newest weeks, as in the member that repeats weeks."""
_NEAR_STEPS: Final = 6
"""The bands in which the newest hours count most do not tell how far a path follows the days of the week."""
_TOO_SMALL: Final = 0.02
"""Where the days ahead differ by no more than some 2 %, a path cannot tell: it is taken to follow them."""


def median_parts(series: Series, median: Floats, effects: Mapping[str, float]) -> Floats:
    """Return the parts of `median`, the path after the end of `series`; shape (steps, 6), columns as PART_NAMES.

    `effects`: by kind of flagged hour, how far the members moved them on the scale (`SeriesForecast.effects`). Demand
    is taken not to be negative. A path shorter than two days has no later days to be held against, and no residual.
    """
    scale = choose_scale(series.observed)
    holiday, event = _effects_ahead(series, len(median), effects)
    is_ordinary: Flags = (holiday == 0) & (event == 0)
    path = scale.forward(median) - holiday - event
    shape = np.resize(_weekly_shape(series), len(median))
    weekly = _followed_fraction(path, shape, is_ordinary, series.day) * shape
    is_settled = _steps(path) >= (series.day if len(path) >= 2 * series.day else 0)
    by_phase = _phase_means(path - weekly, is_settled, series.day)
    by_ordinary_phase = _phase_means(path - weekly, is_settled & is_ordinary, series.day)
    by_phase = np.where(np.isfinite(by_ordinary_phase), by_ordinary_phase, by_phase)
    level = scale.forward(np.nanmean(scale.backward(by_phase), keepdims=True))
    daily = np.resize(by_phase, len(path)) - level
    expected = scale.backward(np.cumsum([np.resize(level, len(path)), daily, weekly, holiday, event], axis=0))
    sums = np.vstack([np.zeros(len(path)), np.maximum(expected, 0.0), median])
    parts: Floats = np.diff(sums, axis=0).T
    return parts


def level_of_last_week(series: Series) -> float | None:
    """Return what the trend of `median_parts` is to be held against, of the newest week's ordinary hours.

    That is: means on the scale over the days of the week, then the mean of demand over the hours of the day. None where
    no whole week was seen, or half of it is missing.
    """
    week = series.seasons[-1]
    newest = ordinary_hours(series).series.observed[-week:]
    is_seen: Flags = np.isfinite(newest)
    if len(newest) < week or 2 * is_seen.sum() < week:
        return None
    scale = choose_scale(series.observed)
    return float(np.nanmean(scale.backward(_phase_means(scale.forward(newest), is_seen, series.day))))


def _steps(path: Floats) -> Floats:
    return np.arange(len(path), dtype=np.float64)


def _effects_ahead(series: Series, steps: int, effects: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Return by how much holidays and events move each step ahead."""
    holiday, event = np.zeros(steps), np.zeros(steps)
    flags = series.calendar.flags(series.hours_after(steps)) if effects else {}
    for kind, effect in effects.items():
        if kind in flags:
            moved = holiday if kind == HOLIDAY else event
            moved += effect * flags[kind]
    return holiday, event


def _weekly_shape(series: Series) -> Floats:
    """Return, per step of the week after the end, how it differs on the scale from the mean of its hour over the days.

    Medians of the newest weeks, growth taken out; 0 where nothing was seen.
    """
    day, week = series.day, series.seasons[-1]
    weeks = min(len(series) // week, _WEEKS)
    if not weeks:
        return np.zeros(week)
    newest = ordinary_hours(series).series.observed[-weeks * week :]
    scaled = choose_scale(series.observed).forward(newest)
    growth = scaled[week:] - scaled[:-week]
    seen = growth[np.isfinite(growth)]
    if len(seen):
        scaled = scaled - _steps(scaled) * (float(np.median(seen)) / week)
    usual = column_medians(scaled.reshape(weeks, week))
    shape = usual - np.resize(_phase_means(usual, np.isfinite(usual), day), week)
    return np.where(np.isfinite(shape), shape, 0.0)


def _followed_fraction(path: Floats, shape: Floats, is_ordinary: Flags, day: int) -> float:
    """Return how much of the weekly shape is in the path, between 0 and 1, from how its days differ hour by hour."""
    is_told = is_ordinary & (_steps(path) >= _NEAR_STEPS)
    moved, wanted = (values - np.resize(_phase_means(values, is_told, day), len(path)) for values in (path, shape))
    prior = is_told.sum() * _TOO_SMALL**2
    if not prior:
        return 1.0
    found = (moved[is_told] @ wanted[is_told] + prior) / (wanted[is_told] @ wanted[is_told] + prior)
    return float(np.clip(found, 0.0, 1.0))


def _phase_means(values: Floats, is_counted: Flags, day: int) -> Floats:
    """Return, per phase of the day, the mean of the values that count, NaN where none does."""
    phase = np.arange(len(values)) % day
    counts = np.bincount(phase[is_counted], minlength=day)
    totals = np.bincount(phase[is_counted], weights=values[is_counted], minlength=day)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
