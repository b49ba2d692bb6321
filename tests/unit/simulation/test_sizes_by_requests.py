"""Sizes of `headroom size` beside the request-level truth, at points where Allen and Cunneen's factor alone is off.

The whole grid is in tests/bench/bench_sizing.py. An objective's place is how far it lies from the latency of `servers`
towards the one of one fewer.
"""

from functools import lru_cache
from types import ModuleType
from typing import Any

import pytest
from tests.bench import run


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
