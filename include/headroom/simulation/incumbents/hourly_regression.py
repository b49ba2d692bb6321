"""The article's predictive scaler: the next hour's demand from its own list of features, by ridge regression."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats, Hours
from headroom.domain.scaling import Counts
from headroom.forecasting.calendar import Calendar
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK

FIRST_HOUR: Final = HOURS_PER_DAY
"""Hours before it have no day of history behind them, and are not learnt from."""
_RIDGE: Final = 1.0
_LEAST_SHARE: Final = 0.01
"""Added to demand, as a share of its mean, before logarithms are taken: hours without any have one too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HourlyRegression:
    """A fit. `left_out_per_second`: what it says of each hour from FIRST_HOUR on without having seen it."""

    coefficients: Floats
    scale_per_second: float
    left_out_per_second: Floats

    def predict(self, hours: Hours, mean_per_second: Floats, *, calendar: Calendar) -> float:
        """Return the mean demand of the hour after those given, at least FIRST_HOUR of them."""
        rows = np.array([len(hours)])
        row = _features(hours, _logarithms(mean_per_second, self.scale_per_second), rows, calendar)
        return float(_rates(row @ self.coefficients, self.scale_per_second)[0])


def fit_hourly(hours: Hours, mean_per_second: Floats, *, calendar: Calendar) -> HourlyRegression:
    """Fit on hours, ascending and complete, more than FIRST_HOUR of them."""
    scale = float(mean_per_second.mean()) or 1.0
    logarithms = _logarithms(mean_per_second, scale)
    rows = np.arange(FIRST_HOUR, len(hours))
    features = _features(hours, logarithms, rows, calendar)
    inverse = np.linalg.inv(features.T @ features + _RIDGE * np.eye(features.shape[1]))
    coefficients = inverse @ (features.T @ logarithms[rows])
    # without its own row, a fit misses by its residual over 1 - leverage
    leverage = ((features @ inverse) * features).sum(axis=1)
    missed = (logarithms[rows] - features @ coefficients) / np.maximum(1.0 - leverage, 1e-6)
    return HourlyRegression(
        coefficients=coefficients,
        scale_per_second=scale,
        left_out_per_second=_rates(logarithms[rows] - missed, scale),
    )


def _features(hours: Hours, logarithms: Floats, rows: Counts, calendar: Calendar) -> Floats:
    """Return a row for each of `rows`, hours by number, from the logarithms of demand before it alone."""
    moments = hours[0] + rows * np.timedelta64(1, "h")
    days = moments.astype("datetime64[D]")
    hour_of_day = (moments - days).astype("timedelta64[h]").astype(np.int64)
    day_of_week = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    is_weekend = (day_of_week >= 5).astype(np.float64)[:, None]
    by_hour = np.eye(HOURS_PER_DAY)[hour_of_day]
    total = np.concatenate([[0.0], np.cumsum(logarithms)])
    day_ago, week_ago = np.maximum(rows - HOURS_PER_DAY, 0), np.maximum(rows - HOURS_PER_WEEK, 0)
    day_mean = (total[rows] - total[day_ago]) / (rows - day_ago)
    week_mean = (total[rows] - total[week_ago]) / (rows - week_ago)
    return np.column_stack(
        [
            by_hour,
            by_hour * is_weekend,
            np.eye(7)[day_of_week],
            np.eye(12)[month],
            is_weekend,
            calendar.holiday_flags(moments),
            logarithms[rows - 1],
            week_mean,
            day_mean - week_mean,
        ]
    )


def _logarithms(mean_per_second: Floats, scale: float) -> Floats:
    logarithms: Floats = np.log(mean_per_second / scale + _LEAST_SHARE)
    return logarithms


def _rates(logarithms: Floats, scale: float) -> Floats:
    rates: Floats = np.maximum(np.exp(logarithms) - _LEAST_SHARE, 0.0) * scale
    return rates
