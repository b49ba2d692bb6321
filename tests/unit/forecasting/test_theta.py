from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.forecasting import losses
from headroom.forecasting.series import Series
from headroom.forecasting.theta import THETA, season_profile

HORIZON = 48


def path_of(series: Series) -> Floats:
    path = THETA.fit(series, horizon_steps=HORIZON, seed=0).path(series, horizon_steps=HORIZON)
    assert path is not None
    return path


@pytest.mark.parametrize("season", [3, 4])
def test_the_profile_is_the_season_without_the_trend_and_starts_after_the_end(season: int) -> None:
    shape = np.array([-2.0, 0.5, 1.5, 0.0])[:season]
    shape -= shape.mean()
    values = np.tile(shape, 6) + 0.3 * np.arange(6 * season)
    assert season_profile(values, season) == pytest.approx(shape)
    assert season_profile(values[:-1], season) == pytest.approx(np.roll(shape, 1))


def test_a_shape_of_days_and_weeks_is_continued() -> None:
    values = shaped_demand(24 * 42 + HORIZON, noise=0.05)
    assert losses.wape(values[-HORIZON:], path_of(series_of(values[:-HORIZON]))) < 0.06


def test_half_the_trend_goes_on() -> None:
    """Growth of 1 % a day on the log scale; the level follows, and over two days half of it comes on top."""
    days = np.arange(24 * 42 + HORIZON) / 24
    values = shaped_demand(len(days), noise=0.0) * 1.01**days
    path, usual = path_of(series_of(values[:-HORIZON])), shaped_demand(len(days), noise=0.0)[-HORIZON:]
    growth = np.log(path / usual) / np.log(1.01)
    assert growth[-1] - growth[0] == pytest.approx(0.5 * 47 / 24, abs=0.15)


def test_the_newest_hours_move_the_level_of_a_noiseless_series() -> None:
    values = shaped_demand(24 * 42, noise=0.0)
    steps = np.cumsum(np.random.default_rng(1).normal(scale=0.05, size=len(values)))
    wandering = values * np.exp(steps - steps[-1])
    risen = wandering.copy()
    risen[-3:] *= 1.3
    assert (path_of(series_of(risen))[:6] > 1.1 * path_of(series_of(wandering))[:6]).all()


def test_gaps_are_bridged_and_four_days_are_asked_for() -> None:
    series = series_of(shaped_demand(24 * 28 + HORIZON, noise=0.05))
    known = series.until(24 * 28)
    gappy = replace(known, observed=np.where(np.random.default_rng(2).random(24 * 28) < 0.2, np.nan, known.observed))
    assert losses.wape(series.observed[-HORIZON:], path_of(gappy)) < 0.15
    assert THETA.can_fit(series.until(96))
    assert not THETA.can_fit(series.until(95))
    assert np.isfinite(path_of(series.until(96))).all()


def test_hours_missing_at_the_end_count_as_steps_ahead() -> None:
    """A lone wild hour was the last one seen: it is no level that lasts for the twelve hours nobody saw."""
    values = shaped_demand(24 * 42, noise=0.05)
    values[-1] *= 5
    known = path_of(series_of(values))
    late = path_of(series_of(np.concatenate([values, np.full(12, np.nan)])))
    assert late[: HORIZON - 12] == pytest.approx(known[12:])


def test_under_two_days_before_a_gap_it_says_nothing() -> None:
    assert np.isnan(path_of(series_of(np.concatenate([shaped_demand(30), np.full(40, np.nan)])))).all()
