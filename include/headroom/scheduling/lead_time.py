"""The lead time of the next plan: what is configured, or longer where actions were seen to need longer. Pure.

A raise that starts too early costs its instances for the time they stand idle, one that starts too late the same
instances' shortage for the time they are missing: the newsvendor's problem, whose answer is the critical-ratio
quantile, here of the seconds from an action's start until its level stood. They hold the lateness of the action itself,
so the schedule's allowance for it is taken off again: margins are not stacked.

Capacity that did not come says nothing of how long a launch takes. Each of the last week's days on which some did not
doubles the lead time, so that the next plan has more tries before its need. docs/decisions/0027 has the reasons.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from headroom.scheduling.schedule import ACTION_DELAY_SECONDS
from headroom.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

LEARNS_FROM: Final = timedelta(days=28)
NEWEST_ARRIVALS: Final = 20
"""The newest so many count: an image or a model that loads faster is learnt within days."""
LEAST_ARRIVALS: Final = 3
"""Fewer tell a slow day from a slow launch too badly."""
REMEMBERS_SHORTAGE: Final = timedelta(days=7)
MOST_TIMES_CONFIGURED: Final = 4.0
MOST_SECONDS: Final = float(SECONDS_PER_HOUR)
"""The bound is MOST_TIMES_CONFIGURED the configured lead time, or this where it is more."""
_LEAST_TO_DOUBLE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRaise:
    """A raise that launched instances: when it started, how long its level took to stand, and whether it came."""

    starts_at_utc: datetime
    seconds_to_stand: float | None
    has_come: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """The lead time of a plan and where it comes from: `configured`, `learnt` or `capacity_did_not_come`."""

    seconds: float
    configured_seconds: float
    source: str
    reason: str
    days_without: int = 0
    """Days of the last week on which capacity did not come."""

    def record(self) -> dict[str, Any]:
        """Return it as the plan's JSON keeps it."""
        return {
            "seconds": self.seconds,
            "configured_seconds": self.configured_seconds,
            "source": self.source,
            "reason": self.reason,
            "days_without": self.days_without,
        }


def most_seconds(configured_seconds: float) -> float:
    """Return the bound of what may be learnt.

    >>> most_seconds(300.0), most_seconds(1800.0)
    (3600.0, 7200.0)
    """
    return max(MOST_TIMES_CONFIGURED * configured_seconds, MOST_SECONDS)


def lead_time(
    configured_seconds: float,
    raises: Sequence[PastRaise],
    *,
    critical_ratio: float,
    at_utc: datetime,
) -> LeadTime:
    """Return the lead time of a plan made at `at_utc`, never below `configured_seconds` nor above most_seconds.

    `raises` are those of the type that the plan is for, in any order; ones that start later than `at_utc` are left out.
    """
    known = sorted((item for item in raises if item.starts_at_utc < at_utc), key=lambda item: item.starts_at_utc)
    most = most_seconds(configured_seconds)
    took = [
        item.seconds_to_stand
        for item in known
        if item.has_come and item.seconds_to_stand is not None and item.starts_at_utc >= at_utc - LEARNS_FROM
    ][-NEWEST_ARRIVALS:]
    seconds, source, reason = configured_seconds, "configured", f"as configured, {_minutes(configured_seconds)}"
    if len(took) >= LEAST_ARRIVALS:
        quantile = _quantile(took, critical_ratio)
        learnt = min(quantile - ACTION_DELAY_SECONDS, most)
        level = f"q{100 * critical_ratio:.4g}"
        told = f"the last {len(took)} raises stood {_minutes(quantile)} after their start at {level}"
        if learnt > configured_seconds:
            seconds, source = learnt, "learnt"
            reason = f"{_minutes(learnt)}: {told}, {_minutes(ACTION_DELAY_SECONDS)} of which the schedule allows anyway"
            reason += f"; configured are {_minutes(configured_seconds)}"
        else:
            reason += f"; {told}"
    days = {
        item.starts_at_utc.date()
        for item in known
        if item.has_come is False and item.starts_at_utc >= at_utc - REMEMBERS_SHORTAGE
    }
    if days:
        doubled = min(max(seconds, _LEAST_TO_DOUBLE) * 2.0 ** len(days), most)
        on_days = "one day" if len(days) == 1 else f"{len(days)} days"
        reason = f"{_minutes(doubled)}: capacity did not come on {on_days} of the last week, else {reason}"
        seconds, source = doubled, "capacity_did_not_come"
    return LeadTime(
        seconds=seconds,
        configured_seconds=configured_seconds,
        source=source,
        reason=reason,
        days_without=len(days),
    )


def _quantile(values: Sequence[float], level: float) -> float:
    """Return the least value that at least `level` of them do not exceed."""
    return sorted(values)[max(math.ceil(level * len(values) - 1e-9), 1) - 1]


def _minutes(seconds: float) -> str:
    return f"{seconds / SECONDS_PER_MINUTE:.3g} min"
