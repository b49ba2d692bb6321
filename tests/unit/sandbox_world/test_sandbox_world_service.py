import numpy as np
import pytest

from headroom.domain.fleet import Slots
from headroom.sandbox.world_queueing import QUANTILE_LEVELS, erlang_c, latency, service_quantiles
from headroom.sandbox.world_service import ERROR_FRACTION, ServedSteps, Service, empty_steps

FIFTH = 0.2


def serve(service: Service, rates: list[float], *, instances: int = 1, reported: bool = True) -> ServedSteps:
    steps = len(rates)
    return service.serve(
        arrived=np.array(rates) * 300.0,
        is_reported=np.full(steps, reported),
        in_service=np.full((steps, 5), instances),
        entered=np.zeros((steps, 5), dtype=np.int64),
    )


def one_slot(*, timeout_seconds: float = 600.0) -> Service:
    """One instance does one request at a time in a fifth of a second: five a second."""
    serving = Slots(service_seconds=FIFTH)
    return Service(serving=serving, timeout_seconds=timeout_seconds, seed=0, fleet_number=0)


def test_erlang_c_is_the_textbook_s() -> None:
    # One server waits with its utilization; two half busy with 1/3 (B = .2, C = .2 / (1 - .5 x .8)).
    np.testing.assert_allclose(erlang_c(1, np.array([0.0, 0.5, 0.9])), [0.0, 0.5, 0.9])
    np.testing.assert_allclose(erlang_c(2, np.array([0.5])), [1.0 / 3.0])


def test_one_slot_has_the_latency_of_m_m_1() -> None:
    # At half load the time in the system is exponential with mean .2 / (1 - .5) = .4 s: p50 = .4 ln 2, p95 = .4 ln 20.
    quantiles, mean = latency(np.array([1]), np.array([0.5]), service_seconds=FIFTH, service_cv2=1.0)
    assert mean[0] == pytest.approx(0.4)
    expected = [0.4 * np.log(1.0 / (1.0 - level)) for level in QUANTILE_LEVELS]
    np.testing.assert_allclose(quantiles[:, 0], expected, rtol=0.02)


def test_many_idle_slots_have_the_latency_of_the_service_alone() -> None:
    quantiles, mean = latency(np.array([200]), np.array([0.3]), service_seconds=0.4, service_cv2=1.0)
    np.testing.assert_allclose(quantiles[2], 0.4 * np.log(20.0))
    assert mean[0] == pytest.approx(0.4)


def test_a_constant_service_has_no_spread() -> None:
    quantiles, _ = latency(np.array([50]), np.array([0.1]), service_seconds=2.0, service_cv2=0.0)
    np.testing.assert_allclose(quantiles[:, 0], 2.0)
    np.testing.assert_allclose(service_quantiles(np.array([0.5]), service_seconds=2.0, service_cv2=0.0), 2.0)


def test_latency_is_unknown_without_slots_or_load() -> None:
    quantiles, mean = latency(np.array([0, 3]), np.array([0.5, np.nan]), service_seconds=1.0, service_cv2=1.0)
    assert np.isnan(quantiles).all()
    assert np.isnan(mean).all()


def test_utilization_is_demand_over_what_the_instances_can_do() -> None:
    served = serve(one_slot(), [2.0, 4.0], instances=2)
    np.testing.assert_allclose(served.utilization, [0.2, 0.4])
    assert served.errors.sum() <= 5


def test_overload_queues_up_raises_latency_and_is_worked_off() -> None:
    # 6 a second against 5: 300 wait after five minutes, 60 s of work. Then 4 a second: 300 fewer, the queue is empty.
    served = serve(one_slot(), [6.0, 4.0, 1.0])
    np.testing.assert_allclose(served.utilization, [1.0, 0.8, 0.2])
    calm = serve(one_slot(), [1.0])
    # Over the first step the queue is 150 on average, 30 s of work; over the second as well.
    assert served.latency_seconds[2, 0] > 30.0
    assert served.latency_seconds[2, 1] > 30.0
    assert served.latency_seconds[2, 2] == pytest.approx(calm.latency_seconds[2, 0])
    assert served.errors[0] < 10


def test_who_waits_longer_than_the_timeout_fails() -> None:
    # 10 a second against 5 leaves 1,500 after the step; 20 s of patience are 100 in the queue, the other 1,400 fail.
    served = serve(one_slot(timeout_seconds=20.0), [10.0])
    assert served.errors[0] == pytest.approx(1400.0, abs=3000 * ERROR_FRACTION * 50)


def test_without_instances_everything_fails_and_nothing_is_measured() -> None:
    served = serve(one_slot(), [1.0], instances=0)
    assert served.errors[0] == 300.0
    assert np.isnan(served.utilization[0])
    assert np.isnan(served.latency_mean_seconds[0])


def test_unknown_demand_is_unknown_service() -> None:
    served = serve(one_slot(), [np.nan, 1.0])
    assert np.isnan(served.utilization[0])
    assert np.isnan(served.errors[0])
    assert served.utilization[1] == pytest.approx(0.2)


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
