"""The oracles: the cheapest capacity that perfect foresight could have had, exactly, and as a bound no policy beats.

The problem. Choose instances n(t) for every step so that cost is least and enough requests keep the objective. An
instance costs its price from launch to end, so one that serves from t on has cost a lead time before. Without a lead
to pay for keeping, `least_cost` finds, for a value put on each request kept, the path of least cost - value, exactly,
by dynamic programming over steps and counts: O(steps x counts), as a change costs lead x price for every instance added
and nothing for one dropped.

Why no policy beats it. Let V(k) be the least of cost - k x requests kept, for k USD a request. Any policy that keeps K
requests costs at least V(k) + k K, for every k: the largest of these over k is the bound (Lagrange's dual), and the
path at that k keeps about K. It relaxes what a policy must suffer: queues are empty at each step's start (serve_step
from nothing waiting), launches never fail nor are late beyond the lead, instances end without draining, actions are
free and on time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from headroom.compiled import compiled
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation import minute_loop
from headroom.simulation.engine import Pool, queue_arrays
from headroom.simulation.latency_table import ServingQueue
from headroom.units import SECONDS_PER_HOUR

_BISECTIONS: Final = 24
_NO_MORE: Final = 1e-12
"""An instance that keeps a smaller share of requests more than the others do is of no use to an oracle."""
MOST_CELLS: Final = 120_000_000
"""Steps x counts that are searched: 20 bytes each, two gigabytes and a half."""


class UnreachableTargetError(ValueError):
    """Not even the most instances keep so many requests."""


class TooManyCountsError(ValueError):
    """Steps times counts of instances are more than can be searched."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OraclePath:
    """Instances at work in each step, what they cost with their launches, and the requests kept (relaxed: see above).

    `bound_usd`: no policy that keeps as many requests costs less.
    """

    instances: Counts
    cost_usd: float
    bound_usd: float
    kept_requests: float
    launches: int


def kept_by_instances(
    rate_per_second: Floats,
    *,
    step_seconds: float,
    queue: ServingQueue,
    pool: Pool,
    most_instances: int,
    least_instances: int = 0,
) -> Floats:
    """Return the most requests that each count of instances can keep in each step, shape (steps, counts).

    Counts run from 0 to `most_instances`, or to the last that keeps more than the one before in the busiest step, and
    at least to `least_instances`. TooManyCountsError where they are beyond MOST_CELLS.
    """
    rates, arrays = np.ascontiguousarray(rate_per_second, dtype=np.float64), queue_arrays(queue, [pool], most_instances)
    busiest = np.zeros((1, most_instances + 1))
    minute_loop.kept_at_best(rates.max(keepdims=True), float(step_seconds), arrays, busiest)
    useful = int((busiest[0] >= busiest[0, -1] * (1.0 - _NO_MORE)).argmax())
    counts = max(useful, least_instances, 1) + 1
    if len(rates) * counts > MOST_CELLS:
        raise TooManyCountsError(
            f"{len(rates):,} steps of up to {counts - 1:,} instances are more than the oracle searches; "
            f"expected at most {MOST_CELLS // counts:,} steps"
        )
    kept = np.zeros((len(rates), counts))
    minute_loop.kept_at_best(rates, float(step_seconds), arrays, kept)
    return kept


def kept_where_every_step_does(kept: Floats, arriving: Floats, *, percentile: float) -> float:
    """Return the requests kept by the fewest instances that hold the objective's percentile in each step.

    Where even the most do not, those.
    """
    is_enough = kept >= (arriving * percentile / 100.0)[:, None] * (1.0 - 1e-9)
    fewest = np.where(is_enough.any(axis=1), is_enough.argmax(axis=1), kept.shape[1] - 1)
    return float(kept[np.arange(len(kept)), fewest].sum())


def least_cost(
    kept: Floats,
    *,
    target_requests: float,
    step_seconds: float,
    usd_per_hour: float,
    lead_time_seconds: float,
    least_instances: int,
    steps_between_changes: int = 1,
) -> OraclePath:
    """Return the path of least cost that keeps `target_requests` (module docstring).

    UnreachableTargetError where the most instances do not. `kept`: shape (steps, most + 1), by kept_by_instances.
    Changes come only every `steps_between_changes` steps, from the first on (60 for the hourly oracle over minutes).
    An instance pays whole steps of lead, as in the engine.
    """
    most_kept = float(kept.max(axis=1).sum())
    if target_requests > most_kept * (1.0 + 1e-12):
        raise UnreachableTargetError(f"{target_requests:.6g} requests are to be kept, {most_kept:.6g} can be")
    target_requests = min(target_requests, most_kept * (1.0 - 1e-9))  # the last billionth is rounding
    together = _joined(kept, steps_between_changes)
    lengths = np.full(len(together), float(steps_between_changes))
    lengths[-1] = len(kept) - steps_between_changes * (len(together) - 1)
    usd_per_step = usd_per_hour * step_seconds / SECONDS_PER_HOUR
    launch_usd = math.ceil(lead_time_seconds / step_seconds - 1e-9) * usd_per_step
    counts = np.arange(kept.shape[1])
    usd_per_instance = lengths * usd_per_step
    allowed = slice(min(least_instances, kept.shape[1] - 1), None)

    def solve(usd_per_request: float) -> OraclePath:
        score = np.multiply(together[:, allowed], -usd_per_request, order="C")
        score[:-1] += usd_per_instance[0] * counts[allowed]  # all but the last are of one length
        score[-1] += usd_per_instance[-1] * counts[allowed]
        path = _cheapest_path(score, launch_usd) + counts[allowed][0]
        rises = int(np.maximum(np.diff(path), 0).sum())
        cost = float((usd_per_instance * path).sum()) + rises * launch_usd
        found = float(together[np.arange(len(path)), path].sum())
        value = cost + usd_per_request * (target_requests - found)
        return OraclePath(
            instances=np.repeat(path, steps_between_changes)[: len(kept)],
            cost_usd=cost,
            bound_usd=value,
            kept_requests=found,
            launches=rises,
        )

    return _at_target(solve, target_requests)


def _at_target(solve: Callable[[float], OraclePath], target_requests: float) -> OraclePath:
    """Return the cheapest path found that keeps the target, with the best bound of all values tried."""
    low, high = 0.0, 1e-6
    found = solve(high)
    bound = max(solve(low).bound_usd, found.bound_usd)
    while found.kept_requests < target_requests:
        low, high = high, 4.0 * high
        found = solve(high)
        bound = max(bound, found.bound_usd)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        tried = solve(middle)
        bound = max(bound, tried.bound_usd)
        if tried.kept_requests >= target_requests:
            found, high = tried, middle
        else:
            low = middle
    return replace(found, bound_usd=bound)


def _joined(kept: Floats, steps: int) -> Floats:
    """Return sums over `steps` steps each, the last over what is left."""
    return kept if steps == 1 else np.add.reduceat(kept, np.arange(0, len(kept), steps), axis=0)


@compiled
def _cheapest_path(score: Floats, launch_usd: float) -> Counts:
    """Return the column of each row on the path of least score plus launches; the first is free to choose."""
    steps, width = score.shape
    before = np.zeros((steps, width), dtype=np.int32)
    best, after = score[0].copy(), np.zeros(width)
    raised, raised_from = np.zeros(width), np.zeros(width, dtype=np.int64)
    for step in range(1, steps):
        cheapest, origin = np.inf, 0
        for count in range(width):  # from below: each instance more is a launch
            if best[count] - launch_usd * count < cheapest:
                cheapest, origin = best[count] - launch_usd * count, count
            raised[count], raised_from[count] = cheapest + launch_usd * count, origin
        cheapest, origin = np.inf, 0
        for count in range(width - 1, -1, -1):  # from above: dropping is free
            if best[count] < cheapest:
                cheapest, origin = best[count], count
            if cheapest < raised[count]:
                after[count], before[step, count] = cheapest, origin
            else:
                after[count], before[step, count] = raised[count], raised_from[count]
        for count in range(width):
            best[count] = after[count] + score[step, count]
    path = np.zeros(steps, dtype=np.int64)
    path[steps - 1] = np.argmin(best)
    for step in range(steps - 1, 0, -1):
        path[step - 1] = before[step, path[step]]
    return path
