"""What must never happen to a forecast, whatever the history.

1. It is finite, its quantiles never cross, and they are never negative where history never is.
2. The same history gives the same forecast, and a JSON round trip of what was learnt changes nothing.
3. What comes after the origin changes nothing (held by tests/unit/forecasting/test_fleet_forecast.py).
4. Demand in other units gives the forecast in those units.
5. No quantile exceeds four times the largest value seen.
6. The parts of a path add up to it, whatever the path and the effects, and its level is never negative.
Only cheap members take part: Prophet's part in them is checked on a few fixed series in tests/unit.
"""

import json
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.forecasting.demand_examples import CHEAP_MEMBERS, series_of

from headroom.domain.demand import Floats
from headroom.forecasting import losses
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.ensemble import NOTHING_LEARNT, SeriesSelection, forecast, select
from headroom.forecasting.parts import median_parts
from headroom.forecasting.series import ForecastError, prepare
from headroom.forecasting.series_forecast import SeriesForecast

HORIZON = 80
RATES = st.one_of(st.just(0.0), st.floats(0.001, 1e6), st.just(float("nan")))


@st.composite
def histories(draw: st.DrawFn, rates: st.SearchStrategy[float] = RATES) -> Floats:
    """Anything from one hour to five weeks: noise, repeated days, constants, idle spells, gaps, a step or a spike."""
    day = np.array(draw(st.lists(rates, min_size=1, max_size=30)))
    values = np.resize(day, draw(st.integers(1, 24 * 35)))
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    if draw(st.booleans()):
        values = values * np.exp(0.5 * generator.standard_normal(len(values)))
    if draw(st.booleans()):
        values[draw(st.integers(0, len(values) - 1)) :] *= draw(st.sampled_from([0.0, 0.1, 10.0]))
    if draw(st.booleans()):
        values[generator.random(len(values)) < draw(st.floats(0, 1))] = draw(st.sampled_from([np.nan, 0.0]))
    if draw(st.booleans()):
        values[draw(st.integers(0, len(values) - 1))] = 1e8
    return values


def forecast_values(values: Floats) -> SeriesForecast | None:
    try:
        series = prepare(series_of(values))
    except ForecastError:
        return None
    return forecast(series, NOTHING_LEARNT, horizon_steps=HORIZON, seed=0, members=CHEAP_MEMBERS)


@settings(max_examples=80, deadline=None)
@given(histories())
def test_a_forecast_is_finite_ascending_nonnegative_and_bounded(values: Floats) -> None:
    made = forecast_values(values)
    if made is None:
        assert not np.isfinite(values).any()
        return
    assert made.quantiles.shape == (HORIZON, 13)
    assert np.isfinite(made.quantiles).all()
    assert (np.diff(made.quantiles, axis=1) >= 0).all()
    assert (made.quantiles >= 0).all()
    assert made.quantiles.max() <= 4 * np.nanmax(values) * (1 + 1e-9)
    assert made.note
    assert all(abs(sum(weights.values()) - 1) < 1e-5 for weights in made.step_weights())


@settings(max_examples=40, deadline=None)
@given(histories(rates=st.floats(-1e3, 1e3)))
def test_series_below_zero_are_served_too(values: Floats) -> None:
    made = forecast_values(values)
    assert made is None or np.isfinite(made.quantiles).all()


@settings(max_examples=25, deadline=None)
@given(histories())
def test_equal_histories_and_stored_selections_give_equal_forecasts(values: Floats) -> None:
    first, second = forecast_values(values), forecast_values(values.copy())
    if first is None:
        return
    assert np.array_equal(first.quantiles, second.quantiles)
    series = prepare(series_of(values))
    learnt = select(series, horizon_steps=HORIZON, seed=0, members=CHEAP_MEMBERS)
    stored = SeriesSelection.restore(json.loads(json.dumps(learnt.state(), allow_nan=False)))
    again = forecast(series, stored, horizon_steps=HORIZON, seed=0, members=CHEAP_MEMBERS)
    assert np.array_equal(first.quantiles, again.quantiles)


@settings(max_examples=25, deadline=None)
@given(histories(rates=st.floats(0.1, 1e3)), st.sampled_from([1 / 1024, 64.0]))
def test_other_units_scale_the_forecast(values: Floats, factor: float) -> None:
    one, other = forecast_values(values), forecast_values(values * factor)
    if one is not None:
        assert np.allclose(one.quantiles * factor, other.quantiles, rtol=1e-3, atol=1e-6 * np.nanmax(values) * factor)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 2**16))
def test_pinball_is_least_for_the_truth(actual: list[float], seed: int) -> None:
    truth = np.array(actual)
    exact = np.tile(truth[:, np.newaxis], (1, 13))
    moved = exact + np.random.default_rng(seed).normal(size=(1, 13)).cumsum(axis=1)
    assert losses.pinball(truth, exact) == 0
    assert losses.pinball(truth, moved) >= 0


@settings(max_examples=80, deadline=None)
@given(histories(), st.lists(st.floats(0.0, 1e6), min_size=1, max_size=100), st.floats(-3.0, 3.0))
def test_the_parts_of_a_path_add_up_to_it(values: Floats, path: list[float], effect: float) -> None:
    try:
        series = prepare(series_of(values))
    except ForecastError:
        return
    told = replace(series, calendar=Calendar(country="US"))
    parts = median_parts(told, np.array(path), {"holiday": effect})
    assert parts.shape == (len(path), 6)
    assert (np.abs(parts.sum(axis=1) - path) <= 1e-12 * np.abs(parts).sum(axis=1)).all()
    assert (parts[:, 0] >= 0).all()
    assert np.ptp(parts[:, 0]) == 0
