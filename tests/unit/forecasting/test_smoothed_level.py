import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.forecasting.series import Series
from headroom.forecasting.smoothed_level import SMOOTHED_LEVEL, bridged, smoothed

HORIZON = 48


def path_of(series: Series) -> Floats:
    path = SMOOTHED_LEVEL.fit(series, horizon_steps=HORIZON, seed=0).path(series, horizon_steps=HORIZON)
    assert path is not None
    return path


def test_smoothing_by_hand() -> None:
    """From a mean of 2: with 0.5 the levels are 3, 5, 6.5, with 1.0 the values; two steps ahead 0.5 misses less."""
    values = np.array([4.0, 7.0, 8.0, 4.0])
    # errors two steps ahead after one value: 8 - level 1, 4 - level 2
    halves = [0.5 * 4.0 + 0.5 * 4.0, 0.5 * 7.0 + 0.5 * 4.0, 0.5 * 8.0 + 0.5 * 5.5, 0.5 * 4.0 + 0.5 * 6.75]
    missed = {0.5: (abs(8 - halves[0]) + abs(4 - halves[1])) / 2, 1.0: (abs(8 - 4) + abs(4 - 7)) / 2}
    assert missed == {0.5: 2.75, 1.0: 3.5}
    assert smoothed(values, (0.5, 1.0), steps_ahead=2, warm_up=1) == (0.5, halves[-1])
    assert smoothed(values, (0.5, 1.0), steps_ahead=1, warm_up=1, judged=1) == (0.5, halves[-1])


def test_a_walk_is_followed_and_noise_is_not() -> None:
    generator = np.random.default_rng(0)
    walk = 1000.0 + np.cumsum(generator.normal(scale=5.0, size=24 * 21))
    noise = generator.normal(loc=1000.0, scale=50.0, size=24 * 21)
    noise[-1] = 1300.0
    assert path_of(series_of(walk))[0] == pytest.approx(walk[-1], rel=5e-3)
    assert path_of(series_of(noise))[0] == pytest.approx(1000.0, rel=0.03)


def test_beyond_six_hours_the_median_of_the_last_week_stands() -> None:
    values = np.full(24 * 21, 50.0)
    values[-168:] = np.tile([10.0, 20.0, 90.0], 56)
    assert path_of(series_of(values))[6:] == pytest.approx(20.0)


def test_hours_missing_at_the_end_use_up_the_next_hours() -> None:
    values = np.concatenate([np.tile([10.0, 20.0, 90.0], 168), np.full(4, np.nan)])
    path = path_of(series_of(values))
    assert path[2:] == pytest.approx(20.0)
    assert (path[:2] == path[0]).all()


def test_gaps_are_bridged_and_two_days_are_asked_for() -> None:
    assert bridged(np.array([1.0, np.nan, np.nan, 4.0])).tolist() == [1.0, 2.0, 3.0, 4.0]
    series = series_of(shaped_demand(24 * 3))
    assert SMOOTHED_LEVEL.can_fit(series.until(48))
    assert not SMOOTHED_LEVEL.can_fit(series.until(47))
    assert np.isfinite(path_of(series.until(48))).all()
