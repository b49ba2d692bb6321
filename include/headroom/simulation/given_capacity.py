"""What instances make of demand where it is not the engine that decides how many there are; pure.

The queue is the engine's own (minute_loop.py), so whoever keeps instances by rules of their own, as the sandbox's cloud
does, serves, queues and fails requests as a replay of the same instances: exactly so up to 64 of them, beyond which the
replay's tables have steps of 4 % in size, and waits are a thousandth longer there.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation import minute_loop
from headroom.simulation.engine import loop_queue
from headroom.simulation.latency_percentiles import latency_percentiles, mean_latencies
from headroom.simulation.latency_table import RequestQueue, table_of_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Requests that wait, on average over chance, and those of them that wait for sure (minute_loop.py)."""

    requests: float = 0.0
    backlog: float = 0.0


NOBODY: Final = Waiting()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedSteps:
    """What became of the requests.

    Shape (steps,): requests `waiting` at the end, `failed`, and `utilization` of the instances, 0 without any.
    `slower_requests`, shape (steps / together, latencies): requests that took longer than each of `latencies_seconds`,
    by that many steps together; those of steps without an instance, which nobody answered, left out.
    """

    waiting: Floats
    failed: Floats
    utilization: Floats
    latencies_seconds: Floats
    slower_requests: Floats
    after: Waiting

    def latency_seconds(self, percentile: float) -> Floats:
        """Return the latency that `percentile` percent of requests stay within, shape (steps / together,).

        NaN where no request was answered; at most the longest of `latencies_seconds`.
        """
        found = latency_percentiles(self.slower_requests, self.latencies_seconds, percentile)
        longest: Floats = np.minimum(found, self.latencies_seconds[-1])
        return longest

    @property
    def mean_latency_seconds(self) -> Floats:
        """The mean latency, shape (steps / together,); NaN where no request was answered."""
        return mean_latencies(self.slower_requests, self.latencies_seconds)


def serve(
    rate_per_second: Floats,
    instances: Counts,
    *,
    step_seconds: float,
    queue: RequestQueue,
    before: Waiting = NOBODY,
    together: int = 1,
) -> ServedSteps:
    """Serve demand, shape (steps,), with so many instances in each step; steps must be a multiple of `together`.

    Serving in two parts, the second `before` what is left `after` the first, is serving at once, to the last digit.
    ValueError for other shapes, and for demand that is negative or not finite: the loop looks at neither.
    """
    if len(instances) != len(rate_per_second) or len(instances) % together:
        raise ValueError(
            f"expected as many steps of instances as of demand, a multiple of {together}; found {len(instances)} and "
            f"{len(rate_per_second)}"
        )
    if not (np.isfinite(rate_per_second).all() and (rate_per_second >= 0).all() and (instances >= 0).all()):
        raise ValueError("rate_per_second and instances must be at least 0 and finite everywhere")
    steps = np.zeros((len(rate_per_second), 4))
    arrays = loop_queue(queue, table_of_sizes(queue, _counts_above_zero(instances)))
    slower = np.zeros((len(steps) // together, len(arrays.latencies_seconds)))
    minute_loop.serve_given(
        np.ascontiguousarray(rate_per_second, dtype=np.float64),
        float(step_seconds),
        instances.astype(np.float64),
        arrays,
        (before.requests, before.backlog),
        together,
        steps,
        slower,
    )
    return ServedSteps(
        waiting=steps[:, 0],
        failed=steps[:, 2],
        utilization=steps[:, 3],
        latencies_seconds=arrays.latencies_seconds,
        slower_requests=slower,
        after=Waiting(requests=float(steps[-1, 0]), backlog=float(steps[-1, 1])) if len(steps) else before,
    )


def _counts_above_zero(instances: Counts) -> tuple[int, ...]:
    counts = np.flatnonzero(np.bincount(instances)) if len(instances) else np.empty(0, dtype=np.int64)
    return tuple(int(count) for count in counts if count > 0) or (1,)
