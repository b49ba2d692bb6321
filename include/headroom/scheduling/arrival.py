"""Whether the capacity that an action asked for really stood before its need, and how late. Pure.

Samples are means over a period (five minutes, or one). An instance that comes within a period shows as a part of it, so
the moment at which the last one stood is read off the last period that was not full: what it lacks of the level, over
the instances that were missing when it began, is the share of it that had passed. How many were missing then is known
where the period before had a whole number of instances all along, else the fewest that there can have been: the latest
moment. That is exact where those of the last period came together, and never off by more than the period.

Missing is not 0: without samples nothing is known, and what an unseen period hides is not guessed.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Floats

Seconds = npt.NDArray[np.int64]

JUDGED_FOR: Final = timedelta(hours=6)
"""An action is followed this long, or until the floor is lowered again: what comes later came for another need."""
COMES_WITHIN: Final = timedelta(hours=1)
"""Capacity that does not stand this long after its need did not come: the hour it was bought for is over."""
LAUNCHES_WITHIN: Final = timedelta(minutes=30)
"""What is asked for after its need (a first push amid a peak) has at least this long before that is said of it."""
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedFloor:
    """An action of ours that raised the floor: from `instances_before` to `instances_after` at its start.

    `holds_until_utc`: when the floor is below `instances_after` again.
    """

    action_name: str
    starts_at_utc: datetime
    need_at_utc: datetime
    instances_before: int
    instances_after: int
    holds_until_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstanceSamples:
    """Mean instances in service by period, shape (n,), ascending; epoch seconds. Periods nobody saw are not there."""

    start: Seconds
    period_seconds: Seconds
    instances: Floats

    def between(self, start_utc: datetime, end_utc: datetime) -> "InstanceSamples":
        """Return the samples whose periods touch the span."""
        begin, stop = start_utc.timestamp(), end_utc.timestamp()
        chosen = (self.start + self.period_seconds > begin) & (self.start < stop)
        return InstanceSamples(
            start=self.start[chosen], period_seconds=self.period_seconds[chosen], instances=self.instances[chosen]
        )

    def is_same_as(self, other: "InstanceSamples") -> bool:
        """Whether both say the same of the same periods."""
        pairs = ((self.start, other.start), (self.period_seconds, other.period_seconds))
        are_same_periods = all(np.array_equal(mine, theirs) for mine, theirs in pairs)
        return are_same_periods and np.array_equal(self.instances, other.instances, equal_nan=True)

    @property
    def end(self) -> Seconds:
        """Ends of the periods."""
        return self.start + self.period_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What came of a raised floor; None is what nobody saw.

    `seconds_to_stand` from the action's start until its level was in service: 0 where it was before. `seconds_late`
    against the need, negative where it stood earlier. `is_short`: at the need fewer than the level were in service.
    `has_come`: the level was in service within the hour after the need. `instances_at_start` and `most_instances`:
    mean in service in the period before the start, and the most while the action was followed.
    """

    stood_at_utc: datetime | None = None
    seconds_to_stand: float | None = None
    seconds_late: float | None = None
    is_short: bool | None = None
    has_come: bool | None = None
    instances_at_start: float | None = None
    most_instances: float | None = None
    samples_seen: int = 0


def judge_arrival(raised: RaisedFloor, samples: InstanceSamples) -> Arrival:
    """Return what came of a raised floor, from the fleet's samples around it."""
    begin, need = raised.starts_at_utc.timestamp(), raised.need_at_utc.timestamp()
    stop_utc = min(raised.holds_until_utc, raised.starts_at_utc + JUDGED_FOR)
    seen = samples.between(raised.starts_at_utc, stop_utc)
    before = _newest_before(samples, begin)
    if not len(seen.start):
        return Arrival(instances_at_start=before)
    is_full = seen.instances >= raised.instances_after - _ROUNDING
    stood, known_full_from = _stood(raised, seen, is_full, before, begin=begin)
    return Arrival(
        stood_at_utc=None if stood is None else datetime.fromtimestamp(stood, tz=UTC),
        seconds_to_stand=None if stood is None else stood - begin,
        seconds_late=None if stood is None else stood - need,
        is_short=_is_short(seen, is_full, stood, known_full_from, need=need, stop=stop_utc.timestamp()),
        has_come=_has_come(raised, seen, is_full, known_full_from, stop_utc=stop_utc),
        instances_at_start=before,
        most_instances=float(seen.instances.max()),
        samples_seen=len(seen.start),
    )


def _newest_before(samples: InstanceSamples, begin: float) -> float | None:
    """Return what was in service in the last whole period before the start; None where that was not seen."""
    whole = np.flatnonzero(samples.end <= begin)
    if not len(whole) or begin - samples.end[whole[-1]] >= samples.period_seconds[whole[-1]]:
        return None
    return float(samples.instances[whole[-1]])


def _stood(
    raised: RaisedFloor,
    seen: InstanceSamples,
    is_full: npt.NDArray[np.bool_],
    before: float | None,
    *,
    begin: float,
) -> tuple[float | None, float | None]:
    """Return when the level stood, None where that is not known, and from when on at the latest, None if never."""
    if not is_full.any():
        return None, None
    first = int(np.argmax(is_full))
    start = float(seen.start[first])
    if start <= begin:
        return begin, begin
    if first == 0 or seen.end[first - 1] != seen.start[first]:
        return None, start
    level, last = raised.instances_after, first - 1
    is_next_before = last > 0 and seen.end[last - 1] == seen.start[last]
    earlier = float(seen.instances[last - 1]) if is_next_before else before if last == 0 else None
    if earlier is None or earlier >= level:
        return start, start
    period = float(seen.period_seconds[last])
    lacking = level - float(seen.instances[last])
    is_steady = abs(earlier - round(earlier)) < _ROUNDING and earlier <= seen.instances[last] + _ROUNDING
    missing = level - earlier if is_steady else math.ceil(lacking - _ROUNDING)
    passed = lacking * period / missing
    stood = max(float(seen.start[last]) + min(passed, period), begin)
    return stood, stood


def _is_short(
    seen: InstanceSamples,
    is_full: npt.NDArray[np.bool_],
    stood: float | None,
    known_full_from: float | None,
    *,
    need: float,
    stop: float,
) -> bool | None:
    covers_need = (seen.start <= need) & (seen.end > need) & (seen.end <= stop)
    if stood is not None:
        return bool(stood > need or (covers_need & (seen.start >= stood) & ~is_full).any())
    if known_full_from is not None and known_full_from <= need:
        return False
    lacking = ~is_full & (seen.end > need) & (seen.end <= stop)
    if known_full_from is not None:
        lacking &= (seen.start >= need) & (seen.start < known_full_from)
    return True if lacking.any() else None


def _has_come(
    raised: RaisedFloor,
    seen: InstanceSamples,
    is_full: npt.NDArray[np.bool_],
    known_full_from: float | None,
    *,
    stop_utc: datetime,
) -> bool | None:
    deadline_utc = max(raised.need_at_utc + COMES_WITHIN, raised.starts_at_utc + LAUNCHES_WITHIN)
    deadline = deadline_utc.timestamp()
    if known_full_from is not None and known_full_from <= deadline:
        return True
    lacking = ~is_full & (seen.end >= deadline)
    if known_full_from is not None:
        lacking &= seen.start < known_full_from
    return False if stop_utc >= deadline_utc and lacking.any() else None
