"""Bench of the capacity schedule: 168 hours, 200 sizes, at most 40 changes, beside the plain program in numpy.

The peer walks over the same moments with one array of sizes x changes and numpy's words for each step; it finds the
least cost alone and keeps nothing to find the way back by. Both costs are compared. Ours is all of schedule_capacity.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from scipy import ndimage

from headroom.domain.fleet import NO_STEP_LIMITS, Bounds, StepLimits
from headroom.domain.scaling import CapacityRequirement, CapacitySchedule, Counts
from headroom.scheduling import schedule_capacity

Result = TypeVar("Result")
START = datetime(2026, 11, 18, tzinfo=UTC)
HOURS, SIZES, CHANGES, STANDING = 168, 200, 40, 100
LEAD_MINUTES = 7
"""Five minutes of lead time and the two that an action may be late."""
LARGEST_STEP = 20
MUST_SECONDS = 0.05
ROUNDS = 9


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return processor seconds by dwell and step limits, ours and the peer's, and what the first schedule takes."""
    needs = _needs(48 if is_quick else HOURS)
    first, _ = _timed(partial(_schedule, needs[:2], dwell_minutes=30, step_limits=NO_STEP_LIMITS), rounds=1)
    found: dict[str, Any] = {"hours": len(needs), "first_schedule_seconds": first}
    for dwell in (30, 15):
        for name, step_limits in (
            ("free", NO_STEP_LIMITS),
            ("limited", StepLimits(max_raise_instances=LARGEST_STEP, max_lowering_instances=LARGEST_STEP)),
        ):
            ours = partial(_schedule, needs, dwell_minutes=dwell, step_limits=step_limits)
            peer = partial(_plain_cost, needs, dwell_minutes=dwell, largest=step_limits.max_raise_instances or SIZES)
            seconds, made = _timed(ours, rounds=ROUNDS)
            peer_seconds, cost = _timed(peer, rounds=1)
            if _cost(made) != cost:
                raise AssertionError(f"ours costs {_cost(made)} instance-minutes, the peer's {cost}")
            found[f"{name}_{dwell}_seconds"] = seconds
            found[f"{name}_{dwell}_over_plain"] = seconds / peer_seconds
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Return the table of docs/benchmarks.md."""
    rows = [
        f"| {dwell} min | {'none' if name == 'free' else f'{LARGEST_STEP} up, {LARGEST_STEP} down'} "
        f"| {1000 * found[f'{name}_{dwell}_seconds']:.1f} ms | {found[f'{name}_{dwell}_over_plain']:.3f} |"
        for dwell in (30, 15)
        for name in ("free", "limited")
    ]
    first = 1000 * found["first_schedule_seconds"]
    return [
        f"{found['hours']} hours x {SIZES} sizes x {CHANGES} changes, processor time of one schedule,",
        f"median of {ROUNDS}; at most {1000 * MUST_SECONDS:.0f} ms are allowed. The first schedule of a process takes",
        f"{first:.0f} ms, with what the machine has compiled before.",
        "",
        "| dwell | step limits | a schedule | over the plain program in numpy |",
        "| --- | --- | --- | --- |",
        *rows,
    ]


def _needs(hours: int) -> Counts:
    hour = np.arange(hours)
    noise = np.random.default_rng(1).normal(0.0, 15.0, hours)
    needs = np.rint(100.0 + 80.0 * np.sin(2.0 * np.pi * hour / 24.0) + noise)
    return np.clip(needs, 1, SIZES).astype(np.int64)


def _timed(work: Callable[[], Result], *, rounds: int) -> tuple[float, Result]:
    took = []
    for _ in range(rounds):
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return float(np.median(took)), result


def _schedule(needs: Counts, *, dwell_minutes: int, step_limits: StepLimits) -> CapacitySchedule:
    hours = np.datetime64(START.replace(tzinfo=None), "s") + np.arange(len(needs)) * np.timedelta64(1, "h")
    return schedule_capacity(
        CapacityRequirement(
            fleet_id="week",
            hours=hours.astype("datetime64[s]"),
            required_instances=needs,
            demand_per_second=needs.astype(np.float64),
            method="bench",
        ),
        lead_time_seconds=(LEAD_MINUTES - 2) * 60,
        min_dwell_seconds=dwell_minutes * 60,
        max_changes=CHANGES,
        bounds=Bounds(min_instances=1, max_instances=SIZES),
        starts_after_utc=START,
        ends_at_utc=START + timedelta(hours=len(needs)),
        current_instances=STANDING,
        step_limits=step_limits,
    )


def _cost(made: CapacitySchedule) -> int:
    edges = [START, *(step.starts_at_utc for step in made.steps), made.ends_at_utc]
    levels = [STANDING, *(step.instances for step in made.steps)]
    minutes = [(later - earlier) // timedelta(minutes=1) for earlier, later in pairwise(edges)]
    return sum(level * length for level, length in zip(levels, minutes, strict=True))


def _plain_cost(needs: Counts, *, dwell_minutes: int, largest: int) -> int:
    """Return the least cost in instance-minutes; what stands is one of the sizes, reached with no change."""
    end = 60 * len(needs)
    by_minute = np.maximum(np.repeat(needs, 60), np.append(np.repeat(needs, 60)[LEAD_MINUTES:], [1] * LEAD_MINUTES))
    on_grid = np.arange(0, end + dwell_minutes, dwell_minutes)
    minutes = np.unique(np.concatenate([on_grid, on_grid - LEAD_MINUTES]))
    minutes = minutes[(minutes >= 0) & (minutes <= end)]
    need = np.maximum.reduceat(by_minute, minutes[:-1])
    sizes = np.arange(1, SIZES + 1)[:, None]
    free = np.full((SIZES, CHANGES + 1), np.inf)
    free[STANDING - 1, 0] = 0.0
    waiting: list[tuple[int, Any]] = []
    for now, (begin, stop) in enumerate(pairwise(minutes)):
        while waiting and waiting[0][0] + dwell_minutes <= begin:
            free = np.minimum(free, waiting.pop(0)[1])
        changed = np.full_like(free, np.inf)
        window = {"size": 2 * largest + 1, "axis": 0, "mode": "constant", "cval": np.inf}
        changed[:, 1:] = ndimage.minimum_filter1d(free[:, :-1], **window)
        waiting.append((int(begin), changed))
        held = np.where(sizes >= need[now], sizes * (stop - begin), np.inf)
        free = free + held
        waiting = [(since, values + held) for since, values in waiting]
    return int(min(free.min(), *(values.min() for _, values in waiting)))
