import numpy as np
import pytest
from tests.unit.capacity.small_fleet import SLOTS, fleet, forecast, measured

from headroom.capacity import UnknownRate, required_capacity, size, sustainable_rate
from headroom.domain.fleet import Bounds, InstanceOption


def test_demand_over_the_sustainable_rate_is_rounded_up() -> None:
    # 10/s each: 25 -> 3, 30 -> exactly 3, 30.1 -> 4, 0 -> 0
    requirement = required_capacity(fleet(), forecast(25.0, 30.0, 30.1, 0.0))
    assert requirement.required_instances.tolist() == [3, 3, 4, 0]
    assert requirement.demand_per_second.tolist() == pytest.approx([25.0, 30.0, 30.1, 0.0])
    assert "q90 of the minutes" in requirement.method
    assert requirement.method.startswith("configuration: 10/s an instance")


def test_the_owners_cost_of_shortage_picks_the_quantile() -> None:
    # ratio 9 buys q90, ratio 1 the median: 90 x .5 / .9 = 50
    assert required_capacity(fleet(shortage_cost_ratio=9.0), forecast(90.0)).required_instances.tolist() == [9]
    assert required_capacity(fleet(shortage_cost_ratio=1.0), forecast(90.0)).required_instances.tolist() == [5]


@pytest.mark.parametrize(("ratio", "level"), [(9.0, "q90"), (199.0, "q99"), (0.001, "q1")])
def test_the_method_names_the_quantile_that_is_bought_also_where_the_ratio_asks_for_one_beyond(
    ratio: float, level: str
) -> None:
    asked = fleet(shortage_cost_ratio=ratio)
    made = forecast(90.0)
    found = required_capacity(asked, made)
    assert f"at {level} of the minutes" in found.method
    assert found.demand_per_second == pytest.approx(made.minute_at_level(float(level[1:]) / 100))


def test_request_slots_are_sized_by_their_queue_and_not_by_the_rate_as_well() -> None:
    slots = fleet(serving=SLOTS)
    requirement = required_capacity(slots, forecast(100.0, 7.0))
    expected = [
        size(rate_per_second=rate, service_seconds=0.4, slots=4, percentile=95, latency_seconds=2.0).instances
        for rate in (100.0, 7.0)
    ]
    assert requirement.required_instances.tolist() == expected
    assert "0.4 s service in 4 slots, Erlang C (M/M/c), p95 <= 2 s" in requirement.method


def test_slots_are_sized_by_what_their_pool_was_measured_to_carry_and_say_so() -> None:
    slots = fleet(serving=SLOTS)
    rate = sustainable_rate(slots, "g5.xlarge", measured_rates={"g5.xlarge": measured(9.0, instances=2)})
    pair, pool = required_capacity(slots, forecast(18.0, 180.0), rate=rate).required_instances.tolist()
    # 18/s are two instances at 9/s; a larger pool carries more each
    assert pair == 2
    assert 18 <= pool < 20
    requirement = required_capacity(slots, forecast(18.0), rate=rate)
    assert requirement.method.startswith("history: ")
    assert "service (measured on 800 hours at 0.9 to 10.8/s an instance" in requirement.method


def test_requirements_stay_inside_the_owners_bounds_and_say_where_the_maximum_limits() -> None:
    bounded = fleet(bounds=Bounds(min_instances=2, max_instances=4))
    requirement = required_capacity(bounded, forecast(5.0, 35.0, 90.0))
    assert requirement.required_instances.tolist() == [2, 4, 4]
    assert "max_instances limits 1 of 3 hours" in requirement.method


def test_an_unknown_rate_is_an_error_and_no_guess() -> None:
    with pytest.raises(UnknownRate):
        required_capacity(fleet(InstanceOption(name="g5.xlarge")), forecast(1.0))


def test_another_types_rate_can_be_asked_for() -> None:
    rate = sustainable_rate(fleet(), "g6.xlarge", measured_rates={"g6.xlarge": measured(5.0)})
    assert required_capacity(fleet(), forecast(25.0), rate=rate).required_instances.tolist() == [5]


def test_hours_are_those_of_the_forecast() -> None:
    made = forecast(1.0, 2.0)
    assert np.array_equal(required_capacity(fleet(), made).hours, made.hours)
