import json
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.forecasting import losses
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.members import MemberError
from headroom.forecasting.random_forest import RandomForestForecaster, _calendar_rows, _filled, _slope
from headroom.forecasting.series import ONE_HOUR, Series

MEMBER = RandomForestForecaster()
HORIZON = 48


def test_the_calendar_features_are_hour_weekday_month_weekend_and_holiday() -> None:
    """2026-07-03 is a Friday and the day on which the 4th is kept in the United States."""
    first = np.datetime64("2026-07-03T23:00:00", "s")
    series = Series(
        series_id="x", hours=first + ONE_HOUR * np.arange(2), observed=np.ones(2), calendar=Calendar(country="US")
    )
    rows = _calendar_rows(series, 1)
    assert rows[:, :4].tolist() == [[23, 4, 7, 0], [0, 5, 7, 1], [1, 5, 7, 1]]
    assert rows[:, 4].tolist() == series.calendar.holiday_flags(first + ONE_HOUR * np.arange(3)).tolist()
    assert rows[:, 4].any()


def test_the_slope_is_that_of_the_least_squares_line() -> None:
    values = np.random.default_rng(1).normal(size=30)
    assert _slope(values) == pytest.approx(np.polyfit(np.arange(30), values, 1)[0])
    assert _slope(3 + 0.5 * np.arange(10)) == pytest.approx(0.5)
    assert _slope(np.ones(1)) == 0


def test_it_learns_the_shape_of_days_and_says_the_same_again() -> None:
    values = shaped_demand(24 * 28 + HORIZON)
    known = series_of(values[:-HORIZON])
    fit = MEMBER.fit(known, horizon_steps=HORIZON, seed=1)
    path = fit.path(known, horizon_steps=HORIZON)
    again = MEMBER.restore(json.loads(json.dumps(fit.state()))).path(known, horizon_steps=HORIZON)
    assert path is not None
    assert again is not None
    assert losses.wape(values[-HORIZON:], path) < 0.15
    assert again.tolist() == path.tolist()


def test_gaps_are_bridged_and_little_history_is_refused() -> None:
    series = series_of(shaped_demand(24 * 10))
    gappy = replace(series, observed=np.where(np.arange(240) % 7 == 0, np.nan, series.observed))
    path = MEMBER.fit(gappy, horizon_steps=HORIZON, seed=1).path(gappy, horizon_steps=HORIZON)
    assert path is not None
    assert np.isfinite(path).all()
    assert not MEMBER.can_fit(series.until(24 * 3))
    with pytest.raises(MemberError, match="too few hours"):
        MEMBER.fit(series.until(60), horizon_steps=HORIZON, seed=1)


def test_no_feature_of_an_hour_knows_that_hour_or_a_later_one() -> None:
    """Hours 2 and 3 were not seen: they are 20 as hour 1 was, and not on the way to the 50 of hour 4."""
    filled = _filled(series_of(np.array([np.nan, 20.0, np.nan, np.nan, 50.0, np.nan])))
    assert filled.tolist() == [20, 20, 20, 20, 50, 50]
