"""Forecasts of hourly demand as calibrated quantiles; numbers in, numbers out.

Fleets: `select_members`, `refit_members`, `forecast_fleet`, `draw_fleet_paths`, `score_forecast`. Series from a file:
`forecast_series`, `backtest_series`. Nothing here imports prophet or pandas until a Prophet fit or a data frame asks
for it.
"""

from headroom.forecasting.backtest import MODELS, backtest_series
from headroom.forecasting.fleet_forecast import draw_fleet_paths, forecast_fleet, refit_members, select_members
from headroom.forecasting.members import Forecaster
from headroom.forecasting.scoring import ForecastScore, score_forecast
from headroom.forecasting.selection import Selection
from headroom.forecasting.series import DEFAULT_SEASONS, ForecastError
from headroom.forecasting.series_frames import FrameError
from headroom.forecasting.series_jobs import forecast_series

__all__ = [
    "DEFAULT_SEASONS",
    "MODELS",
    "ForecastError",
    "ForecastScore",
    "Forecaster",
    "FrameError",
    "Selection",
    "backtest_series",
    "draw_fleet_paths",
    "forecast_fleet",
    "forecast_series",
    "refit_members",
    "score_forecast",
    "select_members",
]
