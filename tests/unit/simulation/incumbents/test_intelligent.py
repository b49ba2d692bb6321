"""The article's intelligent scaling: its costs by hand, and what it does on days that are alike."""

import numpy as np
import pytest
from tests.unit.simulation.incumbents.small_scene import hourly_scene, scene

from headroom.forecasting.calendar import Calendar
from headroom.simulation.incumbents import Intelligent
from headroom.simulation.incumbents.hourly_regression import FIRST_HOUR, fit_hourly

DAY = [10.0] * 9 + [40.0] * 3 + [10.0] * 12


def test_total_cost_by_hand() -> None:
    # three instances now; demands want 4 and 6; a lead time is 0.1 h, a third of the capacity is lost while scaling:
    # efficiency 1 - 0.3 x 0.1 = 0.97 after a change; short costs 9
    costs = Intelligent().total_cost(np.array([2, 3, 5]), np.array([4, 6]), current=3, lead_hours=0.1)
    assert costs.tolist() == pytest.approx(
        [
            2 + 9 * ((4 - 1.94) + (6 - 1.94)) / 2,  # 29.54
            3 + 9 * (1 + 3) / 2,  # 21: as many as now, so nothing is lost
            5 + 0.1 * 2 + 9 * (0 + (6 - 4.85)) / 2,  # 10.375: two cold starts of 0.1 h
        ]
    )


def test_days_alike_get_what_each_hour_needs_and_what_the_next_begins_with() -> None:
    # 10/s needs two instances, 40/s five; the three minutes that a launch takes reach one five-minute block into the
    # next hour, so hour 8 holds what hour 9 starts with
    floors = Intelligent(scaling_loss_fraction=0.0).plan(hourly_scene(DAY * 15, history_hours=24 * 14)).floors[0]
    assert floors.reshape(24, 12)[:, 0].tolist() == [2] * 8 + [5] * 4 + [2] * 12
    assert (floors.reshape(24, 12) == floors.reshape(24, 12)[:, :1]).all()


def test_a_loss_while_scaling_asks_for_more_after_a_change() -> None:
    # 5 x (1 - 0.9 x 0.05 h) = 4.775 of 5 needed: short 0.225 x 9 = 2.0 > 1 more instance
    plan = Intelligent(scaling_loss_fraction=0.9).plan(hourly_scene(DAY * 15, history_hours=24 * 14))
    assert plan.floors[0].reshape(24, 12)[8, 0] == 6


def test_under_two_days_of_history_the_first_instances_stay() -> None:
    floors = Intelligent().plan(hourly_scene([*DAY, *DAY, 10.0], history_hours=24, initial=7)).floors[0]
    assert floors[: 12 * 24].tolist() == [7] * 12 * 24
    assert floors[12 * 24] != 7


def test_a_lead_time_longer_than_the_history_tells_no_pattern_and_each_hour_gets_what_is_predicted() -> None:
    # 40/s needs five instances, of which none more than what is there: steady demand has no change to lose by
    steady = np.full(12 * 52, 40.0)
    of = scene(steady, history_steps=12 * 48, step_seconds=300.0, lead_time_seconds=604_800.0, initial=5)
    assert set(Intelligent().plan(of).floors[0].tolist()) == {5}


def test_the_regression_says_of_an_hour_left_out_what_a_fit_without_it_says() -> None:
    hours = np.datetime64("2026-11-02T00:00:00", "s") + np.arange(24 * 7) * np.timedelta64(1, "h")
    mean = 10.0 + np.random.default_rng(0).gamma(4.0, 2.0, len(hours))
    calendar = Calendar()
    fit = fit_hourly(hours, mean, calendar=calendar)
    # the last hour is no other row's feature, and only the scale of demand moves by it: by little
    without = fit_hourly(hours[:-1], mean[:-1], calendar=calendar)
    predicted = without.predict(hours[:-1], mean[:-1], calendar=calendar)
    assert fit.left_out_per_second.shape == (len(hours) - FIRST_HOUR,)
    assert fit.left_out_per_second[-1] == pytest.approx(predicted, rel=1e-3)
