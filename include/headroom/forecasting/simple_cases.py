"""Series that are not for the ensemble: too short, never changing, or mostly zero at no certain hour.

Each case has one defined answer and a sentence for the forecast's note.
"""

from typing import Final

import numpy as np

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES
from headroom.forecasting.calibration import Calibration, default_calibration
from headroom.forecasting.naive import DAILY, seasonal_naive
from headroom.forecasting.pooled_demand import OWN_HOURS_COUNT_FROM, PooledDemand, path_of_young
from headroom.forecasting.scale import choose_scale
from headroom.forecasting.series import Series
from headroom.forecasting.series_forecast import SeriesForecast
from headroom.forecasting.similar_hours import SIMILAR_HOURS_MEMBER, similar_hours_quantiles

LEVEL_MEMBER: Final = "recent_level"
POOLED_MEMBER: Final = "similar_fleets"
CONSTANT_MEMBER: Final = "constant"
_INTERMITTENT_NOTE: Final = "zero in many hours, at no certain time of day: quantiles of what followed hours like now"

_LEVEL_ERRORS: Final = (-3.0, -1.9, -1.2, -0.6, -0.25, -0.06, 0.0, 0.08, 0.27, 0.55, 1.1, 1.8, 3.2)
_DAILY_ERRORS: Final = (-2.5, -1.4, -0.75, -0.3, -0.12, -0.02, 0.0, 0.03, 0.15, 0.35, 0.75, 1.6, 2.8)
"""Error quantiles of the next hours on the log scale, for series without past errors of their own.

Measured after 12 and 36 hours of history on LLM demand (ServeGen m-large and its 20 busiest clients, BurstGPT
conversation) and on M4 hourly, between the two and nearer the first.
"""
_RECENT_DAYS: Final = 28
_LEAST_ZERO_FRACTION: Final = 0.25
_LEAST_UNCERTAIN_FRACTION: Final = 0.15
"""Intermittent: a quarter of the hours are zero and the hour of the day does not tell which (an idle night would)."""


def forecast_simple_case(
    series: Series, *, horizon_steps: int, pool: PooledDemand | None = None
) -> SeriesForecast | None:
    """Return the forecast of a simple case, None where the ensemble should serve; `series` has some value seen.

    `pool`: older fleets of the deployment, whose shape a series under a day old may borrow.
    """
    seen = series.observed[np.isfinite(series.observed)]
    if len(seen) < series.day:
        return _under_a_day(series, seen, horizon_steps, pool)
    if seen.min() == seen.max():
        return _constant(float(seen[0]), horizon_steps)
    if len(seen) < 2 * series.day or not DAILY.can_fit(series):
        return _daily_naive(series, seen, horizon_steps)
    if is_intermittent(series):
        quantiles = similar_hours_quantiles(series, horizon_steps=horizon_steps)
        return _single(SIMILAR_HOURS_MEMBER, quantiles, _INTERMITTENT_NOTE)
    return None


def typical_calibration(seen: Floats, errors: tuple[float, ...] = _DAILY_ERRORS) -> Calibration:
    """Return bands of typical width for a series whose own errors nobody knows; `seen`: its values, none of them NaN.

    Where some are negative there is no log scale, and errors are as large against the mean size of the values.
    """
    scale = choose_scale(seen)
    size = 1.0 if scale.kind == "log" else float(np.abs(seen).mean())
    return default_calibration(scale, tuple(size * error for error in errors))


def is_intermittent(series: Series) -> bool:
    """Say whether zeros are frequent and not explained by the hour of the day (phase of the first season)."""
    days = _recent_days(series)
    known = np.isfinite(days)
    if not known.any():
        return False
    is_zero = np.where(known, days == 0, np.nan)
    if np.nanmean(is_zero) < _LEAST_ZERO_FRACTION:
        return False
    share = np.nanmean(is_zero[:, known.any(axis=0)], axis=0)
    return float(np.minimum(share, 1 - share).mean()) >= _LEAST_UNCERTAIN_FRACTION


def _recent_days(series: Series) -> Floats:
    """Return the newest days as rows, columns being phases of the day counted from the series' end."""
    days = min(len(series) // series.day, _RECENT_DAYS)
    return series.observed[-days * series.day :].reshape(days, series.day)


def _under_a_day(series: Series, seen: Floats, horizon_steps: int, pool: PooledDemand | None) -> SeriesForecast:
    path, is_pooled = path_of_young(series, horizon_steps=horizon_steps, pool=pool)
    calibration = typical_calibration(seen, _LEVEL_ERRORS)
    what = "the shape of similar fleets at their level" if is_pooled else "their median"
    own = ", drawn towards the hour a day before" if len(seen) >= OWN_HOURS_COUNT_FROM else ""
    note = f"{len(seen)} hours seen, under a day: {what}{own}, with a wide band"
    quantiles = calibration.quantiles(path, steps_late=series.trailing_gap)
    return _single(POOLED_MEMBER if is_pooled else LEVEL_MEMBER, _with_zero_kept(quantiles, seen), note)


def _with_zero_kept(quantiles: Floats, seen: Floats) -> Floats:
    return np.zeros_like(quantiles) if not seen.any() else quantiles


def _constant(value: float, horizon_steps: int) -> SeriesForecast:
    quantiles = np.full((horizon_steps, len(QUANTILE_LEVELS)), value)
    note = "no demand in any hour seen" if value == 0 else "every hour seen had the same demand"
    return _single(CONSTANT_MEMBER, quantiles, note)


def _daily_naive(series: Series, seen: Floats, horizon_steps: int) -> SeriesForecast:
    path = seasonal_naive(series.observed, season=series.day, horizon_steps=horizon_steps)
    calibration = typical_calibration(seen)
    note = f"{len(seen)} hours seen, under two days: the day before, with a band of typical width"
    return _single(DAILY.name, calibration.quantiles(path, steps_late=series.trailing_gap), note)


def _single(member: str, quantiles: Floats, note: str) -> SeriesForecast:
    return SeriesForecast(quantiles=quantiles, weights={band: {member: 1.0} for band in BAND_NAMES}, note=note)
