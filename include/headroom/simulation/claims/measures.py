"""What the article's words are measured by, exactly; every function takes what was played and gives one number."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.domain.scaling import Counts
from headroom.simulation.engine import Run
from headroom.units import HOURS_PER_DAY, HOURS_PER_MONTH, PERCENT_PER_FRACTION, SECONDS_PER_HOUR


def usd_a_month(run: Run) -> float:
    """Return the bill at the replay's pace over a month of 730 hours."""
    hours = len(run.arriving) * run.step_seconds / SECONDS_PER_HOUR
    return run.cost_usd / hours * HOURS_PER_MONTH


def less_percent(before: float, after: float) -> float | None:
    """Return by how many percent `after` is less; negative where it is more, None where nothing tells.

    >>> less_percent(85_000.0, 34_000.0)
    60.0
    >>> less_percent(0.0, 1.0) is None
    True
    """
    if not (before > 0 and math.isfinite(before) and math.isfinite(after)):
        return None
    return float(PERCENT_PER_FRACTION * (before - after) / before)


def least_and_most_instances(run: Run) -> tuple[int, int]:
    """Return the fewest and the most instances at work, without the first hour, in which a fleet leaves its start."""
    at_work = run.ready.sum(axis=0)[round(SECONDS_PER_HOUR / run.step_seconds) :]
    return int(at_work.min()), int(at_work.max())


def over_provisioned_usd(run: Run, needed: Counts) -> float:
    """Return what was paid for instances beyond those needed: sum over steps of max(0, billed - needed) x price.

    `needed`: shape (steps,), the fewest that keep the objective in each step (Replay.needed). One pool only, ValueError
    for more: an instance too many has no one price where prices differ.
    """
    if len(run.pools) != 1:
        raise ValueError(f"expected one pool, found {len(run.pools)}")
    excess = np.maximum(run.billed[0] - needed, 0).sum()
    return float(excess) * run.step_seconds / SECONDS_PER_HOUR * run.pools[0].usd_per_hour


def response_spread_seconds(run: Run) -> float:
    """Return p99 - p50 of latency: how far the slow requests lie from the usual one; infinite where p99 is."""
    return run.latency_seconds(99.0) - run.latency_seconds(50.0)


def scaling_errors(run: Run, needed: Counts) -> float:
    """Return the requests that were late or failed in steps with fewer instances at work than were needed.

    Others are late as well: with enough instances, up to the objective's own 5 % are, by the spread of service.
    """
    return float(run.late[run.ready.sum(axis=0) < needed].sum())


def short_steps(run: Run, needed: Counts) -> int:
    """Return the number of steps with fewer instances at work than were needed."""
    return int((run.ready.sum(axis=0) < needed).sum())


def peak_hours_utilization_percent(run: Run) -> float:
    """Return busy time over time at work in the hour of each day that has the most requests.

    Days and hours are counted from the start; a day that is not whole is left out.
    """
    per_hour = round(SECONDS_PER_HOUR / run.step_seconds)
    days = len(run.arriving) // (per_hour * HOURS_PER_DAY)

    def by_hour(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        hours: npt.NDArray[Any] = (
            values[: days * HOURS_PER_DAY * per_hour].reshape(days, HOURS_PER_DAY, per_hour).sum(axis=2)
        )
        return hours

    at_work = run.ready.sum(axis=0)
    busiest = by_hour(run.arriving).argmax(axis=1)
    busy = by_hour(at_work * run.utilization)[np.arange(days), busiest].sum()
    return float(PERCENT_PER_FRACTION * busy / by_hour(at_work)[np.arange(days), busiest].sum())


def idle_percent(run: Run) -> float:
    """Return the share of the instances' time at work in which they serve nothing."""
    return float(PERCENT_PER_FRACTION * (1.0 - run.utilization_fraction))


def slower_while_scaling_percent(run: Run, percentile: float) -> float | None:
    """Return by how many percent latency is longer in steps with a launch under way than in the others.

    None where a percentile of either is unknown or infinite.
    """
    quiet = replace(run, slower_requests=run.slower_requests - run.slower_requests_while_scaling)
    before, while_scaling = quiet.latency_seconds(percentile), run.latency_seconds(percentile, is_while_scaling=True)
    less = less_percent(before, while_scaling)
    return None if less is None else -less
