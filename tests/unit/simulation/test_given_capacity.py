"""Serving under instances that come from elsewhere, and latency read off how many requests took longer."""

import numpy as np
import pytest

from headroom.simulation.engine import CapacityPlan, Pool, run
from headroom.simulation.given_capacity import ServedSteps, Waiting, serve
from headroom.simulation.latency_percentiles import latency_percentiles, mean_latencies
from headroom.simulation.latency_table import RequestQueue

QUEUE = RequestQueue(
    service_seconds=1.0, service_cv2=1.0, slots=10, latency_seconds=5.0, percentile=95.0, timeout_seconds=50.0
)
LATENCIES = np.array([0.0, 1.0, 2.0, 4.0])


def served(rates: list[float], instances: list[int], before: Waiting | None = None) -> ServedSteps:
    start = Waiting() if before is None else before
    return serve(np.array(rates), np.array(instances), step_seconds=60.0, queue=QUEUE, before=start)


def test_two_parts_are_the_whole_to_the_last_digit() -> None:
    rates, instances = [8.0, 25.0, 19.0, 4.0, 30.0, 60.0], [1, 2, 2, 3, 70, 0]
    whole, first = served(rates, instances), served(rates[:3], instances[:3])
    second = served(rates[3:], instances[3:], first.after)
    assert first.after.backlog > 0.0
    for name in ("waiting", "failed", "utilization", "slower_requests"):
        parts = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(getattr(whole, name), parts, err_msg=name)


def test_requests_are_served_waiting_or_failed() -> None:
    # One instance does 600 a minute. 1,200 come: 600 wait, 500 of them inside fifty seconds of work, 100 fail. Then no
    # instance is there: who waits fails, and so does who comes.
    overloaded = served([20.0, 5.0], [1, 0])
    assert overloaded.waiting[0] == pytest.approx(500.0)
    assert overloaded.failed == pytest.approx([100.0, 800.0], abs=2.0)
    assert overloaded.utilization.tolist() == pytest.approx([1.0, 0.0], abs=0.01)
    assert overloaded.after == Waiting()


def test_nobody_answered_has_no_latency() -> None:
    silent = served([5.0, 0.0], [0, 1])
    assert np.isnan(silent.latency_seconds(95.0)).all()
    assert np.isnan(silent.mean_latency_seconds).all()


@pytest.mark.parametrize("count", [1, 3, 64])
def test_a_replay_of_the_same_instances_says_the_same(count: int) -> None:
    pool = Pool(instance_type="a", purchase_option="on_demand", usd_per_hour=1.0, lead_time_seconds=0.0)
    rates = count * 10.0 * np.random.default_rng(0).uniform(0.7, 1.1, 60)
    replayed = run(
        rates,
        CapacityPlan(pools=(pool,), floors=np.full((1, 60), count)),
        step_seconds=60.0,
        queue=QUEUE,
        most_instances=70,
        initial_instances=[count],
    )
    here = serve(rates, np.full(60, count), step_seconds=60.0, queue=QUEUE, together=60)
    assert here.waiting.tolist() == replayed.waiting.tolist()
    assert here.failed.tolist() == replayed.failed.tolist()
    assert here.utilization.tolist() == replayed.utilization.tolist()
    assert here.slower_requests[0] == pytest.approx(replayed.slower_requests)


def test_shapes_and_demand_that_the_loop_cannot_take_are_refused_before_it() -> None:
    rates, instances = np.full(7, 5.0), np.full(7, 1)
    for wrong in ({"together": 5}, {"instances": instances[:6]}):
        with pytest.raises(ValueError, match="as many steps of instances as of demand"):
            serve(**{"rate_per_second": rates, "instances": instances, "step_seconds": 60.0, "queue": QUEUE, **wrong})
    for bad in (np.nan, -1.0, np.inf):
        with pytest.raises(ValueError, match="at least 0 and finite"):
            serve(np.array([bad]), np.array([1]), step_seconds=60.0, queue=QUEUE)
    with pytest.raises(ValueError, match="at least 0 and finite"):
        serve(np.array([1.0]), np.array([-1]), step_seconds=60.0, queue=QUEUE)


def test_no_minutes_leave_those_who_wait() -> None:
    assert served([], [], Waiting(requests=3.0, backlog=2.0)).after == Waiting(requests=3.0, backlog=2.0)


def test_percentiles_fall_exponentially_between_latencies() -> None:
    # Of 100, 10 take longer than 1 s and 1 longer than 2 s. The 5th slowest: ln(10 / 5) / ln(10 / 1) = .301 past 1 s.
    slower = np.array([[100.0, 10.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [8.0, 8.0, 8.0, 8.0]])
    assert latency_percentiles(slower, LATENCIES, 95.0) == pytest.approx([1.30103, np.nan, np.inf], nan_ok=True)


def test_the_mean_is_the_area_under_the_chance_of_being_slower() -> None:
    # 4 take longer than 1 s, 2 than 2 s, none than 4 s: (4 + 4) / 2 + (4 + 2) / 2 + (2 + 0) / 2 x 2 = 9, over 4.
    slower = np.array([[4.0, 4.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert mean_latencies(slower, LATENCIES) == pytest.approx([2.25, np.nan], nan_ok=True)
