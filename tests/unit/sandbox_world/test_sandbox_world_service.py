import numpy as np
import pytest

from headroom.sandbox.world_service import QUANTILE_LEVELS, ServedSteps, Service, empty_steps
from headroom.simulation.engine import CapacityPlan, Pool, run
from headroom.simulation.latency_table import RequestQueue

FIFTH = 0.2


def serve(
    service: Service, rates: list[float], *, instances: int | list[list[int]] = 1, reported: bool = True
) -> ServedSteps:
    steps = len(rates)
    return service.serve(
        arrived=np.array(rates) * 300.0,
        is_reported=np.full(steps, reported),
        in_service=np.broadcast_to(np.array(instances), (steps, 5)),
        entered=np.zeros((steps, 5), dtype=np.int64),
    )


def queue(*, slots: int = 1, service_cv2: float = 1.0, timeout_seconds: float = 600.0) -> RequestQueue:
    return RequestQueue(
        service_seconds=FIFTH,
        service_cv2=service_cv2,
        slots=slots,
        latency_seconds=1.0,
        percentile=95.0,
        timeout_seconds=timeout_seconds,
    )


def one_slot(*, timeout_seconds: float = 600.0) -> Service:
    """One instance does one request at a time in a fifth of a second: five a second."""
    return Service(queue=queue(timeout_seconds=timeout_seconds), seed=0, fleet_number=0)


def test_one_slot_has_the_latency_of_m_m_1() -> None:
    # At half load the time in the system is exponential with mean .2 / (1 - .5) = .4 s: p50 = .4 ln 2, p95 = .4 ln 20.
    # An hour of it, for the first minutes begin with an empty queue.
    served = serve(one_slot(), [2.5] * 12)
    assert served.latency_mean_seconds[-1] == pytest.approx(0.4, rel=0.01)
    expected = [0.4 * np.log(1.0 / (1.0 - level)) for level in QUANTILE_LEVELS]
    np.testing.assert_allclose(served.latency_seconds[:, -1], expected, rtol=0.01)


def test_many_idle_slots_have_the_latency_of_the_service_alone() -> None:
    # 200 slots do 1,000 a second. Alone, exponential service of .2 s has p95 = .2 ln 20.
    served = serve(Service(queue=queue(slots=200), seed=0, fleet_number=0), [300.0])
    assert served.latency_seconds[2, 0] == pytest.approx(FIFTH * np.log(20.0), rel=0.01)
    assert served.latency_mean_seconds[0] == pytest.approx(FIFTH, rel=0.01)


def test_a_constant_service_has_no_spread() -> None:
    served = serve(Service(queue=queue(slots=200, service_cv2=0.0), seed=0, fleet_number=0), [100.0])
    np.testing.assert_allclose(served.latency_seconds[:, 0], FIFTH, rtol=0.06)  # a step of the grid of latencies


def test_a_replay_of_the_same_instances_says_the_same() -> None:
    """Sixty minutes, an instance every ten of them, overload included: one queue for the replay and for the cloud."""
    rates = [3.0, 9.0, 14.0, 12.0, 25.0, 21.0, 26.0, 12.0, 8.0, 4.0, 2.0, 0.0]
    minutes = np.repeat(np.arange(1, 7), 10)
    pool = Pool(instance_type="t", purchase_option="on_demand", usd_per_hour=1.0, lead_time_seconds=0.0)
    replayed = run(
        np.repeat(rates, 5),
        CapacityPlan(pools=(pool,), floors=minutes[None, :]),
        step_seconds=60.0,
        queue=queue(timeout_seconds=20.0),
        most_instances=6,
        initial_instances=[1],
    )
    assert replayed.ready[0].tolist() == minutes.tolist()

    served = serve(one_slot(timeout_seconds=20.0), rates, instances=minutes.reshape(12, 5).tolist())

    busy = (replayed.utilization * minutes).reshape(12, 5).sum(axis=1) / minutes.reshape(12, 5).sum(axis=1)
    np.testing.assert_array_equal(served.utilization, busy)
    failed = replayed.failed.reshape(12, 5).sum(axis=1)
    assert failed.max() > 500.0
    np.testing.assert_allclose(served.errors, failed, atol=2.0)  # whole requests, and the few errors that come anyway
    mean = np.nansum(served.latency_mean_seconds * served.arrived) / served.arrived.sum()
    gaps = np.diff(replayed.latencies_seconds)
    heights = (replayed.slower_requests[1:] + replayed.slower_requests[:-1]) / 2.0
    assert mean == pytest.approx((heights * gaps).sum() / replayed.arriving.sum())


def test_latency_is_unknown_without_slots_or_load() -> None:
    served = serve(one_slot(), [1.0, np.nan], instances=[[0] * 5, [3] * 5])
    assert np.isnan(served.latency_seconds).all()
    assert np.isnan(served.latency_mean_seconds).all()


def test_utilization_is_demand_over_what_the_instances_can_do() -> None:
    served = serve(one_slot(), [2.0, 4.0], instances=2)
    np.testing.assert_allclose(served.utilization, [0.2, 0.4], rtol=1e-3)  # the first minute begins with nobody there
    assert served.errors.sum() <= 5


def test_overload_queues_up_raises_latency_and_is_worked_off() -> None:
    # 6 a second against 5: 300 wait after five minutes, 60 s of work. Then 4 a second: the one slot is busy with them
    # for the next five minutes, and at their end with the few that a busy slot keeps waiting by chance.
    served = serve(one_slot(), [6.0, 4.0, 1.0, 1.0])
    calm = serve(one_slot(), [1.0, 1.0])
    np.testing.assert_allclose(served.utilization, [1.0, 1.0, 0.22, 0.2], atol=0.015)
    # Over the first step the queue is 150 on average, 30 s of work; over the second as well; chance adds some.
    assert served.latency_mean_seconds[:2] == pytest.approx([30.0, 30.0], rel=0.15)
    np.testing.assert_allclose(served.latency_seconds[:, 3], calm.latency_seconds[:, 1], rtol=1e-3)
    assert served.errors[0] < 10


def test_who_waits_longer_than_the_timeout_fails() -> None:
    # 10 a second against 5 leaves 1,500 after the step; 20 s of patience are 100 in the queue, the other 1,400 fail.
    served = serve(one_slot(timeout_seconds=20.0), [10.0])
    assert served.errors[0] == pytest.approx(1400.0, abs=5.0)


def test_without_instances_everything_fails_and_nothing_is_measured() -> None:
    served = serve(one_slot(), [1.0], instances=0)
    assert served.errors[0] == 300.0
    assert np.isnan(served.utilization[0])
    assert np.isnan(served.latency_mean_seconds[0])


def test_unknown_demand_is_unknown_service() -> None:
    served = serve(one_slot(), [np.nan, 1.0])
    assert np.isnan(served.utilization[0])
    assert np.isnan(served.errors[0])
    assert served.utilization[1] == pytest.approx(0.2, rel=1e-3)


def test_no_demand_has_no_latency_but_a_utilization_of_zero() -> None:
    served = serve(one_slot(), [0.0])
    assert served.utilization[0] == 0.0
    assert np.isnan(served.latency_mean_seconds[0])


def test_serving_in_two_blocks_is_serving_in_one() -> None:
    rates = [3.0, 7.0, 6.0, 2.0, 1.0]
    at_once = serve(one_slot(), rates)
    service = one_slot()
    in_two = empty_steps().then(serve(service, rates[:2])).then(serve(service, rates[2:]))
    np.testing.assert_array_equal(at_once.errors, in_two.errors)
    np.testing.assert_array_equal(at_once.latency_seconds, in_two.latency_seconds)
    np.testing.assert_array_equal(at_once.gauge_noise, in_two.gauge_noise)
