"""AWS predictive scaling: what its forecast is, when it is made, and how it becomes a minimum.

An instance serves 10/s, so at the target of 50 % it carries 5/s.
"""

import numpy as np
import pytest
from tests.unit.simulation.incumbents.small_scene import hourly_scene, play

from headroom.simulation.incumbents import AwsPredictive, TargetTracking
from headroom.simulation.incumbents.seasonal_load import forecast_load

DAY = [10.0] * 9 + [40.0] + [10.0] * 14


def test_there_is_no_forecast_until_24_hours_are_known() -> None:
    # forecasts at hours 10, 16, 22 and 28: only the last has a day behind it
    floors = AwsPredictive().plan(hourly_scene([10.0] * 34, history_hours=10)).floors[0]
    assert floors.tolist() == [1] * 12 * 18 + [2] * 12 * 6  # 10 / 5 = 2


def test_capacity_is_there_from_the_buffer_before_its_hour_until_the_hour_has_ended() -> None:
    # two days alike; on the third, hour 9 wants 40 / 5 = 8 from 08:55 on, the others 10 / 5 = 2
    floors = AwsPredictive().plan(hourly_scene(DAY * 3, history_hours=48)).floors[0]
    assert floors.tolist() == [2] * (12 * 9 - 1) + [8] * 13 + [2] * 12 * 14


def test_the_maximum_is_honoured() -> None:
    assert AwsPredictive().plan(hourly_scene(DAY * 3, history_hours=48, most=6)).floors.max() == 6


def test_a_falling_forecast_removes_nothing_target_tracking_does() -> None:
    # hour 9 wants ceil(38 / 5 = 7.6) = 8, 38/80 = 48 % busy; at 10:00 the floor falls to 2, and three points of five
    # minutes below 45 % pass before 8 x (10/80 = 12.5 %) / 50 % = 2 remain
    day = [10.0] * 9 + [38.0] + [10.0] * 14
    of = hourly_scene(day * 3, history_hours=48, initial=2)
    wanted = play(AwsPredictive(), of).wanted[12 * 9 - 1 : 12 * 10 + 5]
    assert wanted.tolist() == [8] * 13 + [8] * 3 + [2] * 2
    assert AwsPredictive().reaction(of) == TargetTracking().reaction(of)


def test_the_last_14_days_count_and_no_more() -> None:
    days = np.tile(DAY, 14)
    older = np.concatenate([np.full(24 * 5, 99.0), days])
    first, second = (
        AwsPredictive().plan(hourly_scene([*hours, *DAY], history_hours=len(hours))).floors for hours in (days, older)
    )
    assert first.tolist() == second.tolist()


def test_two_days_alike_forecast_a_third_and_half_the_level_follows() -> None:
    assert forecast_load(np.array(DAY * 2), 24).tolist() == pytest.approx(DAY)
    # the second day is 0.8 of the first: the mean of both is 0.9, its level 0.8 over the first alone: 0.9 x 0.8 = 0.72
    assert forecast_load(np.array([*DAY, *(0.8 * np.array(DAY))]), 24).tolist() == pytest.approx(0.72 * np.array(DAY))


def test_weekends_that_differ_are_forecast_by_the_hour_of_the_week() -> None:
    week = np.repeat([30.0, 30.0, 30.0, 30.0, 30.0, 6.0, 6.0], 24)
    known = np.concatenate([week, week, week[: 5 * 24]])  # two weeks, then Monday to Friday
    assert forecast_load(known[-336:], 24).tolist() == pytest.approx([6.0] * 24)
