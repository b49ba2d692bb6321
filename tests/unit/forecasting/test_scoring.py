import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import FIRST_HOUR, after_hours, history_of

from headroom.domain.demand import DemandForecast
from headroom.forecasting import score_forecast
from headroom.forecasting.series import ONE_HOUR
from headroom.lake.tables import TABLES


def forecast_of(median: list[float], width: float, *, after: int) -> DemandForecast:
    steps = np.concatenate([np.full(2, -2.0), np.full(4, -1.0), [0.0], np.full(4, 1.0), np.full(2, 2.0)])
    quantiles = np.asarray(median, dtype=float)[:, np.newaxis] + width * steps
    return DemandForecast(
        fleet_id="chat-large",
        made_at_utc=after_hours(after),
        hours=FIRST_HOUR + ONE_HOUR * np.arange(after, after + len(quantiles)),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=2 * quantiles,
        members={},
    )


def test_scores_are_by_band_beside_weekly_naive() -> None:
    demand = np.concatenate([np.tile([10.0, 14.0], 84), [12.0, 20.0, 11.0]])  # a week, then three hours that came
    scores = score_forecast(forecast_of([12.0, 18.0, 15.0], 1.0, after=168), history_of(demand))
    assert [row["horizon_band"] for row in scores] == ["1-2", "3-6"]
    near = scores[0]
    assert near["wape"] == pytest.approx(2 / 32)  # |12-12| + |18-20| over 12 + 20
    assert near["naive_wape"] == pytest.approx((2 + 6) / 32)  # a week ago: 10 and 14
    assert near["bias_per_second"] == pytest.approx(-1.0)  # (0 - 2) / 2
    assert near["coverage80_fraction"] == 0.5  # 12 in [11, 13], 20 not in [17, 19]
    assert near["mase"] is None  # a day apart the history never differs, so it gives no scale
    assert set(near) == set(TABLES["mart_forecast_score__by_fleet"].columns)


def test_hours_not_seen_are_not_judged() -> None:
    demand = np.concatenate([np.arange(168.0), [np.nan, 5.0, np.nan]])
    scores = score_forecast(forecast_of([5.0, 5.0, 5.0], 1.0, after=168), history_of(demand))
    assert len(scores) == 1
    assert scores[0]["wape"] == 0.0
    assert scores[0]["mase"] == 0.0
    assert score_forecast(forecast_of([5.0], 1.0, after=168), history_of(np.arange(168.0))) == ()


def test_peaks_are_judged_against_peaks() -> None:
    history = history_of(np.full(170, 5.0), peak=np.full(170, 10.0))
    (score,) = score_forecast(forecast_of([5.0, 5.0], 1.0, after=168), history, target="peak")
    assert score["wape"] == 0.0


def test_measures_without_a_history_or_demand_are_none() -> None:
    history = history_of(np.zeros(2))
    (score,) = score_forecast(forecast_of([5.0, 5.0], 1.0, after=0), history)
    assert score["wape"] is None
    assert score["naive_wape"] is None
    assert score["bias_per_second"] == 5.0
