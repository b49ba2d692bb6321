"""Bench of the request-level simulator: requests a second, beside simpy's on the same requests, and Erlang's waits.

The waits stand beside theory for Poisson arrivals and exponential service, with the half width of their 95 % interval.
"""

import statistics
import time
from typing import Any

import numpy as np
from tests.unit.simulation.simpy_queue import waits_in_simpy

from headroom.capacity.queueing import mean_wait_seconds
from headroom.domain.demand import Floats
from headroom.simulation.request_level import (
    estimate_mean,
    gamma_service_seconds,
    poisson_arrival_seconds,
    simulate_queue,
)

SERVERS = (1, 10, 100, 500)
UTILIZATION = 0.9
RUNS = 5
WARM_UP_FRACTION = 0.05
REQUESTS_IN_SIMPY = 20_000


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return the speed by servers, the least of them over simpy's, and how far mean waits are from Erlang's."""
    count = 500_000 if is_quick else 10_000_000
    simulate_queue(np.zeros(1), np.zeros(1), servers=1)  # compiled, or read from where it is kept, apart from the rest
    speeds, off, half_widths = {}, {}, {}
    for servers in SERVERS:
        timed = [_timed(*_requests(servers, count, seed=seed), servers) for seed in range(RUNS)]
        speeds[str(servers)] = count / statistics.median(seconds for seconds, _ in timed)
        mean = estimate_mean(np.concatenate([waits[int(WARM_UP_FRACTION * count) :] for _, waits in timed]))
        theory = float(mean_wait_seconds(servers=servers, rate_per_second=UTILIZATION * servers, service_seconds=1.0))
        off[str(servers)] = mean.value / theory - 1.0
        half_widths[str(servers)] = (mean.high - mean.value) / theory
    slowest = min(SERVERS, key=lambda servers: speeds[str(servers)])
    simpy_speed = _speed_of_simpy(slowest)
    return {
        "requests": RUNS * count,
        "requests_per_second": speeds[str(slowest)],
        "requests_per_second_by_servers": speeds,
        "simpy_requests_per_second": simpy_speed,
        "times_simpys_speed": speeds[str(slowest)] / simpy_speed,
        "mean_wait_off_erlangs_fraction": off,
        "half_width_of_that_fraction": half_widths,
    }


def _requests(servers: int, count: int, *, seed: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    arrivals = poisson_arrival_seconds(random, rate_per_second=UTILIZATION * servers, count=count)
    return arrivals, gamma_service_seconds(random, mean_seconds=1.0, cv2=1.0, count=count)


def _timed(arrivals: Floats, services: Floats, servers: int) -> tuple[float, Floats]:
    began = time.perf_counter()
    waits = simulate_queue(arrivals, services, servers=servers)
    return time.perf_counter() - began, waits


def _speed_of_simpy(servers: int) -> float:
    arrivals, services = _requests(servers, REQUESTS_IN_SIMPY, seed=0)
    began = time.perf_counter()
    waits = waits_in_simpy(arrivals, services, servers=servers)
    seconds = time.perf_counter() - began
    np.testing.assert_allclose(simulate_queue(arrivals, services, servers=servers), waits, rtol=0, atol=1e-9)
    return REQUESTS_IN_SIMPY / seconds
