import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import FIRST_HOUR, after_hours, history_of, shaped_demand

from headroom.domain.demand import DemandHistory, Floats
from headroom.forecasting import forecast_fleet
from headroom.forecasting.pooled_demand import PooledDemand, path_of_young, pool_demand
from headroom.forecasting.series import ONE_HOUR, Series

NOW = 24 * 21 + 6
"""Monday, six o'clock, three weeks on: the quiet hours have passed, the climb of the morning begins."""


def elders(count: int = 4, *, noise: float = 0.1) -> list[DemandHistory]:
    demand = (shaped_demand(NOW, noise=noise, seed=seed) * (1 + seed) for seed in range(count))
    return [history_of(values, fleet_id=f"elder-{number}") for number, values in enumerate(demand)]


def young_fleet(values: Floats, hours: int) -> DemandHistory:
    return DemandHistory(
        fleet_id="young",
        hours=FIRST_HOUR + ONE_HOUR * np.arange(NOW - hours, NOW),
        mean_per_second=values[-hours:],
        peak_per_second=1.3 * values[-hours:],
    )


def young_series(values: Floats) -> Series:
    hours = FIRST_HOUR + ONE_HOUR * np.arange(NOW - len(values), NOW)
    return Series(series_id="young/mean", hours=hours, observed=values)


def error_of(path: Floats, came: Floats) -> float:
    return float(np.abs(path - came).mean())


def test_a_young_fleet_among_similar_ones_is_forecast_with_their_shape_at_its_level() -> None:
    demand = 50 * shaped_demand(NOW + 24, seed=99)
    pool = pool_demand(elders())
    history = young_fleet(demand[:NOW], 10)
    alone, pooled = (
        forecast_fleet(history, made_at_utc=after_hours(NOW), horizon_hours=24, pool=given) for given in ({}, pool)
    )
    assert error_of(pooled.mean_at_level(0.5), demand[NOW:]) < 0.5 * error_of(alone.mean_at_level(0.5), demand[NOW:])
    assert pooled.members == {"similar_fleets": 1.0}
    assert "10 hours seen, under a day: the shape of similar fleets at their level" in pooled.note
    assert alone.members == {"recent_level": 1.0}


def test_a_pool_whose_own_fleets_it_would_not_have_served_is_left_alone() -> None:
    """Fleets that have nothing in common: no shape of the others would have told any of them its next day."""
    generator = np.random.default_rng(0)
    strangers = [history_of(generator.uniform(1, 9, NOW), fleet_id=f"elder-{number}") for number in range(5)]
    _, is_pooled = path_of_young(young_series(shaped_demand(12)), horizon_steps=24, pool=pool_demand(strangers)["mean"])
    assert not is_pooled


def test_one_elder_alone_cannot_show_that_it_helps() -> None:
    pool = pool_demand(elders(1))["mean"]
    assert not path_of_young(young_series(shaped_demand(12)), horizon_steps=24, pool=pool)[1]


def test_fewer_than_eight_hours_resemble_anything_and_are_not_compared() -> None:
    pool = pool_demand(elders())["mean"]
    values = shaped_demand(NOW)
    assert not path_of_young(young_series(values[-7:]), horizon_steps=24, pool=pool)[1]
    assert path_of_young(young_series(values[-8:]), horizon_steps=24, pool=pool)[1]


def test_the_more_similar_fleet_counts_more() -> None:
    """Half of the elders are awake at night: the young one, that is not, follows the others."""
    by_day = elders(4, noise=0.05)
    by_night = [
        history_of(np.roll(item.mean_per_second, 12), fleet_id=f"night-{number}") for number, item in enumerate(by_day)
    ]
    demand = shaped_demand(NOW + 12, noise=0.05, seed=50)
    pool = pool_demand([*by_day, *by_night])["mean"]
    path, is_pooled = path_of_young(young_series(demand[NOW - 12 : NOW]), horizon_steps=12, pool=pool)
    assert is_pooled
    assert error_of(path, demand[NOW:]) < 0.2 * demand[NOW:].mean()


def test_nothing_after_the_series_end_is_looked_at() -> None:
    pool = pool_demand(elders())["mean"]
    changed = PooledDemand(hours=pool.hours, values=pool.values.copy())
    changed.values[:, -24:] = 1e6
    values = shaped_demand(NOW)[NOW - 34 : NOW - 24]
    hours = FIRST_HOUR + ONE_HOUR * np.arange(NOW - 34, NOW - 24)
    series = Series(series_id="young/mean", hours=hours, observed=values)
    one, other = (path_of_young(series, horizon_steps=24, pool=given)[0] for given in (pool, changed))
    assert one.tolist() == other.tolist()


def test_only_fleets_of_two_weeks_that_were_seen_and_used_are_in_the_pool() -> None:
    long = shaped_demand(NOW)
    gaps = np.where(np.arange(NOW) % 3 > 0, np.nan, long)
    found = [history_of(long[: 24 * 13]), history_of(gaps), history_of(np.zeros(NOW))]
    assert pool_demand(found) == {}
    assert pool_demand([*found, history_of(long)])["peak"].values.shape == (1, 21 * 24)


def test_the_hours_a_day_before_pull_the_path_by_the_share_of_a_day_that_was_seen() -> None:
    values = np.concatenate([np.full(6, 10.0), np.full(6, 30.0)])
    path, _ = path_of_young(young_series(values), horizon_steps=24, pool=None)
    # the median is 20; the first twelve hours to come were not seen a day before, the others count for 12 / 24
    assert path[:12] == pytest.approx(20.0)
    assert path[12:18] == pytest.approx(0.5 * 10 + 0.5 * 20)
    assert path[18:] == pytest.approx(0.5 * 30 + 0.5 * 20)
    few, _ = path_of_young(young_series(values[3:8]), horizon_steps=24, pool=None)
    assert few == pytest.approx(10.0)  # five hours are not a shape
