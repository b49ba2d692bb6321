import json

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import (
    CHEAP_MEMBERS,
    after_hours,
    history_of,
    series_of,
    shaped_demand,
    wandering_demand,
)

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting import draw_fleet_paths, forecast_fleet
from headroom.forecasting.ensemble import SeriesSelection, forecast, select
from headroom.forecasting.fleet_forecast import select_provisionally
from headroom.forecasting.joint_paths import HOURLY_CORRELATION, draw_paths, remember_errors
from headroom.forecasting.series_forecast import SeriesForecast

LEVELS = np.array(QUANTILE_LEVELS)
STEADY = np.tile(100 + 10 * np.linspace(-2, 2, len(LEVELS)), (72, 1))


def ranks_of(values: Floats) -> Floats:
    """Return the ranks over the first axis, from -1 to 1."""
    ranks = np.argsort(np.argsort(values, axis=0), axis=0)
    return 2 * ranks / (len(values) - 1) - 1


def correlation_at(values: Floats, lag: int) -> float:
    return float(np.corrcoef(values[:, :-lag].ravel(), values[:, lag:].ravel())[0, 1])


@pytest.fixture(scope="module")
def wandering() -> tuple[SeriesSelection, SeriesForecast]:
    series = series_of(wandering_demand(24 * 21))
    selection = select(series, horizon_steps=72, seed=0, members=CHEAP_MEMBERS)
    return selection, forecast(series, selection, horizon_steps=72, seed=0, members=CHEAP_MEMBERS)


def test_every_step_of_the_paths_has_the_quantiles_of_the_forecast(
    wandering: tuple[SeriesSelection, SeriesForecast],
) -> None:
    selection, made = wandering
    paths = draw_paths(made.quantiles, selection.past_errors, count=2000, seed=7)
    assert paths.shape == (2000, 72)
    found = np.quantile(paths, LEVELS, axis=0).T
    assert found == pytest.approx(made.quantiles, rel=0.01)


def test_drawn_errors_hang_together_as_the_past_ones_did() -> None:
    generator = np.random.default_rng(3)
    for correlation in (0.3, 0.95):
        errors = generator.standard_normal((80, 72))
        for step in range(1, 72):
            errors[:, step] *= np.sqrt(1 - correlation**2)
            errors[:, step] += correlation * errors[:, step - 1]
        drawn = ranks_of(draw_paths(STEADY, remember_errors(errors), count=1000, seed=0))
        assert correlation_at(drawn, 1) == pytest.approx(correlation, abs=0.08)
        assert correlation_at(drawn, 6) == pytest.approx(correlation**6, abs=0.15)


def test_the_mean_over_a_day_is_less_certain_where_errors_last() -> None:
    """Independent hours would average out: that is why quantiles of hours cannot be summed to those of a day."""
    lasting = np.tile(np.random.default_rng(0).standard_normal((40, 1)), (1, 72))
    fleeting = np.random.default_rng(0).standard_normal((40, 72))
    spread = [
        draw_paths(STEADY, remember_errors(errors), count=1000, seed=0)[:, :24].mean(axis=1).std()
        for errors in (lasting, fleeting)
    ]
    assert spread[0] > 3 * spread[1]


def test_without_remembered_errors_steps_follow_the_constant() -> None:
    drawn = draw_paths(STEADY, (), count=3000, seed=0)
    # uniform ranks of normal scores correlated by r are correlated by (6 / pi) arcsin(r / 2)
    assert correlation_at(ranks_of(drawn), 1) == pytest.approx(6 / np.pi * np.arcsin(HOURLY_CORRELATION / 2), abs=0.02)


def test_steps_that_no_origin_saw_wander_on_from_those_that_were() -> None:
    errors = np.full((30, 72), np.nan)
    errors[:, :24] = np.linspace(-1, 1, 30)[:, np.newaxis]
    ranks = ranks_of(draw_paths(STEADY, remember_errors(errors), count=2000, seed=0))
    assert np.corrcoef(ranks[:, 0], ranks[:, 23])[0, 1] > 0.8
    assert np.corrcoef(ranks[:, 23], ranks[:, 25])[0, 1] > 0.4
    assert abs(np.corrcoef(ranks[:, 23], ranks[:, 60])[0, 1]) < 0.1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    wandering: tuple[SeriesSelection, SeriesForecast],
) -> None:
    selection, made = wandering
    again = SeriesSelection.restore(json.loads(json.dumps(selection.state())))
    one, two = (
        draw_paths(made.quantiles, known.past_errors, count=50, seed=1).tobytes() for known in (selection, again)
    )
    assert one == two
    assert draw_paths(made.quantiles, selection.past_errors, count=50, seed=2).tobytes() != one


def test_paths_are_negative_only_where_a_series_may_be() -> None:
    around_zero = np.tile(np.linspace(0.0, 12.0, len(LEVELS)), (24, 1))
    assert draw_paths(around_zero, (), count=1000, seed=0).min() == 0.0
    assert draw_paths(around_zero, (), count=1000, seed=0, is_nonnegative=False).min() < 0.0


def test_a_certain_forecast_has_one_path() -> None:
    assert (draw_paths(np.full((5, 13), 7.5), (), count=3, seed=0) == 7.5).all()
    assert draw_paths(STEADY, (), count=1, seed=0) == pytest.approx(100.0)


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_an_impossible_number_of_paths_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 10000 paths, found {count}"):
        draw_paths(STEADY, (), count=count, seed=0)


def test_a_selection_of_an_earlier_version_remembers_no_errors(
    wandering: tuple[SeriesSelection, SeriesForecast],
) -> None:
    state = wandering[0].state()
    del state["past_errors"]
    assert SeriesSelection.restore(state).past_errors == ()


def test_what_is_remembered_is_small(wandering: tuple[SeriesSelection, SeriesForecast]) -> None:
    remembered = wandering[0].past_errors
    assert len(remembered) == 24
    assert {len(text) for text in remembered} == {2 * 72}


@pytest.mark.parametrize("hours", [5, 24 * 20])
def test_a_fleets_paths_have_the_quantiles_of_either_target(hours: int) -> None:
    history, made_at = history_of(shaped_demand(hours)), after_hours(hours)
    selection = select_provisionally(history, made_at_utc=made_at)
    made = forecast_fleet(history, made_at_utc=made_at, selection=selection)
    paths = draw_fleet_paths(made, target="peak", count=1000, selection=selection)
    assert np.quantile(paths, 0.9, axis=0) == pytest.approx(made.peak_at_level(0.9), rel=0.01)
    assert not np.array_equal(paths, draw_fleet_paths(made, target="mean", count=1000, selection=selection))
