"""Which bounds were in force at a target when, and what set each: a pure fold over a fleet's ledger events.

The ledger says what stood whenever we looked, and what was scheduled from then on. Between two looks the scheduled
actions tell; the next look tells whether they ran, and what a push that died half way had got done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from headroom.actuation.held import Held
from headroom.actuation.ledger_fold import Fold, naming, start_of
from headroom.actuation.memory import BOUNDS, FleetMemory
from headroom.actuation.push_ids import moment_of
from headroom.domain.ledger import LedgerEvent
from headroom.domain.scaling import PresentAction


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What was in force at `at_utc`, by all that the events told of it, later ones included.

    `memory` and `latest` are what was known then: the last look at the target, and the newest event of any push.
    `also_possible`: other minimums that the ledger cannot rule out. `to_come`: scheduled actions known then, by start.
    """

    at_utc: datetime
    minimum: Held
    maximum: Held
    memory: FleetMemory
    latest: LedgerEvent
    also_possible: tuple[int | None, ...]
    to_come: tuple[PresentAction, ...]


def in_order(events: Iterable[LedgerEvent]) -> list[LedgerEvent]:
    """Return events in the order in which they were written; of one minute, by the count that memories carry."""
    known = sorted(events, key=lambda event: (event.at_utc, event.push_id, event.sequence))
    revisions: dict[tuple[datetime, str, int], int] = {}
    for (at_utc, push_id), own in groupby(known, key=lambda event: (event.at_utc, event.push_id)):
        unplaced: list[int] = []
        latest: int | None = None
        for event in own:  # a plan that comes back within the minute goes on under the push's own id
            with naming(event):
                record = event.detail.get("memory")
                latest = latest if record is None else record["revision"]
            unplaced.append(event.sequence)
            if latest is not None:
                revisions.update({(at_utc, push_id, sequence): latest for sequence in unplaced})
                unplaced = []

    def place(event: LedgerEvent) -> tuple[datetime, int, datetime, str, int]:
        revision = revisions.get((event.at_utc, event.push_id, event.sequence), 0)
        return event.at_utc, revision, moment_of(event.push_id), event.push_id, event.sequence

    return sorted(known, key=place)


def in_force_at(events: Sequence[LedgerEvent], at_utc: datetime, *, is_ours: Callable[[str], bool]) -> InForce | None:
    """Return what was, or is scheduled to be, in force at `at_utc`; None before the fleet was adopted.

    Raises ActuationError naming the event where one is not as Headroom writes it.
    """
    ordered = in_order(events)
    known = [event for event in ordered if event.at_utc <= at_utc]
    then = Fold(is_ours).read(known)
    if then.memory is None:
        return None
    now = Fold(is_ours).read(ordered)
    now.advance(at_utc)
    minimum, maximum = (_at(now.tracks[field], at_utc) for field in BOUNDS)
    to_come = [item.action for item in then.standing if (item.action.starts_at_utc or at_utc) > at_utc]
    return InForce(
        at_utc=at_utc,
        minimum=minimum[0],
        maximum=maximum[0],
        memory=then.memory,
        latest=known[-1],
        also_possible=tuple(dict.fromkeys(value for value in minimum[1] if value != minimum[0].value)),
        to_come=tuple(sorted(to_come, key=start_of)),
    )


def minimum_over_time(
    events: Iterable[LedgerEvent], until_utc: datetime, *, is_ours: Callable[[str], bool]
) -> tuple[Held, ...]:
    """Return what the minimum was, by all that the events tell, in order of time up to `until_utc`; empty before it."""
    fold = Fold(is_ours).read(in_order(events))
    fold.advance(until_utc)
    return tuple(held for held in fold.tracks["min_instances"] if held.since_utc < until_utc)


def _at(track: Sequence[Held], at_utc: datetime) -> tuple[Held, list[int | None]]:
    """Return what held at a moment, and every value that may have held."""
    position = max(index for index, held in enumerate(track) if held.since_utc <= at_utc)
    values = list(track[position].possible())
    values += [
        later.value
        for later in track[position + 1 :]
        if later.not_before_utc is not None and later.not_before_utc < at_utc
    ]
    return track[position], values
