import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import CHEAP_MEMBERS, series_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.forecasting.ensemble import NOTHING_LEARNT, forecast
from headroom.forecasting.series import ForecastError, prepare, trim_start
from headroom.forecasting.series_forecast import SeriesForecast
from headroom.forecasting.simple_cases import forecast_simple_case, is_intermittent


def forecast_values(values: Floats, horizon: int = 72) -> SeriesForecast:
    series = prepare(series_of(values))
    return forecast(series, NOTHING_LEARNT, horizon_steps=horizon, seed=0, members=CHEAP_MEMBERS)


def test_under_a_day_serves_the_median_with_a_wide_band() -> None:
    made = forecast_values(np.array([8.0, 10.0, 12.0]))
    assert made.median.tolist() == pytest.approx([10.0] * 72)
    assert made.quantiles[0, 10] > 2 * made.median[0]
    assert "under a day" in made.note
    assert made.mean_weights() == {"recent_level": 1.0}


def test_under_a_day_of_zeros_stays_at_zero() -> None:
    assert not forecast_values(np.zeros(5)).quantiles.any()


def test_under_two_days_serves_yesterday() -> None:
    values = shaped_demand(40)
    made = forecast_values(values)
    assert made.median[:24] == pytest.approx(values[16:40])
    assert "under two days" in made.note


def test_under_two_weeks_the_members_that_can_serve_do() -> None:
    made = forecast_values(shaped_demand(24 * 5))
    assert made.mean_weights() == {"seasonal_naive_daily": 1.0}
    assert "5.0 days of history" in made.note
    assert "seasonal_naive_weekly" in forecast_values(shaped_demand(24 * 10)).mean_weights()


@pytest.mark.parametrize(("value", "note"), [(0.0, "no demand in any hour"), (7.5, "the same demand")])
def test_a_constant_series_stays_as_it_is(value: float, note: str) -> None:
    made = forecast_values(np.full(500, value))
    assert (made.quantiles == value).all()
    assert note in made.note


def test_an_intermittent_series_gets_the_quantiles_of_what_was_seen() -> None:
    generator = np.random.default_rng(0)
    values = np.where(generator.random(24 * 60) < 0.5, 0.0, generator.uniform(50, 150, 24 * 60))
    made = forecast_values(values)
    assert made.mean_weights() == {"similar_hours": 1.0}
    assert (made.quantiles[:, 3] == 0).all()  # q20 with half of the hours zero
    assert made.quantiles[:, 10].min() > 80  # q90 lies among the busy hours
    assert "zero in many hours" in made.note


def test_nights_that_are_always_idle_are_a_shape_and_not_intermittence() -> None:
    values = shaped_demand(24 * 20) * (np.arange(24 * 20) % 24 >= 9)
    assert not is_intermittent(series_of(values))
    assert not {"similar_hours", "constant"} & set(forecast_values(values).mean_weights())


def test_a_series_never_seen_cannot_be_forecast_and_says_so() -> None:
    with pytest.raises(ForecastError, match="chat-large/mean: no value was ever seen"):
        trim_start(series_of(np.full(30, np.nan)))
    with pytest.raises(ForecastError, match="no value in the newest 2016 steps"):
        trim_start(series_of(np.concatenate([np.ones(5), np.full(2016, np.nan)])))


def test_gaps_and_missing_newest_hours_are_served_wider_and_named() -> None:
    values = shaped_demand(24 * 21)
    values[100:130] = np.nan
    whole = forecast_values(values)
    late = forecast_values(np.concatenate([values, np.full(5, np.nan)]))
    assert np.isfinite(late.quantiles).all()
    assert late.note.endswith("the newest 5 hours are missing")
    assert whole.note.endswith("days of history")


def test_a_long_gap_at_the_end_still_gets_an_answer() -> None:
    values = np.concatenate([shaped_demand(24 * 20), np.full(24 * 30, np.nan)])
    assert np.isfinite(forecast_values(values).quantiles).all()


def test_one_absurd_hour_does_not_carry_the_forecast_away() -> None:
    values = shaped_demand(24 * 28)
    spoilt = values.copy()
    spoilt[-200] *= 1000
    clean, made = forecast_values(values), forecast_values(spoilt)
    assert made.median == pytest.approx(clean.median, rel=0.25)
    assert made.note.endswith("hours far above all others that were limited: 1")


def test_sparse_samples_over_many_days_are_served_by_their_level() -> None:
    values = np.full(24 * 14, np.nan)
    values[::31] = 5.0
    values[0] = 6.0
    assert forecast_simple_case(series_of(values), horizon_steps=4).mean_weights() == {"recent_level": 1.0}


@pytest.mark.parametrize("hours", [10, 30])
def test_a_short_series_below_zero_has_a_band_as_wide_as_its_values_ask_for(hours: int) -> None:
    """Bands of typical width are factors; where no factor can be, they are as large against the mean size."""
    small, large = (forecast_values(-size * shaped_demand(hours)).quantiles for size in (1.0, 1e6))
    assert large == pytest.approx(1e6 * small)
    assert (small[:, 10] - small[:, 2] > np.abs(small[:, 6]) / 2).all()
