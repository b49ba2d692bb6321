"""The fold over a fleet's ledger events: a track of each bound, what stands, and which intent asked for it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from headroom.actuation.errors import ActuationError
from headroom.actuation.held import Asked, Held, Source
from headroom.actuation.memory import BOUNDS, EARLY, FIELDS, LATE, FleetMemory, memory_from
from headroom.actuation.records import present_from, setting_from
from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState
from headroom.domain.scaling import ActionPurpose, CapacitySetting, PresentAction

_WRITES: Final = ("create", "replace")


@dataclass(frozen=True, slots=True)
class _Standing:
    action: PresentAction
    is_sure: bool = True


@contextmanager
def naming(event: LedgerEvent) -> Iterator[None]:
    """Turn whatever reading an event that is none raises into ActuationError that names it."""
    try:
        yield
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ActuationError(
            f"ledger/fleet={event.fleet_id}/push={event.push_id}: event {event.sequence} ({event.state}): expected it "
            f"as Headroom wrote it, found {type(error).__name__}: {error}",
        ) from error


class Fold:
    """The state of the fold: a track of each bound, what stands, and which intent asked for it."""

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        self._is_ours = is_ours
        self.tracks: dict[str, list[Held]] = {field: [] for field in BOUNDS}
        self.standing: list[_Standing] = []
        self.memory: FleetMemory | None = None
        self._told_until: datetime | None = None
        self._asked: dict[str, list[tuple[Mapping[str, Any], LedgerEvent, bool]]] = {}

    def read(self, events: Iterable[LedgerEvent]) -> "Fold":
        """Go on over `events`, in order; raise ActuationError naming the one that is not as Headroom writes it."""
        for event in events:
            with naming(event):
                self._read(event)
        return self

    def _read(self, event: LedgerEvent) -> None:
        detail = event.detail
        record = detail.get("memory")
        if record is not None:
            memory = memory_from(event.fleet_id, record)
            if event.state is LedgerState.CONFIRMED and self.memory is not None:
                self.memory = memory  # a word about the baseline, no look at the target
            elif self.memory is None or memory.at_utc >= self.memory.at_utc:
                self._look(memory, event)
        if event.state in INTENTS:
            self._intend(event)
        elif event.state in (LedgerState.APPLIED, LedgerState.PARTIALLY_APPLIED):
            self._apply(set(detail.get("applied", ())), event.push_id)
        elif event.state is LedgerState.VERIFICATION_FAILED:
            missing = {item["name"] for key in _WRITES for item in detail.get("left", {}).get(key, ())}
            self.standing = [replace(item, is_sure=item.action.name not in missing) for item in self.standing]

    def advance(self, until: datetime) -> None:
        """Run what is scheduled up to `until`."""
        if self._told_until is None:
            return
        due = [item for item in self.standing if self._told_until < start_of(item.action) <= until]
        for item in sorted(due, key=lambda item: start_of(item.action)):
            for field, track in self.tracks.items():
                value = getattr(item.action.setting, field)
                if value is not None:
                    unless = None if item.is_sure else track[-1]
                    track.append(replace(self._set_by(item.action, value, start_of(item.action)), unless=unless))
        self._told_until = max(until, self._told_until)

    def _look(self, memory: FleetMemory, event: LedgerEvent) -> None:
        before = self._told_until
        self.advance(memory.at_utc)
        setting = _seen_setting(event) or memory.setting
        for field in BOUNDS:
            self._observe(field, getattr(setting, field), memory, event, before)
        self._told_until = memory.at_utc
        self.standing = [_Standing(action) for action in memory.actions]
        self.memory = memory

    def _observe(
        self, field: str, value: int | None, memory: FleetMemory, event: LedgerEvent, before: datetime | None
    ) -> None:
        track = self.tracks[field]
        if not track:
            is_adoption = event.state is LedgerState.BASELINE_CAPTURED
            source = Source.UNKNOWN
            if field in memory.ours_in_force:
                source = Source.OURS
            elif value == getattr(memory.baseline.setting, field):
                source = Source.ADOPTED
            seen = Held(since_utc=memory.at_utc, value=value, source=source, event=event, is_first_seen=not is_adoption)
            track.append(seen)
        elif track[-1].value == value and track[-1].source is Source.UNKNOWN and _is_edit(event):
            track[-1] = replace(track[-1], source=Source.OWNER_EDIT, event=event)
        elif track[-1].value == value:
            is_late = track[-1].late is not None and memory.at_utc - track[-1].since_utc <= LATE
            track[-1] = replace(track[-1], unless=None, late=track[-1].late if is_late else None)
        elif track[-1].late is not None and track[-1].late.value == value:
            track[-1] = replace(track[-1].late, since_utc=track[-1].since_utc)
        elif not self._undo(track, value, memory.at_utc):
            track.append(self._seen(field, value, memory, event, before))

    def _undo(self, track: list[Held], value: int | None, at_utc: datetime) -> bool:
        """Drop what has not come about: actions that may never have stood, and those that are late; say whether."""
        kept = len(track)
        late: Held | None = None
        while kept > 1 and track[kept - 1].value != value:
            last = track[kept - 1]
            is_late = last.action is not None and at_utc - last.since_utc <= LATE
            if last.unless is None and not is_late:
                return False
            late = late or (last if last.unless is None else None)
            kept -= 1
        if track[kept - 1].value != value:
            return False
        del track[kept:]
        track[-1] = replace(track[-1], unless=None)
        if late is not None:
            track.append(replace(track[-1], since_utc=at_utc, late=late))
        return True

    def _seen(
        self, field: str, value: int | None, memory: FleetMemory, event: LedgerEvent, before: datetime | None
    ) -> Held:
        """Return a value that no action explains at its time: one early or recurring, an edit, or nobody knows."""
        for item in self.standing:
            action = item.action
            is_early = action.starts_at_utc is not None and action.starts_at_utc <= memory.at_utc + EARLY
            if (is_early or action.recurrence) and value is not None and getattr(action.setting, field) == value:
                return replace(self._set_by(action, value, memory.at_utc), not_before_utc=before)
        last = self.tracks[field][-1]
        if before is not None and last.unless is None:
            before = max(before, last.since_utc)  # what was there earlier, that action has overwritten
        return Held(
            since_utc=memory.at_utc,
            value=value,
            source=Source.OWNER_EDIT if _is_edit(event) else Source.UNKNOWN,
            event=event,
            not_before_utc=before,
        )

    def _intend(self, event: LedgerEvent) -> None:
        """Take what is to be written for possible, not for sure; what it replaces or deletes stands until it is."""
        written: list[PresentAction] = []
        for key in (*_WRITES, "keep"):
            for record in event.detail.get(key, ()):
                self._asked.setdefault(record["name"], []).append((record, event, key != "keep"))
                if key != "keep":
                    written.append(present_from(record))
        old = [item.action for item in self.standing if item.action not in written]
        # what would leave out a bound that stands is deleted first, and put anew
        narrowed = {
            action.name
            for action in old
            for new in written
            if new.name == action.name
            and any(getattr(new.setting, field) is None is not getattr(action.setting, field) for field in FIELDS)
        }
        going = narrowed | set(event.detail.get("delete", ()))
        # the new after the old of the same name and start: it runs in its place where it stands
        self.standing = [
            *(_Standing(action, is_sure=action.name not in going) for action in old),
            *(_Standing(action, is_sure=False) for action in written),
        ]

    def _apply(self, applied: set[str], push_id: str) -> None:
        """Take what the cloud took for sure, and drop what it took away or replaced."""
        written = {
            name: present_from(asked[-1][0])
            for name, asked in self._asked.items()
            if name in applied and asked[-1][1].push_id == push_id and asked[-1][2]
        }
        others = [item for item in self.standing if item.action.name not in applied]
        self.standing = [*others, *(_Standing(action) for action in written.values())]

    def _set_by(self, action: PresentAction, value: int, since_utc: datetime) -> Held:
        is_ours = self._is_ours(action.name)
        return Held(
            since_utc=since_utc,
            value=value,
            source=Source.OURS if is_ours else Source.OTHERS,
            action=action,
            asked=self._asked_of(action) if is_ours else None,
        )

    def _asked_of(self, action: PresentAction) -> Asked | None:
        same = [item for item in self._asked.get(action.name, ()) if present_from(item[0]) == action]
        put = next((item for item in reversed(same) if item[2]), None)
        if put is None:
            return None
        planned = next((item for item in reversed(same) if item[1].detail.get("plan_id")), None)
        record = (planned or put)[0]
        return Asked(
            purpose=ActionPurpose(record["purpose"]),
            put_by=put[1],
            planned_by=planned[1] if planned else None,
            need_at_utc=datetime.fromisoformat(record["need_at_utc"]),
            demand_per_second=record["demand_per_second"],
        )


def _is_edit(event: LedgerEvent) -> bool:
    return event.state is LedgerState.OWNER_EDIT_SEEN


def _seen_setting(event: LedgerEvent) -> CapacitySetting | None:
    """Return what was seen at the target, where the event says so.

    An owner's edit that a rollback leaves for the next push to find is kept out of what we know of the fleet.
    """
    record = event.detail.get("setting") or event.detail.get("before", {}).get("setting")
    return None if record is None else setting_from(record)


def start_of(action: PresentAction) -> datetime:
    """Return when an action starts; one that only recurs starts at no time that the ledger knows."""
    return action.starts_at_utc or _NEVER


_NEVER: Final = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
