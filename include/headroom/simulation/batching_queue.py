"""A fleet of instances that batch continuously as the tables that the replay's minute loop reads; pure.

Work is split evenly, so each instance is the state-dependent server of headroom.capacity.continuous_batching at its
share of the minute's requests: the batch at that load tells first tokens and gaps, and beyond the largest batch (KV
cache) requests wait. Utilization is that share over the rate from which on an instance's queue would grow for ever.
The loop's latency is the time to first token, which waiting makes longer; gaps follow the utilization of the minute.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from headroom.capacity.continuous_batching import BatchingInstance
from headroom.domain.demand import Floats
from headroom.domain.serving import Objective
from headroom.simulation.latency_table import HIGHEST_UTILIZATION, GapTable, LatencyTable, table_sizes

_FIRST_TOKENS: Final = 160
_GAPS: Final = 48
_UTILIZATIONS: Final = np.concatenate(
    [np.linspace(0.0, 0.9, 45, endpoint=False), 1.0 - np.geomspace(0.1, 1.0 - HIGHEST_UTILIZATION, 25)]
)
"""Batches, and so latencies, grow from the lowest load on; near saturation it is waiting that grows, as its power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingQueue:
    """How one instance of a fleet batches, and what each request is promised: first token, and gaps between tokens.

    A request that would wait longer than `timeout_seconds` for its first token leaves the queue and fails.
    `sustainable_per_second`: requests per second and instance by which the fleet is sized.
    """

    instance: BatchingInstance
    objective: Objective
    timeout_seconds: float
    sustainable_per_second: float

    def __post_init__(self) -> None:
        first = self.objective.ttft_seconds
        if first is None or self.objective.itl_seconds is None:
            raise ValueError("a profile answers ttft_seconds and itl_seconds, and the objective is on latency_seconds")
        if not (math.isfinite(self.timeout_seconds) and self.timeout_seconds >= first):
            raise ValueError(f"timeout_seconds {self.timeout_seconds:g} must be at least the objective {first:g}")

    @property
    def percentile(self) -> float:
        """The objective's."""
        return self.objective.percentile

    @property
    def rate_per_second(self) -> float:
        """Requests per second of one instance that is never idle."""
        return self.instance.saturation_per_second

    @property
    def promise(self) -> str:
        """What a request is promised, in words."""
        return (
            f"{self.objective.ttft_seconds:g} s to the first token and {self.objective.itl_seconds:g} s between tokens"
        )

    def carried_rates(self, most_instances: int) -> Floats:
        """Return the highest rate at which each count of instances keeps the objective, shape (most_instances + 1,)."""
        # the last digits of a product that should be whole are rounding, as in headroom.capacity
        carried: Floats = np.arange(most_instances + 1, dtype=np.float64) * (
            self.sustainable_per_second * (1.0 + 1e-12)
        )
        return carried

    def settings(self) -> dict[str, float]:
        """Return what replay.json says of it."""
        return {
            "prefill_seconds": self.instance.prefill_seconds,
            "step_seconds_alone": float(self.instance.step_seconds[0]),
            "step_seconds_at_most": float(self.instance.step_seconds[-1]),
            "most_running": self.instance.limit,
            "saturation_per_second": self.rate_per_second,
            "objective_ttft_seconds": self.objective.ttft_seconds or 0.0,
            "objective_itl_seconds": self.objective.itl_seconds or 0.0,
        }

    def table(self, most_instances: int) -> LatencyTable:
        """Return the tables for 1 to `most_instances` instances."""
        alone, sizes = _one_instance(self), table_sizes(most_instances)
        return LatencyTable(
            size_index=np.searchsorted(sizes, np.arange(most_instances + 1), side="right") - 1,
            sizes=sizes,
            utilizations=alone.utilizations,
            waiting=sizes[:, None] * alone.waiting,
            latencies_seconds=alone.latencies_seconds,
            objective_index=alone.objective_index,
            tails=np.repeat(alone.tails, len(sizes), axis=0),
            gaps=alone.gaps,
        )


@lru_cache(maxsize=64)
def _one_instance(queue: BatchingQueue) -> LatencyTable:
    """Return the table of one instance; that of more differs in nothing but who waits."""
    utilizations, objective = _UTILIZATIONS, queue.objective
    first_seconds, gap_seconds = _first_tokens(queue), _gaps(queue)
    states = [
        queue.instance.steady_at(
            utilization * queue.rate_per_second,
            ttft_seconds=first_seconds,
            itl_seconds=gap_seconds,
            objective=objective,
        )
        for utilization in utilizations.tolist()
    ]
    return LatencyTable(
        size_index=np.array([0, 0]),
        sizes=np.array([1]),
        utilizations=utilizations,
        waiting=np.maximum.accumulate([[state.waiting for state in states]], axis=1),
        latencies_seconds=first_seconds,
        objective_index=int(np.searchsorted(first_seconds, objective.ttft_seconds or 0.0)),
        tails=np.array([[state.ttft_tails for state in states]]),
        gaps=GapTable(
            missed_in_time=np.array([state.itl_missed_in_time for state in states]),
            seconds=gap_seconds,
            objective_index=int(np.searchsorted(gap_seconds, objective.itl_seconds or 0.0)),
            tails=np.array([state.itl_tails for state in states]),
        ),
    )


def _first_tokens(queue: BatchingQueue) -> Floats:
    """Return an even grid of logarithms from inside the first prefill to beyond every wait, the objective in it."""
    promised = queue.objective.ttft_seconds or 0.0
    longest = 2.0 * (queue.timeout_seconds + promised) + 20.0 * queue.instance.ttft_seconds[-1]
    grid = np.geomspace(0.5 * min(queue.instance.ttft_seconds[0], promised), longest, _FIRST_TOKENS)
    return np.unique(np.concatenate([[0.0], grid, [promised]]))


def _gaps(queue: BatchingQueue) -> Floats:
    """Return an even grid of logarithms around the steps of all batches and their prefills, the objective in it."""
    promised, instance = queue.objective.itl_seconds or 0.0, queue.instance
    longest = 2.0 * max(promised, float(instance.step_seconds[-1]) + 2.0 * instance.limit * instance.prefill_seconds)
    grid = np.geomspace(0.9 * min(promised, float(instance.step_seconds[0])), longest, _GAPS)
    return np.unique(np.concatenate([[0.0], grid, [promised]]))
