"""Static peak, KEDA's cron and Dynamo's planner on demand small enough to work by hand.

Ten slots of 1 s and p95 <= 5 s: an instance serves 10/s and is enough for 8/s; two are for 10/s, three for 20/s, five
for 40/s.
"""

import numpy as np
import pytest
from tests.unit.simulation.incumbents.small_scene import QUEUE, hourly_scene, scene

from headroom.capacity.sizing import SlotQueue
from headroom.simulation.incumbents import Dynamo, KedaCron, StaticPeak
from headroom.simulation.incumbents.load_predictors import predict_by_arima, predict_by_kalman


def test_a_scene_sizes_as_the_slot_queue_does_inside_the_bounds() -> None:
    rates = np.linspace(0.0, 120.0, 997)
    queue = SlotQueue(
        service_seconds=QUEUE.service_seconds,
        slots=QUEUE.slots,
        percentile=QUEUE.percentile,
        latency_seconds=QUEUE.latency_seconds,
    )
    sized = scene([1.0], most=11).instances_for(rates)
    assert sized.tolist() == np.clip(queue.instances_for(rates), 1, 11).tolist()


@pytest.mark.parametrize(("quantile", "count"), [(1.0, 5), (0.5, 3), (0.0, 1)])
def test_static_peak_is_sized_once_for_a_quantile_of_the_history(quantile: float, count: int) -> None:
    # hourly peaks 8, 20, 40, then whatever comes
    plan = StaticPeak(peak_quantile=quantile).plan(hourly_scene([8.0, 20.0, 40.0, 100.0], history_hours=3))
    assert plan.floors.tolist() == [[count] * 12]


def test_static_peak_without_history_keeps_the_first_instances() -> None:
    assert set(StaticPeak().plan(hourly_scene([8.0], initial=7)).floors[0].tolist()) == {7}


def test_a_cron_window_opens_early_and_closes_when_the_autoscaler_lets_go() -> None:
    # a week at 8/s but 40/s in its hour 2: five replicas from 02:00 - 300 s until 03:00 + 300 s of stabilisation, which
    # is one step of five minutes before and one after
    week = [8.0, 8.0, 40.0, *[8.0] * 165]
    floors = KedaCron(early_seconds=300.0).plan(hourly_scene([*week, *[8.0] * 5], history_hours=168)).floors[0]
    assert floors.tolist() == [1] * 23 + [5] * 14 + [1] * 23


def test_a_cron_window_opens_a_lead_time_early_unless_it_is_told_otherwise() -> None:
    # of a day at 8/s but 40/s in its hour 2; fifteen minutes of lead are three steps
    day = [8.0, 8.0, 40.0, *[8.0] * 21]
    of = scene(np.repeat([*day, *[8.0] * 3], 12), history_steps=12 * 24, step_seconds=300.0, lead_time_seconds=900.0)
    assert KedaCron(stabilization_seconds=0.0).plan(of).floors[0].tolist() == [1] * 21 + [5] * 15


def test_before_a_week_is_known_cron_takes_the_day_before_and_before_that_the_first_instances() -> None:
    policy = KedaCron(early_seconds=0.0, stabilization_seconds=0.0)
    floors = policy.plan(hourly_scene([40.0, *[8.0] * 24], initial=7)).floors[0]
    assert floors.tolist() == [7] * 12 * 24 + [5] * 12


def test_a_cron_window_that_opens_more_than_a_day_early_is_of_a_day_that_has_ended() -> None:
    # two days at 8/s, but 40/s at 02:00 of the second. With 25 hours of lead, the window of 02:00 on the fourth day
    # opens at 01:00 on the third, which has not come to its own 02:00: the second's counts: five. Then its own.
    days = [8.0] * 26 + [40.0] + [8.0] * 21
    rates, lead_time_seconds = np.repeat([*days, *[8.0] * 4], 12), 25 * 3600.0
    of = scene(rates, history_steps=12 * 48, step_seconds=300.0, lead_time_seconds=lead_time_seconds)
    assert KedaCron(stabilization_seconds=0.0).plan(of).floors[0].tolist() == [1] * 12 + [5] * 24 + [1] * 12


def test_dynamo_holds_the_last_interval_over_the_rate_of_a_replica() -> None:
    # intervals of 3 minutes at 8, 20, 40/s; a replica carries 8/s: ceil(8/8) = 1, ceil(20/8 = 2.5) = 3; each is held in
    # the interval after it, and the first instances before
    of = scene([8.0] * 3 + [20.0] * 3 + [40.0] * 3, initial=4)
    assert Dynamo(load_predictor="constant").plan(of).floors[0].tolist() == [4] * 3 + [1] * 3 + [3] * 3


def test_dynamo_at_a_tenth_more_a_replica() -> None:
    # ceil(20 / (8 x 1.3 = 10.4)) = 2
    of = scene([20.0] * 6, history_steps=3)
    assert Dynamo(load_predictor="constant", throughput_factor=1.3).plan(of).floors[0].tolist() == [2] * 3


def test_arima_carries_a_steady_rise_on() -> None:
    # changes of 10 predict themselves: phi = 9 x 100 / (9 x 100) = 1
    counts = np.arange(0.0, 120.0, 10.0)
    assert predict_by_arima(counts, 50)[-1] == pytest.approx(120.0)


def test_arima_turns_with_changes_that_alternate() -> None:
    # +6, -6, +6 ...: phi = -1, so after a rise to 6 comes 0
    counts = np.array([0.0, 6.0] * 6)
    assert predict_by_arima(counts, 50)[-1] == pytest.approx(0.0)


def test_a_predictor_has_only_the_last_value_before_it_has_enough() -> None:
    counts = np.array([5.0, 50.0, 10.0, 80.0])
    assert predict_by_arima(counts, 50).tolist() == counts.tolist()
    assert predict_by_kalman(counts, 1.0, 0.1, 10.0, 5).tolist() == counts.tolist()


def test_kalman_by_hand() -> None:
    # noise of level 1, trend 0, measurement 1; P starts at diag(1, 1), level 0, trend 0.
    # step 1: P_level = 1 + 1 + 1 = 3, cov = 1, P_trend = 1; gain 3/4, 1/4; seen 4: level 3, trend 1: 4 comes next
    assert predict_by_kalman(np.array([0.0, 4.0]), 1.0, 0.0, 1.0, 2)[-1] == pytest.approx(4.0)
    # after it cov = 1 x (1 - 3/4) = 1/4, P_level = 3/4, P_trend = 1 - 1/4 = 3/4.
    # step 2: level 4; P_level = 3/4 + 2/4 + 3/4 + 1 = 3, cov = 1/4 + 3/4 = 1; gains 3/4, 1/4; seen 8: level 7, trend 2,
    # so 9 comes next
    assert predict_by_kalman(np.array([0.0, 4.0, 8.0]), 1.0, 0.0, 1.0, 2)[-1] == pytest.approx(9.0)
