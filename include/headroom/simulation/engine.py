"""The replay's engine: a fleet under a plan and a reactive policy, step by step over recorded demand; pure.

A step is a minute, or the demand's own step where that is shorter. An instance is billed from its launch, serves one
lead time later (in whole steps, rounded up), and is billed through its draining. What is decided at a step rests on
what was measured up to the step before. Same arguments, same bytes. The queue's model: minute_loop.py; its formulas:
headroom.capacity.queueing; both are checked against request_level.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation import minute_loop
from headroom.simulation.gaps import Gaps, gaps_of
from headroom.simulation.latency_percentiles import latency_percentiles
from headroom.simulation.latency_table import LatencyTable, ServingQueue
from headroom.units import SECONDS_PER_HOUR

NOTICE_SECONDS: Final = 120.0
"""A spot interruption is told two minutes before (EC2 User Guide, Spot interruption notices, read 2026-11)."""
DRAIN_SECONDS: Final = 60.0
"""Billed after an instance takes no more requests: to finish those, and to shut down."""
LEAST_BILLED_SECONDS: Final = 60.0
"""The least that a launch is billed for, also one that was ended at once (EC2 On-Demand Pricing, read 2026-11)."""
PERCENTILES: Final = (50.0, 95.0, 99.0)


class ReactionKind(IntEnum):
    """The reactive policies that the loop knows; the numbers are its own."""

    THRESHOLD = minute_loop.THRESHOLD
    TARGET_TRACKING = minute_loop.TARGET_TRACKING
    HPA = minute_loop.HPA


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A reactive policy and its parameters, in the order that minute_loop's function of that kind documents."""

    kind: ReactionKind
    parameters: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Equal instances bought in one way; the first pool of a fleet is the one a reactive policy scales.

    `speed` is work per instance over that of the fleet's type today. Fractions are of launches: `refused_fraction` get
    a capacity error at once (and are asked for again in the next step), `stillborn_fraction` fail when they should
    begin to serve.
    """

    instance_type: str
    purchase_option: str
    usd_per_hour: float
    zone: str | None = None
    speed: float = 1.0
    lead_time_seconds: float
    interruptions_per_hour: float = 0.0
    refused_fraction: float = 0.0
    stillborn_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What chance may do, and how instances end.

    `lead_spread_fraction`: launches take longer than the pool's lead time by an exponential of this share of it on
    average; they are never quicker.
    """

    lead_spread_fraction: float = 0.0
    notice_seconds: float = NOTICE_SECONDS
    drain_seconds: float = DRAIN_SECONDS
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapacityPlan:
    """What a policy asks for: `floors` (pools, steps) instances in force in each step, and a reactive policy over it.

    Without one the fleet follows the floor down as well; with one, which scales the first pool, only it scales in.
    """

    pools: tuple[Pool, ...]
    floors: Counts
    reaction: Reaction | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What became of a fleet in each step.

    Shape (pools, steps): instances `ready`, at work from the step's start, and `billed`. Shape (steps,): requests
    `arriving`, `waiting` at the end, `failed` and `late` (beyond the objective, failed ones included), `utilization` of
    the instances, instances `wanted`. `slower_requests`: requests that took longer than each of `latencies_seconds`;
    and the same of steps in which a launch was under way. Where tokens are promised, that latency is the first token's,
    `gaps` tells of the others, and `late` counts who missed either objective.
    """

    step_seconds: float
    arriving: Floats
    ready: Counts
    billed: Counts
    wanted: Counts
    waiting: Floats
    failed: Floats
    late: Floats
    utilization: Floats
    latencies_seconds: Floats
    slower_requests: Floats
    slower_requests_while_scaling: Floats
    cold_starts: int
    cold_start_seconds: float
    interruptions: int
    scaling_actions: int
    pools: tuple[Pool, ...]
    gaps: Gaps | None = None

    @property
    def instance_hours(self) -> Floats:
        """Billed instance-hours of each pool."""
        hours: Floats = self.billed.sum(axis=1) * (self.step_seconds / SECONDS_PER_HOUR)
        return hours

    @property
    def cost_usd(self) -> float:
        """Instance-hours times price."""
        return float(
            sum(hours * pool.usd_per_hour for hours, pool in zip(self.instance_hours, self.pools, strict=True))
        )

    @property
    def slo_met_fraction(self) -> float:
        """Share of requests whose own latency kept the objective; 1 where none came."""
        return _share(self.arriving.sum() - self.late.sum(), self.arriving.sum())

    @property
    def success_fraction(self) -> float:
        """Share of requests that did not fail; 1 where none came."""
        return _share(self.arriving.sum() - self.failed.sum(), self.arriving.sum())

    @property
    def utilization_fraction(self) -> float:
        """Busy time of the instances at work over all their time."""
        at_work = self.ready.sum(axis=0)
        return _share(float((at_work * self.utilization).sum()), float(at_work.sum()))

    def slo_hours_fraction(self, percentile: float) -> float:
        """Share of the hours with requests in which at least `percentile` percent of them kept the objective.

        Hours are counted from the replay's start; the last may be short. Of two objectives, each is kept by as many.
        """
        hour = (np.arange(len(self.arriving)) * self.step_seconds // SECONDS_PER_HOUR).astype(np.int64)
        arriving = np.bincount(hour, self.arriving)
        allowed = arriving * (1.0 - percentile / 100.0) * (1.0 + 1e-9)
        each = (self.late,) if self.gaps is None else (self.gaps.first_late, self.gaps.late)
        is_kept = np.all([np.bincount(hour, late) <= allowed for late in each], axis=0)
        return _share(float(is_kept[arriving > 0].sum()), float((arriving > 0).sum()))

    def latency_seconds(self, percentile: float, *, is_while_scaling: bool = False) -> float:
        """Return the latency that `percentile` percent of requests stay within; failed ones count as the slowest.

        NaN where no request came (while a launch was under way).
        """
        slower = self.slower_requests_while_scaling if is_while_scaling else self.slower_requests
        return float(latency_percentiles(slower[None, :], self.latencies_seconds, percentile)[0])


def run(
    rate_per_second: Floats,
    plan: CapacityPlan,
    *,
    step_seconds: float,
    queue: ServingQueue,
    most_instances: int,
    initial_instances: Sequence[int],
    conditions: Conditions = Conditions(),
) -> Run:
    """Play `plan` over demand, shape (steps,). The most instances of a pool are `most_instances`.

    ValueError for demand that is negative or not finite, or a plan of another shape.
    """
    pools = plan.pools
    rates = np.ascontiguousarray(rate_per_second, dtype=np.float64)
    if not (np.isfinite(rates).all() and (rates >= 0).all()):
        raise ValueError("rate_per_second must be at least 0 and finite everywhere")
    if plan.floors.shape != (len(pools), len(rates)):
        raise ValueError(f"floors have shape {plan.floors.shape}, expected {(len(pools), len(rates))}")
    table = _table(queue, pools, most_instances)
    shape, latencies = (len(pools), len(rates)), loop_queue(queue, table)
    written = minute_loop.Written(
        ready=np.zeros(shape, dtype=np.int64),
        billed=np.zeros(shape, dtype=np.int64),
        steps=np.zeros((len(rates), 8)),
        slower=np.zeros((2, len(latencies.latencies_seconds))),
        events=np.zeros(4, dtype=np.int64),
    )
    minute_loop.run_loop(
        rates,
        float(step_seconds),
        np.ascontiguousarray(plan.floors, dtype=np.int64),
        np.array(initial_instances, dtype=np.int64),
        _reactive(plan.reaction),
        _ways(pools, conditions, step_seconds=step_seconds, most_instances=most_instances),
        latencies,
        conditions.seed,
        written,
    )
    steps, events = written.steps, written.events
    return Run(
        step_seconds=step_seconds,
        arriving=rates * step_seconds,
        ready=written.ready,
        billed=written.billed,
        wanted=steps[:, 4].astype(np.int64),
        waiting=steps[:, 0],
        failed=steps[:, 1],
        late=steps[:, 2],
        utilization=steps[:, 3],
        latencies_seconds=latencies.latencies_seconds,
        slower_requests=written.slower[0],
        slower_requests_while_scaling=written.slower[1],
        cold_starts=int(events[0]),
        cold_start_seconds=float(events[1]) * step_seconds,
        interruptions=int(events[2]),
        scaling_actions=int(events[3]),
        pools=pools,
        gaps=None if table.gaps is None else gaps_of(table.gaps, table.utilizations, rates * step_seconds, steps),
    )


def queue_arrays(queue: ServingQueue, pools: Sequence[Pool], most_instances: int) -> minute_loop.Queue:
    """Return the queue as the loop takes it, with tables that reach to all pools at their most."""
    return loop_queue(queue, _table(queue, pools, most_instances))


def _table(queue: ServingQueue, pools: Sequence[Pool], most_instances: int) -> LatencyTable:
    return queue.table(math.ceil(sum(pool.speed for pool in pools) * most_instances))


def loop_queue(queue: ServingQueue, table: LatencyTable) -> minute_loop.Queue:
    """Return a queue and its tables as the loop takes them."""
    return minute_loop.Queue(
        rate_per_second=queue.rate_per_second,
        timeout_seconds=queue.timeout_seconds,
        size_index=table.size_index,
        utilizations=table.utilizations,
        waiting=table.waiting,
        tails=table.tails,
        latencies_seconds=table.latencies_seconds,
        objective_index=table.objective_index,
        gaps_missed=np.zeros(0) if table.gaps is None else table.gaps.missed_in_time,
    )


def _ways(
    pools: Sequence[Pool], conditions: Conditions, *, step_seconds: float, most_instances: int
) -> minute_loop.Ways:
    def steps(seconds: float) -> int:
        return math.ceil(seconds / step_seconds - 1e-9)

    leads = np.array([steps(pool.lead_time_seconds) for pool in pools], dtype=np.int64)
    hours = step_seconds / SECONDS_PER_HOUR
    return minute_loop.Ways(
        speeds=np.array([pool.speed for pool in pools]),
        ceilings=np.full(len(pools), most_instances, dtype=np.int64),
        lead_steps=leads,
        late_steps=leads.astype(np.float64) * conditions.lead_spread_fraction,
        drain_steps=steps(conditions.drain_seconds),
        notice_steps=max(1, steps(conditions.notice_seconds)),  # who is told in a step serves to its end
        least_billed_steps=steps(LEAST_BILLED_SECONDS),
        interrupted=np.array([-math.expm1(-pool.interruptions_per_hour * hours) for pool in pools]),
        refused=np.array([pool.refused_fraction for pool in pools]),
        stillborn=np.array([pool.stillborn_fraction for pool in pools]),
    )


def _reactive(reaction: Reaction | None) -> minute_loop.Reactive:
    if reaction is None:
        return minute_loop.Reactive(kind=minute_loop.NO_REACTION, parameters=np.zeros(minute_loop.PARAMETERS))
    padded = [*reaction.parameters, *[0.0] * (minute_loop.PARAMETERS - len(reaction.parameters))]
    return minute_loop.Reactive(kind=int(reaction.kind), parameters=np.array(padded, dtype=np.float64))


def _share(part: float, whole: float) -> float:
    # sums of many steps: the last digits would put a share of nothing below 0
    return min(max(float(part / whole), 0.0), 1.0) if whole > 0 else 1.0
