"""A fleet's queue as tables that the replay's minute loop reads: waiting requests and latency by size and utilization.

Nothing is approximated here beyond headroom.capacity.queueing, whose formulas fill the tables; between two grid points
the loop interpolates. Utilization is spaced evenly in -log10(1 - utilization), since queues grow as its power.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from headroom.capacity.queueing import latency_tail, mean_wait_seconds
from headroom.capacity.sizing import SlotQueue
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts

HIGHEST_UTILIZATION = 0.9999
"""Beyond it the loop lets the queue grow as the demand it cannot serve; a minute never settles there anyway."""
_UTILIZATIONS = 65
_LATENCIES = 160
_SINGLE_SIZES = 64
_SIZE_STEP = 1.04
_BISECTIONS = 60


class ServingQueue(Protocol):
    """How one instance of a fleet serves requests, and what each request is promised."""

    @property
    def percentile(self) -> float:
        """The objective's."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """A request that would wait longer leaves the queue and fails."""
        ...

    @property
    def rate_per_second(self) -> float:
        """Requests per second of one instance that is never idle."""
        ...

    @property
    def promise(self) -> str:
        """What a request is promised, in words."""
        ...

    def carried_rates(self, most_instances: int) -> Floats:
        """Return the highest rate at which each count of instances keeps the objective, shape (most_instances + 1,)."""
        ...

    def settings(self) -> dict[str, float]:
        """Return what replay.json says of it."""
        ...

    def table(self, most_instances: int) -> "LatencyTable":
        """Return the tables for 1 to `most_instances` instances."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestQueue:
    """How one instance of a fleet serves requests, and what each request is promised.

    A request that would wait longer than `timeout_seconds` before its service leaves the queue and fails.
    """

    service_seconds: float
    service_cv2: float
    slots: int
    latency_seconds: float
    percentile: float
    timeout_seconds: float

    def __post_init__(self) -> None:
        for name in ("service_seconds", "latency_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be above 0, found {value}")
        if self.timeout_seconds < self.latency_seconds:
            message = (
                f"timeout_seconds {self.timeout_seconds:g} must be at least the objective {self.latency_seconds:g}"
            )
            raise ValueError(message)

    @property
    def rate_per_second(self) -> float:
        """Requests per second of one instance that is never idle."""
        return self.slots / self.service_seconds

    @property
    def promise(self) -> str:
        """What a request is promised, in words."""
        return f"{self.latency_seconds:g} s"

    def carried_rates(self, most_instances: int) -> Floats:
        """Return the highest rate at which each count of instances keeps the objective, shape (most_instances + 1,).

        ImpossibleObjective when no number of instances keeps it.
        """
        return _carried_rates(self, most_instances)

    def settings(self) -> dict[str, float]:
        """Return what replay.json says of it."""
        return {
            "service_seconds": self.service_seconds,
            "service_cv2": self.service_cv2,
            "slots": self.slots,
            "objective_latency_seconds": self.latency_seconds,
        }

    def table(self, most_instances: int) -> "LatencyTable":
        """Return the tables for 1 to `most_instances` instances; Poisson arrivals inside a step."""
        return latency_table(self, most_instances)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GapTable:
    """Mean gaps between the tokens of a request by utilization, on any number of instances.

    `missed_in_time`: of requests whose first token kept the objective, the share whose gap does not, shape (u,).
    `tails`: the share of requests whose gap is longer than each of `seconds`, shape (u, g), the objective being number
    `objective_index`.
    """

    missed_in_time: Floats
    seconds: Floats
    objective_index: int
    tails: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatencyTable:
    """What a queue in a steady state holds and lets its requests wait, by instances and utilization.

    `size_index` gives the row of `sizes` for each count of instances from 0 to the most, the next smaller size where
    the count has no row: the same utilization on fewer instances waits a little longer. `utilizations`: shape (u,),
    from 0 up. `waiting`: requests waiting on average, shape (sizes, u). `latencies_seconds`: shape (l,), ascending,
    the objective being number `objective_index`. `tails`: the chance that wait and service take longer, shape
    (sizes, u, l). Where tokens are promised, latency is that of the first one, and `gaps` tells of the others.
    """

    size_index: Counts
    sizes: Counts
    utilizations: Floats
    waiting: Floats
    latencies_seconds: Floats
    objective_index: int
    tails: Floats
    gaps: GapTable | None = None


@lru_cache(maxsize=64)
def latency_table(queue: RequestQueue, most_instances: int) -> LatencyTable:
    """Return the tables of a queue for 1 to `most_instances` instances; Poisson arrivals inside a step."""
    return table_of_sizes(queue, tuple(int(size) for size in table_sizes(most_instances)))


@lru_cache(maxsize=64)
def table_of_sizes(queue: RequestQueue, sizes: tuple[int, ...]) -> LatencyTable:
    """Return the tables of a queue for these counts of instances, ascending from 1 up; a count between has no row."""
    latencies = _latencies(queue)
    rows = [_row(queue, size) for size in sizes]
    return LatencyTable(
        size_index=np.searchsorted(sizes, np.arange(sizes[-1] + 1), side="right") - 1,
        sizes=np.array(sizes, dtype=np.int64),
        utilizations=_utilizations(),
        waiting=np.stack([waiting for waiting, _ in rows]),
        latencies_seconds=latencies,
        objective_index=int(np.searchsorted(latencies, queue.latency_seconds)),
        tails=np.stack([tails for _, tails in rows]),
    )


@lru_cache(maxsize=512)
def _row(queue: RequestQueue, size: int) -> tuple[Floats, Floats]:
    """Return requests waiting on average, shape (u,), and the tails, shape (u, l), of so many instances."""
    servers = float(size * queue.slots)
    rates = _utilizations() * servers / queue.service_seconds
    service = {"service_seconds": queue.service_seconds, "service_cv2": queue.service_cv2}
    waits = mean_wait_seconds(servers=servers, rate_per_second=rates, **service)
    tails = latency_tail(_latencies(queue), servers=servers, rate_per_second=rates[:, None], **service)
    return np.maximum.accumulate(waits * rates), tails


def _utilizations() -> Floats:
    grid: Floats = 1.0 - np.power(10.0, -np.linspace(0.0, -math.log10(1.0 - HIGHEST_UTILIZATION), _UTILIZATIONS))
    return grid


@lru_cache(maxsize=64)
def _carried_rates(queue: RequestQueue, most_instances: int) -> Floats:
    """Return carried_rates by bisection, all counts at once: sizing then is a look into this table."""
    slots = SlotQueue(
        service_seconds=queue.service_seconds,
        service_cv2=queue.service_cv2,
        slots=queue.slots,
        percentile=queue.percentile,
        latency_seconds=queue.latency_seconds,
    )
    counts = np.arange(most_instances + 1)
    low, high = np.zeros(len(counts)), counts * queue.slots / queue.service_seconds
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        is_met = slots.is_met(counts, middle)
        low, high = np.where(is_met, middle, low), np.where(is_met, high, middle)
    low[0] = 0.0
    return np.maximum.accumulate(low)


def table_sizes(most: int) -> Counts:
    """Return every size up to 64, beyond it steps of 4 %."""
    if most < 1:
        raise ValueError(f"most_instances must be at least 1, found {most}")
    count = max(0, math.ceil(math.log(max(most / _SINGLE_SIZES, 1.0)) / math.log(_SIZE_STEP)))
    beyond = np.round(_SINGLE_SIZES * _SIZE_STEP ** np.arange(1, count + 1)).astype(np.int64)
    sizes: Counts = np.unique(np.minimum(np.concatenate([np.arange(1, min(most, _SINGLE_SIZES) + 1), beyond]), most))
    return sizes


def _latencies(queue: RequestQueue) -> Floats:
    """Return an even grid of logarithms from well inside the service time to beyond every wait, the objective in it."""
    longest = 2.0 * (queue.timeout_seconds + queue.latency_seconds) + 20.0 * queue.service_seconds
    grid = np.geomspace(queue.service_seconds / 50.0, longest, _LATENCIES)
    return np.unique(np.concatenate([[0.0], grid, [queue.latency_seconds]]))
