"""From the instances each hour needs to the cheapest piecewise-constant floor that covers them, exactly.

The problem. Between `starts_after_utc` and `ends_at_utc` choose a floor f(t), piecewise constant, with at most N
changes that lie at least a dwell apart, each by no more than the step limits up or down. An instance asked for at t
serves from t + lead time on, so the need r of an hour that starts at h asks for f(t) >= r on [h - lead time, h + 1 h):
raises move earlier, lowers never before the need has ended. Cost is the integral of f (instance-hours). The first
change may come at `starts_after_utc` itself; until then, and for as long as nothing is changed, `current_instances`
hold; what of them lies outside the bounds may be brought to the nearer one at once, whatever the step limits. The
giving back of the baseline at `ends_at_utc` is no change: it waits for no dwell and knows no limit.

What cannot be reached. Where the raise limit, the dwell and N let no floor be as high as a need in time, there is a
highest floor, a raise at every dwell from `starts_after_utc` on; what a need asks for beyond it is left out, since no
floor could have it, and every hour of which that is true is among the schedule's shortfalls. The rest is covered, and
so each moment is as little short as it can be.

Why the answer is exact. For a fixed order of levels the cost is linear in the change times and every constraint is a
bound by a need's edge or a difference of two neighbours, so some optimum has each change at an edge of a need, or a
whole number of dwells from one, or from `starts_after_utc`. For fixed times it is linear in the levels, and the least
ones are needs, what stands, or whole steps below one of them. Over these times and levels a shortest path is found by
dynamic programming (cheapest_floor.py): in O(M L) for M times and L levels, in O(N M L) where the cheapest of all has
more than N changes.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.fleet import NO_STEP_LIMITS, Bounds, StepLimits
from headroom.domain.scaling import CapacityRequirement, CapacitySchedule, CapacityShortfall, CapacityStep, Counts
from headroom.domain.window import as_utc
from headroom.scheduling.cheapest_floor import FloorProblem, cheapest_floor
from headroom.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

Seconds = npt.NDArray[np.int64]

ACTION_DELAY_SECONDS: Final = 120.0
"""A scheduled action can run up to two minutes late (EC2 Auto Scaling User Guide, scheduled scaling), read 2026-11."""
_FIVE_MINUTES: Final = 5 * SECONDS_PER_MINUTE


class ScheduleImpossibleError(ValueError):
    """No floor with so few changes covers what is needed."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """Spans [start, end) in epoch seconds that ask for `instances`, and the hour each comes from."""

    start: Seconds
    end: Seconds
    hour: Seconds
    instances: Counts


def earliest_start(now_utc: datetime) -> datetime:
    """Return the first whole minute at least a minute after `now_utc`: the soonest start to ask a cloud for."""
    soonest = as_utc(now_utc) + timedelta(minutes=1)
    floor = soonest.replace(second=0, microsecond=0)
    return floor if floor == soonest else floor + timedelta(minutes=1)


def schedule_capacity(
    requirement: CapacityRequirement,
    *,
    lead_time_seconds: float,
    min_dwell_seconds: float,
    max_changes: int,
    bounds: Bounds,
    starts_after_utc: datetime,
    ends_at_utc: datetime,
    current_instances: int,
    step_limits: StepLimits = NO_STEP_LIMITS,
    action_delay_seconds: float = ACTION_DELAY_SECONDS,
) -> CapacitySchedule:
    """Return the cheapest floor that covers `requirement` (module docstring), with the fewest changes that cost allows.

    `lead_time_seconds` and `action_delay_seconds` together are how long before a need its raise starts, rounded up to
    whole minutes. `min_dwell_seconds` is rounded up to five minutes; divisors of an hour are quickest. `max_changes`
    leaves the restore out. `current_instances`: what stands without us, the desired count where nothing else scales,
    the minimum where a reactive policy does. Needs are held inside `bounds`. ScheduleImpossibleError when
    `max_changes` is 0 and what stands is too little; ValueError for a schedule that ends before it starts, step limits
    without a dwell, and step limits at fleets so large that a search takes more memory than a task should.
    """
    start = _ceil_minute(as_utc(starts_after_utc))
    end = int(as_utc(ends_at_utc).timestamp()) // SECONDS_PER_MINUTE * SECONDS_PER_MINUTE
    if end <= start:
        raise ValueError(f"a schedule of {requirement.fleet_id} would end at {ends_at_utc}, before it starts")
    for name, seconds in (("lead time", lead_time_seconds), ("dwell", min_dwell_seconds)):
        if not seconds >= 0:
            raise ValueError(f"{name} must be at least 0 seconds, found {seconds}")
    lead = math.ceil((lead_time_seconds + action_delay_seconds) / SECONDS_PER_MINUTE) * SECONDS_PER_MINUTE
    dwell = math.ceil(min_dwell_seconds / _FIVE_MINUTES) * _FIVE_MINUTES
    if dwell == 0 and step_limits != NO_STEP_LIMITS:
        raise ValueError("step limits need a dwell: without one, two changes a moment apart would pass them")
    least, most = bounds.min_instances, max(max_changes, 0)
    first_from = min(max(current_instances, least), bounds.max_instances)
    needs = _needs(requirement, lead=lead, bounds=bounds, start=start, end=end)
    times = _candidate_times(needs, start=start, end=end, dwell=dwell, least=least, most=most)
    need = _need_between(times, needs, least=least)
    reachable = _reachable(times, first_from=first_from, step_limits=step_limits, dwell=dwell, most=most)
    need = need if reachable is None else np.minimum(need, reachable)
    problem = FloorProblem(
        minutes=(times - start) // SECONDS_PER_MINUTE,
        need=need,
        levels=_levels(need, first_from=first_from, step_limits=step_limits, most=most, least=least),
        dwell_minutes=dwell // SECONDS_PER_MINUTE,
        standing=current_instances,
        first_from=first_from,
        most_raise=step_limits.max_raise_instances,
        most_lowering=step_limits.max_lowering_instances,
    )
    changes = cheapest_floor(problem, max_changes=max_changes)
    if changes is None:
        message = (
            f"{requirement.fleet_id} needs up to {int(need.max())} instances, {current_instances} stand, "
            f"and {max_changes} changes are allowed"
        )
        raise ScheduleImpossibleError(message)
    return CapacitySchedule(
        fleet_id=requirement.fleet_id,
        steps=_steps(times, changes, needs, current_instances=current_instances),
        ends_at_utc=_moment(end),
        shortfalls=_shortfalls(times, needs, reachable),
    )


def _needs(requirement: CapacityRequirement, *, lead: int, bounds: Bounds, start: int, end: int) -> _Needs:
    hour: Seconds = requirement.hours.astype("datetime64[s]").astype(np.int64)
    span_start = np.maximum(hour - lead, start)
    span_end = np.minimum(hour + SECONDS_PER_HOUR, end)
    instances = np.clip(requirement.required_instances.astype(np.int64), bounds.min_instances, bounds.max_instances)
    is_inside = span_start < span_end
    return _Needs(span_start[is_inside], span_end[is_inside], hour[is_inside], instances[is_inside])


def _candidate_times(needs: _Needs, *, start: int, end: int, dwell: int, least: int, most: int) -> Seconds:
    """Return the ascending times at which an optimal floor may change, from `start` to `end` (included)."""
    edges = np.unique(np.concatenate([[start, end], needs.start, needs.end]).astype(np.int64))
    need = _need_between(edges, needs, least=least)
    is_edge = np.ones(len(edges), dtype=bool)
    is_edge[1:-1] = np.diff(need) != 0
    edges = edges[is_edge]
    if dwell > 0:
        count = min(max(most, 0), (end - start) // dwell)
        offsets = np.arange(-count, count + 1, dtype=np.int64) * dwell
        edges = np.unique((edges[:, None] + offsets[None, :]).ravel())
        edges = np.unique(np.append(edges[(edges >= start) & (edges <= end)], end))
    return edges


def _need_between(times: Seconds, needs: _Needs, *, least: int) -> Counts:
    """Return the largest need on each [times[j], times[j + 1])."""
    largest: Counts = np.full(len(times) - 1, least, dtype=np.int64)
    first = np.searchsorted(times, needs.start, side="right") - 1
    last = np.searchsorted(times, needs.end, side="left")
    for begin, stop, instances in zip(first, last, needs.instances, strict=True):
        np.maximum(largest[begin:stop], instances, out=largest[begin:stop])
    return largest


def _reachable(times: Seconds, *, first_from: int, step_limits: StepLimits, dwell: int, most: int) -> Counts | None:
    """Return the highest floor there can be from each time to the next: as many raises as the dwell lets come before.

    No floor inside the limits is above it anywhere, and it is one itself: what needs ask for beyond it is lost whatever
    is done, and all that lies below can be had at once. None without a limit, and where no change is allowed at all.
    """
    if step_limits.max_raise_instances is None or most == 0:
        return None
    raises = np.minimum(1 + (times[:-1] - times[0]) // dwell, most)
    return np.asarray(first_from + raises * step_limits.max_raise_instances, dtype=np.int64)


def _levels(need: Counts, *, first_from: int, step_limits: StepLimits, most: int, least: int) -> Counts:
    """Return the ascending levels that an optimal floor may have."""
    anchors = np.unique(np.append(need, first_from))
    reach = int(anchors[-1]) - least
    chains = [anchors]
    for step in (step_limits.max_raise_instances, step_limits.max_lowering_instances):
        if step is not None:
            steps = np.arange(1, min(most, reach // step) + 1, dtype=np.int64) * step
            chains.append((anchors[:, None] - steps).ravel())
    levels = np.unique(np.concatenate(chains))
    return levels[levels >= least]


def _steps(
    times: Seconds,
    changes: tuple[tuple[int, int], ...],
    needs: _Needs,
    *,
    current_instances: int,
) -> tuple[CapacityStep, ...]:
    steps: list[CapacityStep] = []
    before = current_instances
    for position, instances in changes:
        if instances == before:
            continue
        moment = int(times[position])
        is_served = (needs.instances > before) & (needs.end > moment) & (instances > before)
        need_at = int(needs.hour[is_served].min()) if is_served.any() else moment // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        steps.append(CapacityStep(starts_at_utc=_moment(moment), need_at_utc=_moment(need_at), instances=instances))
        before = instances
    return tuple(steps)


def _shortfalls(times: Seconds, needs: _Needs, reachable: Counts | None) -> tuple[CapacityShortfall, ...]:
    """Return the hours whose instances are not all there from the first moment that they are asked for."""
    if reachable is None:
        return ()
    reached = reachable[np.searchsorted(times, needs.start, side="right") - 1]
    return tuple(
        CapacityShortfall(
            need_at_utc=_moment(int(needs.hour[hour])),
            required_instances=int(needs.instances[hour]),
            reachable_instances=int(reached[hour]),
        )
        for hour in np.flatnonzero(reached < needs.instances)
    )


def _ceil_minute(moment: datetime) -> int:
    return math.ceil(moment.timestamp() / SECONDS_PER_MINUTE) * SECONDS_PER_MINUTE


def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC)
