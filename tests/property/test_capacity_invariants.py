"""What must never happen in sizing.

- More demand never needs fewer instances, and a stricter objective never fewer either.
- The instances given keep the objective; one fewer does not.
- More instances never make a request wait longer.
- A requirement never leaves the owner's bounds.
"""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.capacity.small_fleet import SLOTS, fleet, forecast

from headroom.capacity import ImpossibleObjective, SlotQueue, required_capacity, size
from headroom.capacity.queueing import latency_tail, probability_of_waiting
from headroom.domain.fleet import Bounds

RATES = st.floats(min_value=0.0, max_value=2000.0)
CV2 = st.sampled_from([0.0, 0.25, 0.7, 1.0, 2.0, 4.0])


@st.composite
def queues(draw: st.DrawFn) -> SlotQueue:
    try:
        return SlotQueue(
            service_seconds=draw(st.floats(min_value=0.01, max_value=5.0)),
            percentile=draw(st.sampled_from([50.0, 90.0, 95.0, 99.0, 99.5])),
            latency_seconds=draw(st.floats(min_value=0.05, max_value=60.0)),
            service_cv2=draw(CV2),
            arrival_cv2=draw(CV2),
            slots=draw(st.integers(min_value=1, max_value=64)),
        )
    except ImpossibleObjective:
        assume(False)  # noqa: FBT003, Hypothesis's own way to pass over a case
        raise


@settings(deadline=None, max_examples=150)
@given(queue=queues(), rates=st.lists(RATES, min_size=1, max_size=20))
def test_more_demand_never_needs_fewer_instances(queue: SlotQueue, rates: list[float]) -> None:
    counts = queue.instances_for(sorted(rates))
    assert (np.diff(counts) >= 0).all()


@settings(deadline=None, max_examples=150)
@given(queue=queues(), rate=st.floats(min_value=0.001, max_value=2000.0))
def test_the_size_keeps_the_objective_and_one_fewer_does_not(queue: SlotQueue, rate: float) -> None:
    count = int(queue.instances_for(rate))
    assert count >= 1
    assert bool(queue.is_met(count, rate))
    assert count == 1 or not bool(queue.is_met(count - 1, rate))


@settings(deadline=None, max_examples=100)
@given(rate=st.floats(min_value=0.01, max_value=500.0), service_cv2=CV2, factor=st.floats(min_value=1.0, max_value=5.0))
def test_a_stricter_objective_never_needs_fewer(rate: float, service_cv2: float, factor: float) -> None:
    def instances(latency_seconds: float) -> int:
        return size(
            rate_per_second=rate,
            service_seconds=0.1,
            service_cv2=service_cv2,
            percentile=95,
            latency_seconds=latency_seconds,
        ).instances

    assert instances(1.0) >= instances(1.0 * factor)


@settings(deadline=None, max_examples=150)
@given(
    servers=st.integers(min_value=1, max_value=5000),
    utilization=st.floats(min_value=0.0, max_value=0.999),
    cv2=CV2,
    seconds=st.floats(min_value=0.0, max_value=20.0),
)
def test_chances_are_chances_and_more_servers_never_hurt(
    servers: int,
    utilization: float,
    cv2: float,
    seconds: float,
) -> None:
    rate = utilization * servers
    waiting = probability_of_waiting([servers, servers + 1], rate)
    tail = latency_tail(
        seconds, servers=[servers, servers + 1], rate_per_second=rate, service_seconds=1.0, service_cv2=cv2
    )
    for chance in (waiting, tail):
        assert ((chance >= 0) & (chance <= 1)).all()
        assert chance[1] <= chance[0] + 1e-9


@settings(deadline=None, max_examples=50)
@given(
    peaks=st.lists(st.floats(min_value=0.0, max_value=5000.0), min_size=1, max_size=24),
    least=st.integers(min_value=0, max_value=5),
    span=st.integers(min_value=1, max_value=100),
)
def test_requirements_stay_inside_bounds_and_follow_demand(peaks: list[float], least: int, span: int) -> None:
    one = fleet(serving=SLOTS, bounds=Bounds(min_instances=least, max_instances=least + span))
    required = required_capacity(one, forecast(*peaks)).required_instances
    assert ((required >= least) & (required <= least + span)).all()
    assert (np.diff(required[np.argsort(peaks, kind="stable")]) >= 0).all()
