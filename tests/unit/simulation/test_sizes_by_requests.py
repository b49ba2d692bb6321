"""Sizes of `headroom size` beside the request-level truth, at points where Allen and Cunneen's factor alone is off.

The whole grid is in tests/bench/bench_sizing.py. An objective's place is how far it lies from the latency of `servers`
towards the one of one fewer.
"""

from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.bench import run

from headroom.capacity import size
from headroom.simulation.request_level import simulate_queue


@lru_cache(maxsize=1)
def bench_and_runs() -> tuple[ModuleType, list[Any]]:
    bench = run.load("sizing")
    return bench, [bench.Run(seed=0, count=1_000_000)]


@pytest.mark.parametrize(
    ("utilization", "servers", "cv2", "percentile", "place"),
    [(0.7, 20, 0.25, 99.0, 0.9), (0.5, 10, 0.25, 95.0, 0.9), (0.5, 10, 4.0, 95.0, 0.1)],
)
def test_a_size_is_the_fewest_servers_that_keep_the_objective(
    utilization: float, servers: int, cv2: float, percentile: float, place: float
) -> None:
    bench, runs = bench_and_runs()
    queue = bench.SimulatedQueue(runs, rate_per_second=utilization * servers, cv2=cv2)
    sized, fewest = bench.sized_and_fewest(queue, bench.Point(utilization, servers, cv2, percentile, place))
    assert sized == fewest == servers


def test_the_percentile_of_a_simulated_queue_is_erlangs_for_exponential_service() -> None:
    # M/M/1 at half load: p95 = -ln(.05) / .5 = 5.99 s
    bench, runs = bench_and_runs()
    queue = bench.SimulatedQueue(runs, rate_per_second=0.5, cv2=1.0)
    assert queue.latency_seconds(1, 95.0) == pytest.approx(5.991, rel=0.01)
    assert queue.latency_seconds(0, 95.0) == float("inf")


@pytest.mark.parametrize(("utilization", "servers"), [(0.5, 43), (0.8, 150)])
def test_arrivals_in_crowds_get_the_servers_that_they_need(utilization: float, servers: int) -> None:
    """Balanced two-phase arrivals of cv2 4: p = (1 + sqrt(3 / 5)) / 2 come at 2 p a second, the others at 2 (1 - p)."""
    random, count, rate = np.random.default_rng(3), 1_000_000, utilization * servers
    common = 0.5 * (1 + 0.6**0.5)
    pace = np.where(random.random(count) < common, 2 * common, 2 * (1 - common))
    arrivals = np.cumsum(random.standard_exponential(count) / pace) / rate
    services = random.standard_exponential(count)

    def late_fraction(sized: int, objective: float) -> float:
        waits = simulate_queue(arrivals, services, servers=sized)[count // 10 :]
        return float(np.exp(-np.maximum(objective - waits, 0.0)).mean())  # service outlasts what the wait leaves

    objective = 3.02  # service alone: 3.00
    sized = size(
        rate_per_second=rate, service_seconds=1.0, arrival_cv2=4.0, percentile=95.0, latency_seconds=objective
    ).instances
    assert late_fraction(sized, objective) <= 0.05
    assert late_fraction(sized - max(3, round(0.02 * sized)) - 1, objective) > 0.05
