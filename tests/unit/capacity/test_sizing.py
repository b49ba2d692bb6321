import math

import pytest

from headroom.capacity import ImpossibleObjective, SlotQueue, size
from headroom.capacity.queueing import latency_tail


def test_one_instance_is_enough_where_its_latency_holds() -> None:
    # M/M/1 at .5/s with 1 s service: p95 = 5.99 s
    sizing = size(rate_per_second=0.5, service_seconds=1.0, percentile=95, latency_seconds=6.0)
    assert sizing.instances == 1
    assert sizing.latency_seconds == pytest.approx(-math.log(0.05) / 0.5)
    assert sizing.utilization_fraction == pytest.approx(0.5)
    assert sizing.method == "Erlang C (M/M/c)"


def test_the_answer_is_the_fewest_that_keeps_the_objective() -> None:
    sizing = size(rate_per_second=100.0, service_seconds=0.4, percentile=95, latency_seconds=2.0, slots=4)
    # load 40 servers; 10 instances are just unstable, 11 hold
    assert sizing.instances == 11
    assert sizing.utilization_fraction == pytest.approx(40 / 44)
    for instances, is_met in ((10, False), (11, True)):
        tail = latency_tail(2.0, servers=4 * instances, rate_per_second=100.0, service_seconds=0.4)
        assert (float(tail) <= 0.05) is is_met


def test_more_variable_service_needs_more_instances() -> None:
    steady = size(rate_per_second=50, service_seconds=1, service_cv2=0.25, percentile=99, latency_seconds=4.0)
    bursty = size(
        rate_per_second=50, service_seconds=1, service_cv2=0.25, arrival_cv2=9, percentile=99, latency_seconds=4
    )
    assert steady.instances < bursty.instances
    assert "Allen-Cunneen" in steady.method


def test_no_demand_needs_no_instance() -> None:
    sizing = size(rate_per_second=0.0, service_seconds=1.0, percentile=95, latency_seconds=6.0)
    assert (sizing.instances, sizing.utilization_fraction) == (0, 0.0)
    assert sizing.latency_seconds == pytest.approx(-math.log(0.05))  # service alone


def test_an_objective_below_the_service_time_itself_is_impossible_and_says_so() -> None:
    # exponential service of 1 s has p95 = 3.00 s
    with pytest.raises(ImpossibleObjective, match=r"no number of instances can meet 2\.9 s at p95"):
        size(rate_per_second=1.0, service_seconds=1.0, percentile=95, latency_seconds=2.9)


def test_fixed_service_can_be_met_at_exactly_its_length_but_not_below() -> None:
    sizing = size(rate_per_second=10.0, service_seconds=1.0, service_cv2=0.0, percentile=95, latency_seconds=1.0)
    assert sizing.instances > 10
    with pytest.raises(ImpossibleObjective):
        size(rate_per_second=10.0, service_seconds=1.0, service_cv2=0.0, percentile=95, latency_seconds=0.99)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_per_second", -1.0),
        ("rate_per_second", math.nan),
        ("service_seconds", 0.0),
        ("service_cv2", -0.1),
        ("arrival_cv2", math.inf),
        ("slots", 0),
        ("percentile", 100.0),
        ("latency_seconds", 0.0),
    ],
)
def test_a_number_out_of_range_is_named(name: str, value: float) -> None:
    numbers = {"rate_per_second": 1.0, "service_seconds": 1.0, "percentile": 95.0, "latency_seconds": 6.0, name: value}
    with pytest.raises(ValueError, match=name):
        size(**numbers)  # type: ignore[arg-type]


def test_all_rates_are_sized_at_once_like_one_by_one() -> None:
    queue = SlotQueue(service_seconds=0.4, percentile=95, latency_seconds=2.0, slots=4, service_cv2=1.5)
    rates = [0.0, 0.1, 5.0, 9.99, 10.0, 123.4, 5000.0]
    assert queue.instances_for(rates).tolist() == [int(queue.instances_for(rate)) for rate in rates]


def test_a_rate_that_is_no_number_is_refused() -> None:
    queue = SlotQueue(service_seconds=0.4, percentile=95, latency_seconds=2.0)
    with pytest.raises(ValueError, match="rate_per_second"):
        queue.instances_for([1.0, math.nan])


def test_one_instance_carries_the_rate_at_which_its_latency_is_the_objective() -> None:
    # M/M/1: p95 = -ln(.05) / (1 - rate) = 6 s at rate = 1 - 2.9957 / 6
    queue = SlotQueue(service_seconds=1.0, percentile=95, latency_seconds=6.0)
    assert queue.rate_of_one_instance() == pytest.approx(1 + math.log(0.05) / 6)


def test_a_rate_beyond_what_the_formulas_can_tell_is_refused() -> None:
    queue = SlotQueue(service_seconds=1.0, percentile=95, latency_seconds=6.0)
    with pytest.raises(ImpossibleObjective, match=r"1e\+18 requests a second, each of 1 s, keep 1e\+18 slots busy"):
        queue.instances_for([1e18])


@pytest.mark.parametrize("tiny", [1e-10, 1e-300, 5e-324])
def test_hardly_any_variation_is_none(tiny: float) -> None:
    # the closed form lost its digits below 1e-9: at 1e-300 it said half the latency
    def latency(service_cv2: float, arrival_cv2: float) -> float:
        queue = SlotQueue(
            service_seconds=0.5, percentile=95, latency_seconds=2, service_cv2=service_cv2, arrival_cv2=arrival_cv2
        )
        return queue.latency_at(instances=6, rate_per_second=10.0)

    assert latency(tiny, 1.0) == latency(0.0, 1.0)
    assert latency(1e-9, 1.0) == pytest.approx(latency(0.0, 1.0), rel=1e-6)
    assert latency(tiny, tiny) == latency(0.0, 0.0) == pytest.approx(0.5)
