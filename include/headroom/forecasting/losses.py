"""Losses that judge a forecast; steps whose actual is NaN are left out, and an empty or undefined loss is NaN."""

import numpy as np

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats

_LEVELS = np.array(QUANTILE_LEVELS)
_LOW, _HIGH = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)
MEDIAN_INDEX = QUANTILE_LEVELS.index(0.50)


def seasonal_scale(history: Floats, season: int) -> float:
    """Return the mean absolute difference of values one season apart: the denominator of MASE (Hyndman 2006)."""
    return _mean(np.abs(history[season:] - history[:-season])) if len(history) > season else float("nan")


def mase(actual: Floats, forecast: Floats, *, scale: float) -> float:
    """Return the mean absolute error over `scale` (see `seasonal_scale`); NaN where the scale is 0 or unknown."""
    return _mean(np.abs(forecast - actual)) / scale if scale > 0 else float("nan")


def wape(actual: Floats, forecast: Floats) -> float:
    """Return the sum of absolute errors over the sum of absolute actuals; NaN where nothing was demanded."""
    is_seen = np.isfinite(actual) & np.isfinite(forecast)
    total = float(np.abs(actual[is_seen]).sum())
    return float(np.abs(forecast - actual)[is_seen].sum()) / total if total > 0 else float("nan")


def smape(actual: Floats, forecast: Floats) -> float:
    """Return the mean of 2 |error| / (|actual| + |forecast|), a fraction of 0 to 2; 0 where both are 0 (M4's)."""
    size = np.abs(actual) + np.abs(forecast)
    return _mean(np.where(size > 0, 2 * np.abs(forecast - actual) / np.where(size > 0, size, 1.0), size))


def pinball(actual: Floats, quantiles: Floats) -> float:
    """Return the mean pinball loss over steps and QUANTILE_LEVELS; `quantiles` has shape (steps, 13)."""
    difference = actual[:, np.newaxis] - quantiles
    return _mean(np.maximum(_LEVELS * difference, (_LEVELS - 1) * difference))


def coverage80(actual: Floats, quantiles: Floats) -> float:
    """Return the share of steps whose actual lies in [q10, q90]."""
    seen = actual[np.isfinite(actual)]
    rows = quantiles[np.isfinite(actual)]
    return _mean(((seen >= rows[:, _LOW]) & (seen <= rows[:, _HIGH])).astype(np.float64))


def bias(actual: Floats, forecast: Floats) -> float:
    """Return the mean of forecast - actual, in the series' unit: positive is too high."""
    return _mean(forecast - actual)


def _mean(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.mean()) if len(seen) else float("nan")
