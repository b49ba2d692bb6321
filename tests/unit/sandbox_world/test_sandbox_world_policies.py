"""Predictive scaling in the sandbox's world: minutes and hours counted from a world that starts at midnight."""

from typing import Any

import numpy as np
import pytest
from tests.unit.sandbox_world.test_sandbox_world_capacity import TRACKING, fleet

from headroom.domain.demand import Floats
from headroom.sandbox.fleet_lives import LIVES
from headroom.sandbox.world_interface import OwnersPolicy, PredictiveScaling
from headroom.sandbox.world_policies import CapacityForecast, predictive_of, tracking_of

HOUR, DAY = 60, 24 * 60


def days_of_demand(days: int = 5, *, busy_hour: int = 9, low: float = 10.0, high: float = 35.0) -> Floats:
    """Return 5-minute rates that are alike every day: one busy hour, all others quiet."""
    hours = np.full(24, low)
    hours[busy_hour] = high
    return np.tile(np.repeat(hours, 12), days)


def forecast(**settings: Any) -> CapacityForecast:
    """Half of the slots busy is the target: an instance of 10 a second carries 5."""
    policy = PredictiveScaling(policy_name="foresees", target_utilization_fraction=0.5, **settings)
    return CapacityForecast(policy, rate_per_instance=10.0)


def test_capacity_is_launched_a_buffer_before_its_hour_and_is_never_taken_back() -> None:
    capacity = fleet(minimum=1, maximum=10, desired=1)
    capacity.follow(reactive=None, forecast=forecast())
    capacity.run_until(4 * DAY, days_of_demand())
    desired = np.array(capacity.running_counts)
    # Before a whole day is known there is no forecast; then 10 a second are 2 instances, 35 a second 7, from 08:55 on.
    assert set(desired[: DAY - 5]) == {1}
    assert desired[DAY - 6 : DAY - 4].tolist() == [1, 1]
    assert desired[DAY + 2 * HOUR] == 2
    assert desired[DAY + 9 * HOUR - 6 : DAY + 9 * HOUR - 4].tolist() == [2, 7]
    assert set(desired[DAY + 9 * HOUR :]) == {7}


def test_a_forecast_stops_at_the_maximum_unless_its_policy_raises_that() -> None:
    held, raised = fleet(minimum=1, maximum=4, desired=1), fleet(minimum=1, maximum=4, desired=1)
    held.follow(reactive=None, forecast=forecast())
    raised.follow(reactive=None, forecast=forecast(raises_maximum=True, maximum_buffer_percent=10))
    for capacity in (held, raised):
        capacity.run_until(2 * DAY, days_of_demand())
    assert (held.maximum, held.desired) == (4, 4)
    # 7 forecast and a tenth above it: 7.7, rounded up.
    assert (raised.maximum, raised.desired) == (8, 7)


def test_target_tracking_scales_in_no_lower_than_the_forecast_of_the_hour() -> None:
    # On the third day nobody comes: tracking alone goes to 1, beside a forecast it stays at what that says.
    demand = days_of_demand()
    demand[2 * 288 :] = 0.0
    alone, both = (fleet(minimum=1, maximum=10, desired=2, reactive=TRACKING) for _ in range(2))
    both.follow(reactive=TRACKING, forecast=forecast())
    for capacity in (alone, both):
        capacity.run_until(2 * DAY + 10 * HOUR, demand)
    at_nine = 2 * DAY + 9 * HOUR + 30
    assert alone.running_counts[at_nine] == 1
    assert both.running_counts[at_nine] >= 4


def test_a_policy_that_is_taken_away_acts_no_more() -> None:
    capacity = fleet(minimum=1, maximum=10, desired=1)
    capacity.follow(reactive=None, forecast=forecast())
    capacity.run_until(DAY + 8 * HOUR, days_of_demand())
    capacity.follow(reactive=None, forecast=None)
    capacity.run_until(2 * DAY, days_of_demand())
    assert capacity.desired == 2


def test_a_forecast_is_made_anew_every_six_hours_from_what_was_known_then() -> None:
    demand, told = days_of_demand(3), forecast()
    assert told.instances(48 + 5, minute=2 * DAY, rate_per_second=demand) == 2
    demand[2 * 288 :] = 45.0
    assert told.instances(48 + 6, minute=2 * DAY + 5 * HOUR, rate_per_second=demand) == 2
    # The last day had 17 x 10 + 35 + 6 x 45 = 475, where 23 x 10 + 35 = 265 are usual: 10 x 475 / 265 = 17.9.
    assert told.instances(48 + 7, minute=2 * DAY + 6 * HOUR, rate_per_second=demand) == 4


def test_a_gap_is_not_forecast_over() -> None:
    demand = days_of_demand(3)
    demand[288 + 12 * 12] = np.nan  # noon of the second day
    told = forecast()
    assert told.instances(48 + 1, minute=2 * DAY, rate_per_second=demand) == 0
    assert told.instances(60 + 2, minute=2 * DAY + 13 * HOUR, rate_per_second=demand) == 2


def policy(name: str, metric: str, target: float, *, is_predictive: bool = False) -> OwnersPolicy:
    return OwnersPolicy(name=name, is_predictive=is_predictive, predefined_metric=metric, target_value=target)


@pytest.mark.parametrize(
    ("metric", "target", "fraction"),
    [
        ("ECSServiceAverageCPUUtilization", 50.0, 0.5),  # (50 - 4) / (96 - 4)
        ("SageMakerVariantInvocationsPerInstance", 300.0, 0.5),  # 5 a second of the 10 that an instance can do
    ],
)
def test_a_policys_target_is_a_share_of_the_slots(metric: str, target: float, fraction: float) -> None:
    found = tracking_of(LIVES["embed-search"], [policy("new", metric, target)], rate_per_instance=10.0)
    assert found is not None
    assert found.target_utilization_fraction == pytest.approx(fraction)


def test_the_owners_first_policy_means_what_it_always_meant() -> None:
    own = LIVES["embed-search"].reactive
    assert own is not None
    kept = policy(own.policy_name, own.predefined_metric, own.target_value)
    assert tracking_of(LIVES["embed-search"], [kept], rate_per_instance=80.0) is own


def test_of_several_the_lowest_target_acts_and_unknown_metrics_do_not() -> None:
    cpu, pair = "ECSServiceAverageCPUUtilization", "ECSServiceCPUUtilization"
    policies = [policy("a", cpu, 70.0), policy("b", cpu, 50.0), policy("c", "", 1.0), policy("d", cpu, 2.0)]
    tracking = tracking_of(LIVES["embed-search"], policies, rate_per_instance=80.0)
    assert tracking is not None
    assert tracking.policy_name == "b"
    assert predictive_of(LIVES["embed-search"], policies, rate_per_instance=80.0) is None
    predictive = [policy("e", pair, 70.0, is_predictive=True), policy("f", pair, 60.0, is_predictive=True)]
    found = predictive_of(LIVES["embed-search"], predictive, rate_per_instance=80.0)
    assert found is not None
    assert found.policy_name == "f"
