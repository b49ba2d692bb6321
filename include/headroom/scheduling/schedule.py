"""From the instances each hour needs to the cheapest piecewise-constant floor that covers them, exactly.

The problem. Between `starts_after_utc` and `ends_at_utc` choose a floor f(t), piecewise constant, with at most N
changes that lie at least a dwell apart. An instance asked for at t serves from t + lead time on, so the need r of an
hour that starts at h asks for f(t) >= r on [h - lead time, h + 1 h): raises move earlier, lowers never before the need
has ended. Cost is the integral of f (instance-hours). The first change may come at `starts_after_utc` itself; until
then, and for as long as nothing is changed, `current_instances` hold. The giving back of the baseline at `ends_at_utc`
is no change and waits for no dwell.

Why the answer is exact. For a fixed order of levels the cost is linear in the change times and every constraint is a
bound by a need's edge or a difference of two neighbours, so some optimum has each change at an edge of a need, or a
whole number of dwells from one, or from `starts_after_utc`. Over these times a shortest path with at most N segments,
each held at the largest need inside it, is found by dynamic programming: in O(M^2) for M times, and in O(N M^2) where
the cheapest of all has more than N.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.fleet import Bounds
from headroom.domain.scaling import CapacityRequirement, CapacitySchedule, CapacityStep, Counts
from headroom.domain.window import as_utc
from headroom.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

Seconds = npt.NDArray[np.int64]

ACTION_DELAY_SECONDS: Final = 120.0
"""A scheduled action can run up to two minutes late (EC2 Auto Scaling User Guide, scheduled scaling), read 2026-11."""
_FIVE_MINUTES: Final = 5 * SECONDS_PER_MINUTE
_IMPOSSIBLE: Final = np.int64(2**61)
"""Above any cost in instance-seconds, and two of them can be added without overflow."""


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
    action_delay_seconds: float = ACTION_DELAY_SECONDS,
) -> CapacitySchedule:
    """Return the cheapest floor that covers `requirement` (module docstring), with the fewest changes that cost allows.

    `lead_time_seconds` and `action_delay_seconds` together are how long before a need its raise starts, rounded up to
    whole minutes. `min_dwell_seconds` is rounded up to five minutes; divisors of an hour are quickest. `max_changes`
    leaves the restore out. `current_instances`: what stands without us, the desired count where nothing else scales,
    the minimum where a reactive policy does. Needs are held inside `bounds`. ScheduleImpossibleError when
    `max_changes` is 0 and what stands is too little; ValueError for a schedule that ends before it starts.
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
    needs = _needs(requirement, lead=lead, bounds=bounds, start=start, end=end)
    times = _candidate_times(needs, start=start, end=end, dwell=dwell, least=bounds.min_instances, most=max_changes)
    level = _segment_levels(_need_between(times, needs, least=bounds.min_instances))
    starts = _cheapest_path(times, level, dwell=dwell, max_changes=max_changes, current_instances=current_instances)
    if starts is None:
        message = (
            f"{requirement.fleet_id} needs up to {int(level[0, -1])} instances, {current_instances} stand, "
            f"and {max_changes} changes are allowed"
        )
        raise ScheduleImpossibleError(message)
    steps = _steps(times, level, starts, needs, current_instances=current_instances)
    return CapacitySchedule(fleet_id=requirement.fleet_id, steps=steps, ends_at_utc=_moment(end))


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


def _segment_levels(need: Counts) -> Counts:
    """Return level[i, j]: the largest need on [times[i], times[j + 1]); 0 where j < i."""
    upper: Counts = np.triu(np.broadcast_to(need, (len(need), len(need))))
    levels: Counts = np.maximum.accumulate(upper, axis=1)
    return levels


def _cheapest_path(
    times: Seconds,
    level: Counts,
    *,
    dwell: int,
    max_changes: int,
    current_instances: int,
) -> list[int] | None:
    """Return the indices of `times` at which the cheapest floor changes, or None when nothing covers the needs."""
    last = len(times) - 1
    length = times[None, 1:] - times[:-1, None]
    cost = np.where(length > 0, level * length, _IMPOSSIBLE)
    cost[:, :-1][length[:, :-1] < dwell] = _IMPOSSIBLE  # the last segment ends with the restore, which waits for none
    unchanged = np.full(last + 1, _IMPOSSIBLE, dtype=np.int64)
    unchanged[0] = 0
    unchanged[1:] = np.where(current_instances >= level[0], current_instances * (times[1:] - times[0]), _IMPOSSIBLE)
    path = _path_of_any_length(cost, unchanged)
    if path is not None and len(path) > max_changes:
        path = _path_of_at_most(cost, unchanged, max_changes)
    return path


def _path_of_any_length(cost: Counts, unchanged: Counts) -> list[int] | None:
    """Return the cheapest path, of those the one with the fewest changes; None when nothing covers the needs."""
    last = len(unchanged) - 1
    weight = last + 1  # a change counts as one part of so many of an instance-second: it decides between equal costs
    cheapest = np.where(unchanged < _IMPOSSIBLE, unchanged * weight, _IMPOSSIBLE)
    weighted = np.where(cost < _IMPOSSIBLE, cost * weight + 1, _IMPOSSIBLE)
    origin = np.full(last + 1, -1, dtype=np.int64)
    for index in range(1, last + 1):
        total = cheapest[:index] + weighted[:index, index - 1]
        best = int(total.argmin())
        if total[best] < cheapest[index]:
            cheapest[index], origin[index] = total[best], best
    if cheapest[last] >= _IMPOSSIBLE:
        return None
    path: list[int] = []
    index = int(origin[last])
    while index >= 0:
        path.append(index)
        index = int(origin[index])
    return path[::-1]


def _path_of_at_most(cost: Counts, unchanged: Counts, max_changes: int) -> list[int] | None:
    """Return the cheapest path with at most `max_changes`, fewer where that costs no more; None where there is none."""
    last = len(unchanged) - 1
    best = unchanged
    cheapest, cheapest_changes = best[last], 0
    origins: list[Seconds] = []
    for changes in range(1, max(max_changes, 0) + 1):
        total = best[:-1, None] + cost
        origin = total.argmin(axis=0)
        best = np.concatenate([[_IMPOSSIBLE], np.minimum(total[origin, np.arange(last)], _IMPOSSIBLE)])
        origins.append(origin)
        if best[last] < cheapest:
            cheapest, cheapest_changes = best[last], changes
    if cheapest >= _IMPOSSIBLE:
        return None
    path: list[int] = []
    index = last
    for origin in reversed(origins[:cheapest_changes]):
        index = int(origin[index - 1])
        path.append(index)
    return path[::-1]


def _steps(
    times: Seconds,
    level: Counts,
    starts: list[int],
    needs: _Needs,
    *,
    current_instances: int,
) -> tuple[CapacityStep, ...]:
    steps: list[CapacityStep] = []
    before = current_instances
    for begin, stop in pairwise([*starts, len(times) - 1]):
        instances = int(level[begin, stop - 1])
        if instances == before:
            continue
        moment = int(times[begin])
        is_served = (needs.instances > before) & (needs.end > moment) & (needs.start < times[stop])
        need_at = int(needs.hour[is_served].min()) if is_served.any() else moment // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        steps.append(CapacityStep(starts_at_utc=_moment(moment), need_at_utc=_moment(need_at), instances=instances))
        before = instances
    return tuple(steps)


def _ceil_minute(moment: datetime) -> int:
    return math.ceil(moment.timestamp() / SECONDS_PER_MINUTE) * SECONDS_PER_MINUTE


def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC)
