from collections.abc import Callable

import numpy as np
import pytest
from tests.unit.simulation.simpy_queue import waits_in_simpy

from headroom.capacity.queueing import mean_wait_seconds, probability_of_waiting
from headroom.domain.demand import Floats
from headroom.simulation.request_level import (
    estimate_mean,
    estimate_percentile,
    gamma_service_seconds,
    lognormal_service_seconds,
    poisson_arrival_seconds,
    simulate_queue,
)

Draw = Callable[..., Floats]
DRAWS = [gamma_service_seconds, lognormal_service_seconds]
WARM_UP_REQUESTS = 100_000


def waits_of_a_seed(seed: int, *, servers: int, utilization: float, count: int, cv2: float = 1.0) -> Floats:
    random = np.random.default_rng(seed)
    arrivals = poisson_arrival_seconds(random, rate_per_second=utilization * servers, count=count)
    services = gamma_service_seconds(random, mean_seconds=1.0, cv2=cv2, count=count)
    return simulate_queue(arrivals, services, servers=servers)[WARM_UP_REQUESTS:]


def test_three_requests_at_two_servers() -> None:
    # arrive at 0, 1, 2; served 4, 4, 1 s: the third waits for the first server, until 4
    waits = simulate_queue(np.array([0.0, 1.0, 2.0]), np.array([4.0, 4.0, 1.0]), servers=2)
    assert waits.tolist() == [0.0, 0.0, 2.0]


def test_three_requests_at_one_server() -> None:
    # ends at 4, then 4 + 4 = 8; waits 0, 4 - 1 = 3, 8 - 2 = 6
    waits = simulate_queue(np.array([0.0, 1.0, 2.0]), np.array([4.0, 4.0, 1.0]), servers=1)
    assert waits.tolist() == [0.0, 3.0, 6.0]


def test_requests_may_come_together_and_before_zero() -> None:
    waits = simulate_queue(np.array([-5.0, -5.0]), np.array([2.0, 2.0]), servers=1)
    assert waits.tolist() == [0.0, 2.0]


def test_no_request_makes_no_waits() -> None:
    assert simulate_queue(np.array([]), np.array([]), servers=3).tolist() == []


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("servers", [1, 2, 7, 40])
@pytest.mark.parametrize("cv2", [0.0, 0.25, 4.0])
def test_simpy_makes_the_same_requests_wait_as_long(draw: Draw, servers: int, cv2: float) -> None:
    random = np.random.default_rng(servers)
    arrivals = poisson_arrival_seconds(random, rate_per_second=0.95 * servers, count=1000)
    services = draw(random, mean_seconds=1.0, cv2=cv2, count=1000)
    waits = simulate_queue(arrivals, services, servers=servers)
    assert waits.max() > 0
    np.testing.assert_allclose(waits, waits_in_simpy(arrivals, services, servers=servers), rtol=0, atol=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("servers", "utilization", "runs", "count"),
    [(1, 0.5, 1, 4_000_000), (1, 0.8, 2, 5_000_000), (1, 0.9, 6, 5_000_000), (10, 0.9, 6, 5_000_000)],
)
def test_mean_waits_of_poisson_arrivals_and_exponential_service_are_within_one_percent_of_erlangs(
    servers: int, utilization: float, runs: int, count: int
) -> None:
    runs_waits = [
        float(waits_of_a_seed(seed, servers=servers, utilization=utilization, count=count).mean())
        for seed in range(runs)
    ]
    theory = mean_wait_seconds(servers=servers, rate_per_second=utilization * servers, service_seconds=1.0)
    assert float(np.mean(runs_waits)) == pytest.approx(float(theory), rel=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize(("servers", "utilization"), [(1, 0.95), (10, 0.98), (100, 0.98)])
def test_close_to_saturation_erlangs_wait_lies_inside_the_confidence_interval(servers: int, utilization: float) -> None:
    waits = waits_of_a_seed(0, servers=servers, utilization=utilization, count=4_000_000)
    rate = utilization * servers
    mean = estimate_mean(waits, confidence_fraction=0.99)
    assert mean.low < float(mean_wait_seconds(servers=servers, rate_per_second=rate, service_seconds=1.0)) < mean.high
    share = estimate_mean((waits > 0).astype(np.float64), confidence_fraction=0.99)
    assert share.low < float(probability_of_waiting(servers, rate)) < share.high


def test_one_server_follows_pollaczek_and_khinchine() -> None:
    # M/G/1, rho .8, service 1 s, cv2 4: Wq = .8 / .2 x 1 x (1 + 4) / 2 = 10 s
    waits = waits_of_a_seed(0, servers=1, utilization=0.8, count=4_000_000, cv2=4.0)
    mean = estimate_mean(waits, confidence_fraction=0.99)
    assert mean.low < 10.0 < mean.high
    assert mean.high - mean.low < 1.0


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("cv2", [0.25, 1.0, 4.0])
def test_service_times_have_the_mean_and_variation_asked_for(draw: Draw, cv2: float) -> None:
    services = draw(np.random.default_rng(0), mean_seconds=0.2, cv2=cv2, count=1_000_000)
    assert services.mean() == pytest.approx(0.2, rel=0.01)
    assert services.var() / services.mean() ** 2 == pytest.approx(cv2, rel=0.05)


@pytest.mark.parametrize("draw", DRAWS)
def test_service_without_variation_is_always_the_mean(draw: Draw) -> None:
    services = draw(np.random.default_rng(0), mean_seconds=0.2, cv2=0.0, count=3)
    assert services.tolist() == pytest.approx([0.2, 0.2, 0.2])


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (waits_of_a_seed(seed, servers=3, utilization=0.9, count=200_000) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_an_interval_is_students_over_the_batches() -> None:
    # batches (1, 3), (4, 6): means 2 and 5, their standard deviation 3 / sqrt 2; Student's 97.5 % with one degree of
    # freedom is 12.706, so the half width is 12.706 x 3 / sqrt 2 / sqrt 2 = 19.059
    mean = estimate_mean(np.array([1.0, 3.0, 4.0, 6.0]), batches=2)
    assert [mean.low, mean.value, mean.high] == pytest.approx([3.5 - 19.059, 3.5, 3.5 + 19.059], abs=1e-3)


def test_what_does_not_fill_a_batch_is_dropped_from_the_front() -> None:
    assert estimate_mean(np.array([99.0, 1.0, 3.0]), batches=2).value == 2.0


def test_the_interval_of_a_percentile_holds_the_true_one_about_as_often_as_it_says() -> None:
    # of independent exponentials, p90 = -ln .1; of 200 intervals at 95 %, 190 are expected and 180 are 3 sigma off
    values = np.random.default_rng(0).standard_exponential((200, 20_000))
    estimates = [estimate_percentile(row, percentile=90.0) for row in values]
    assert 180 <= sum(estimate.low < -np.log(0.1) < estimate.high for estimate in estimates) <= 199


@pytest.mark.parametrize(
    ("arrivals", "services", "servers", "complaint"),
    [
        ([0.0, 1.0], [1.0], 1, "of one length, found"),
        ([[0.0]], [[1.0]], 1, "of one length, found"),
        ([0.0], [1.0], 0, "servers must be at least 1, found 0"),
        ([1.0, 0.0], [1.0, 1.0], 1, "arrival_seconds must be finite and ascending"),
        ([np.nan], [1.0], 1, "arrival_seconds must be finite and ascending"),
        ([0.0], [-1.0], 1, "service_seconds must be finite and at least 0"),
        ([0.0], [np.inf], 1, "service_seconds must be finite and at least 0"),
    ],
)
def test_bad_input_gets_one_clear_error(
    arrivals: list[float], services: list[float], servers: int, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        simulate_queue(np.array(arrivals), np.array(services), servers=servers)


def test_bad_parameters_get_one_clear_error() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="rate_per_second must be above 0, found 0"):
        poisson_arrival_seconds(random, rate_per_second=0.0, count=1)
    with pytest.raises(ValueError, match="mean_seconds must be above 0, found -1"):
        gamma_service_seconds(random, mean_seconds=-1.0, cv2=1.0, count=1)
    with pytest.raises(ValueError, match="cv2 must be at least 0, found -1"):
        lognormal_service_seconds(random, mean_seconds=1.0, cv2=-1.0, count=1)
    with pytest.raises(ValueError, match="percentile must lie between 0 and 100, found 100"):
        estimate_percentile(np.ones(40), percentile=100.0)
    with pytest.raises(ValueError, match="batches must lie between 2 and the 5 values, found 20"):
        estimate_mean(np.ones(5))
