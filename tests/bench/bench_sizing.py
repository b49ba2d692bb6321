"""Bench of `headroom size`: its servers beside the fewest that keep the objective in the request-level simulator.

A point of the grid is a utilization, a number of servers, the squared variation of gamma service and a percentile.
Its objectives lie at three places between the latency that so many servers give and the one that one server fewer
gives (the first times OVER_LATENCY, if that is less), but at least OVER_SERVICE times what service alone takes.

Two things make short runs precise. A request's wait does not depend on its own service, so the share of requests beyond
a latency is the mean over waits of the chance that service outlasts what is left, not a count. And each run is repeated
with exponential services of the same ranks, whose mean wait Erlang knows: what waiting adds is scaled by what that run
misses.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from headroom.capacity import size
from headroom.capacity.queueing import mean_wait_seconds, service_tail
from headroom.domain.demand import Floats
from headroom.simulation.request_level import gamma_service_seconds, poisson_arrival_seconds, simulate_queue

UTILIZATIONS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
SERVERS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 300, 500)
CV2S = (0.25, 0.5, 1.0, 2.0, 4.0)
PERCENTILES = (95.0, 99.0)
PLACES = (0.1, 0.5, 0.9)
OVER_SERVICE, OVER_LATENCY = 1.001, 1.2
SERVICE_SECONDS = 1.0
WARM_UP_FRACTION = 0.1
THINNED, GROUPS = 200_000, 1000
BISECTIONS = 45


class Point(NamedTuple):
    utilization: float
    servers: int
    cv2: float
    percentile: float
    place: float


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return how far sizes are from the truth: shares of points, the most on either side, and the points outside."""
    utilizations, servers, cv2s = ((0.5, 0.8), (1, 10, 50), (0.25, 4.0)) if is_quick else (UTILIZATIONS, SERVERS, CV2S)
    runs = [Run(seed=seed, count=500_000 if is_quick else 2_000_000) for seed in range(1 if is_quick else 2)]
    sized_and_truth = {}
    for utilization, count, cv2 in product(utilizations, servers, cv2s):
        queue = SimulatedQueue(runs, rate_per_second=utilization * count / SERVICE_SECONDS, cv2=cv2)
        for percentile, place in product(PERCENTILES, PLACES):
            point = Point(utilization, count, cv2, percentile, place)
            sized_and_truth[point] = sized_and_fewest(queue, point)
    return summary(sized_and_truth)


def sized_and_fewest(queue: "SimulatedQueue", point: Point) -> tuple[int, int]:
    """Return what is sized at a point, and the fewest servers whose simulated percentile keeps the objective."""
    latency, one_fewer = (queue.latency_seconds(n, point.percentile) for n in (point.servers, point.servers - 1))
    between = latency + point.place * (min(one_fewer, OVER_LATENCY * latency) - latency)
    objective = max(between, OVER_SERVICE * queue.service_percentile_seconds(point.percentile))
    low, high = int(queue.rate_per_second * SERVICE_SECONDS), point.servers  # the first is not stable
    middle = high - 1  # nearly always the answer is high, and one simulation says so
    while high - low > 1:
        is_kept = queue.latency_seconds(middle, point.percentile) <= objective
        low, high = (low, middle) if is_kept else (middle, high)
        middle = (low + high) // 2
    sized = size(
        rate_per_second=queue.rate_per_second,
        service_seconds=SERVICE_SECONDS,
        service_cv2=queue.cv2,
        percentile=point.percentile,
        latency_seconds=objective,
    )
    return sized.instances, high


def summary(sized_and_truth: Mapping[Point, tuple[int, int]]) -> dict[str, Any]:
    sized, truth = np.array(list(sized_and_truth.values())).T
    gap = sized - truth
    is_outside = (gap < -1) | (gap > np.maximum(1, 0.02 * truth))
    outside = [point for point, is_out in zip(sized_and_truth, is_outside, strict=True) if is_out]
    return {
        "points": len(gap),
        "exact_fraction": float((gap == 0).mean()),
        "below_fraction": float((gap < 0).mean()),
        "above_fraction": float((gap > 0).mean()),
        "most_below_servers": int(max(0, -gap.min())),
        "most_above_servers": int(max(0, gap.max())),
        "outside_points": len(outside),
        "outside": {str(tuple(point)): str(sized_and_truth[point]) for point in outside},
    }


class Run:
    """The draws of one simulation, kept for every queue: arrivals at rate 1, and ranks of services."""

    def __init__(self, *, seed: int, count: int) -> None:
        random = np.random.default_rng(seed)
        self._arrivals = poisson_arrival_seconds(random, rate_per_second=1.0, count=count)
        self._ranks = random.permutation(count)
        self._seed = seed
        self._services: dict[float, Floats] = {}
        self._exponential_mean_waits: dict[tuple[float, int], float] = {}

    def waits(self, *, servers: int, rate_per_second: float, cv2: float) -> Floats:
        """Return the waits after the warm-up."""
        if cv2 not in self._services:
            random, count = np.random.default_rng([self._seed, 1]), len(self._ranks)
            drawn = gamma_service_seconds(random, mean_seconds=SERVICE_SECONDS, cv2=cv2, count=count)
            self._services[cv2] = np.sort(drawn)[self._ranks]
        waits = simulate_queue(self._arrivals / rate_per_second, self._services[cv2], servers=servers)
        return waits[int(WARM_UP_FRACTION * len(waits)) :]

    def exponential_mean_wait(self, *, servers: int, rate_per_second: float) -> float:
        key = rate_per_second, servers
        if key not in self._exponential_mean_waits:
            waits = self.waits(servers=servers, rate_per_second=rate_per_second, cv2=1.0)
            self._exponential_mean_waits[key] = float(waits.mean())
        return self._exponential_mean_waits[key]


class SimulatedQueue:
    """Latency percentiles of one demand by the number of servers, from simulated waits."""

    def __init__(self, runs: list[Run], *, rate_per_second: float, cv2: float) -> None:
        self._runs = runs
        self.rate_per_second = rate_per_second
        self.cv2 = cv2
        self._waits: dict[int, tuple[Floats, Floats]] = {}

    def service_percentile_seconds(self, percentile: float) -> float:
        shape = 1.0 / self.cv2
        return float(special.gammaincinv(shape, percentile / 100.0)) * SERVICE_SECONDS * self.cv2

    def latency_seconds(self, servers: int, percentile: float) -> float:
        """Return the percentile with so many servers; infinite where the queue grows for ever."""
        if servers <= self.rate_per_second * SERVICE_SECONDS * (1.0 + 1e-9):
            return float("inf")
        low = high = self.service_percentile_seconds(percentile)
        allowed = 1.0 - percentile / 100.0
        while self._share_beyond(high, servers) > allowed:
            low, high = high, 2.0 * high
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._share_beyond(middle, servers) > allowed else (low, middle)
        return high

    def _share_beyond(self, seconds: float, servers: int) -> float:
        waits, shares = self._waits_above_zero(servers)
        alone = self._service_tail(np.array(seconds))
        return float(alone + shares @ (self._service_tail(seconds - waits) - alone))

    def _service_tail(self, seconds: Floats) -> Floats:
        return service_tail(seconds, service_seconds=SERVICE_SECONDS, service_cv2=self.cv2)

    def _waits_above_zero(self, servers: int) -> tuple[Floats, Floats]:
        """Return the means of groups of like waits, and what share of requests each group is, put right by Erlang."""
        if servers not in self._waits:
            groups = [_grouped(run.waits(servers=servers, **self._demand, cv2=self.cv2)) for run in self._runs]
            simulated = np.mean([run.exponential_mean_wait(servers=servers, **self._demand) for run in self._runs])
            erlang = float(mean_wait_seconds(servers=servers, service_seconds=SERVICE_SECONDS, **self._demand))
            shares = np.concatenate([shares for _, shares in groups]) / len(self._runs)
            if simulated > 0:
                shares *= erlang / simulated
            self._waits[servers] = np.concatenate([means for means, _ in groups]), shares
        return self._waits[servers]

    @property
    def _demand(self) -> dict[str, float]:
        return {"rate_per_second": self.rate_per_second}


def _grouped(waits: Floats) -> tuple[Floats, Floats]:
    """Return the means of up to GROUPS groups of like waits above 0, and the share of all requests in each."""
    waiting = waits[waits > 0]
    thinned = np.sort(waiting[:: 1 + len(waiting) // THINNED])
    parts = np.array_split(thinned, min(GROUPS, max(1, len(thinned))))
    share_of_one = len(waiting) / len(waits) / max(1, len(thinned))
    means = np.array([part.mean() if len(part) else 0.0 for part in parts])
    return means, np.array([len(part) * share_of_one for part in parts])
