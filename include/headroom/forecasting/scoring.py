"""Scores of a forecast once the demand has come, per horizon band, beside weekly naive on the same hours."""

from datetime import datetime
from typing import Literal, TypedDict

import numpy as np

from headroom.domain.demand import DemandForecast, DemandHistory, Floats
from headroom.forecasting import losses
from headroom.forecasting.bands import BAND_NAMES, band_indices
from headroom.forecasting.naive import seasonal_naive
from headroom.forecasting.series import ONE_HOUR
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK


class ForecastScore(TypedDict):
    """One row of mart_forecast_score__by_fleet; None where a measure is undefined (no demand, no scale)."""

    fleet_id: str
    made_at_utc: datetime
    horizon_band: str
    mase: float | None
    wape: float | None
    naive_wape: float | None
    pinball_per_second: float | None
    coverage80_fraction: float | None
    bias_per_second: float | None


def score_forecast(
    forecast: DemandForecast, history: DemandHistory, *, target: Literal["mean", "peak"] = "mean"
) -> tuple[ForecastScore, ...]:
    """Judge `forecast` by the hours of `history` it was about; bands of which no hour was seen yet are left out.

    `history` also gives what was known before: the scale of MASE (daily seasonal differences) and weekly naive.
    """
    demand = history.mean_per_second if target == "mean" else history.peak_per_second
    quantiles = forecast.mean_quantiles_per_second if target == "mean" else forecast.peak_quantiles_per_second
    known = demand[: int(np.searchsorted(history.hours, forecast.hours[0]))]
    actual = _at_hours(history, demand, forecast)
    naive = _weekly_naive(known, len(actual))
    scale = losses.seasonal_scale(known, HOURS_PER_DAY)
    bands = band_indices(np.arange(1, len(actual) + 1))
    scores = []
    for number, band in enumerate(BAND_NAMES):
        rows = (bands == number) & np.isfinite(actual)
        if rows.any():
            median = quantiles[rows, losses.MEDIAN_INDEX]
            measures = {
                "mase": losses.mase(actual[rows], median, scale=scale),
                "wape": losses.wape(actual[rows], median),
                "naive_wape": losses.wape(actual[rows], naive[rows]),
                "pinball_per_second": losses.pinball(actual[rows], quantiles[rows]),
                "coverage80_fraction": losses.coverage80(actual[rows], quantiles[rows]),
                "bias_per_second": losses.bias(actual[rows], median),
            }
            scores.append(_row(forecast, band, measures))
    return tuple(scores)


def _row(forecast: DemandForecast, band: str, measures: dict[str, float]) -> ForecastScore:
    defined = {name: value if np.isfinite(value) else None for name, value in measures.items()}
    return ForecastScore(
        fleet_id=forecast.fleet_id,
        made_at_utc=forecast.made_at_utc,
        horizon_band=band,
        mase=defined["mase"],
        wape=defined["wape"],
        naive_wape=defined["naive_wape"],
        pinball_per_second=defined["pinball_per_second"],
        coverage80_fraction=defined["coverage80_fraction"],
        bias_per_second=defined["bias_per_second"],
    )


def _at_hours(history: DemandHistory, demand: Floats, forecast: DemandForecast) -> Floats:
    """Return the demand at the forecast's hours, NaN for those not in the history."""
    if not len(history.hours):
        return np.full(len(forecast.hours), np.nan)
    positions = ((forecast.hours - history.hours[0]) / ONE_HOUR).astype(np.int64)
    is_there = (positions >= 0) & (positions < len(demand))
    return np.where(is_there, demand[np.clip(positions, 0, len(demand) - 1)], np.nan)


def _weekly_naive(known: Floats, steps: int) -> Floats:
    if not np.isfinite(known).any():
        return np.full(steps, np.nan)
    return seasonal_naive(known, season=HOURS_PER_WEEK, horizon_steps=steps)
