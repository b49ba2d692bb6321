"""The ledger in the lake: one folder per push of create-once event files, none ever rewritten.

`ledger/fleet=<fleet>/push=<push id>/<number>-<state>.json`. The names alone tell which pushes were left half done, so
finding that out reads no file. Two writers of one push at the same moment (a task's second try, and its first that
lives on all the same) may take the same number; an event's sequence is its place in the one order of all names, so that
no two have the same and every reader counts alike.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol

from headroom.actuation.errors import ActuationError
from headroom.actuation.memory import FleetMemory, memory_from
from headroom.actuation.push_ids import fleet_of, is_push_id, moment_of
from headroom.actuation.records import moment_from
from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState
from headroom.domain.scaling import Baseline
from headroom.domain.window import Window, as_utc

STALE_AFTER: Final = timedelta(hours=2)
"""A window that ended longer ago is past: its plan is recorded, never pushed."""

_EVENT_PATH = re.compile(r"(?:.*/)?push=(?P<push>[^/]+)/(?P<number>[0-9]{1,9})-(?P<state>[a-z_]+)\.json")
_SETTLED = frozenset({LedgerState.VERIFIED, LedgerState.ROLLED_BACK, LedgerState.REPAIRED})
_OUTCOMES = frozenset(
    {
        LedgerState.APPLIED,
        LedgerState.PARTIALLY_APPLIED,
        LedgerState.VERIFICATION_FAILED,
        LedgerState.FAILED,
        *INTENTS,
        *_SETTLED,
    },
)
_AT_ANY_TIME = frozenset({LedgerState.PLANNED, LedgerState.ROLLED_BACK, LedgerState.REPAIRED})
"""What may be said of a push long after its moment: all other events come within STALE_AFTER of it."""
_LOOK_BACK = STALE_AFTER + timedelta(hours=1)


class ListsFiles(Protocol):
    """Lists the lake's files."""

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        """Return, sorted, every file below `folder` whose first name after it starts with `name_prefix`."""
        ...


class LedgerStore(Protocol):
    """Where ledger files live: the lake and its JSON documents."""

    @property
    def storage(self) -> ListsFiles:
        """The files."""
        ...

    def write_json_once(self, path: str, obj: Any) -> bool:  # noqa: ANN401, any JSON value
        """Write the file if it is not there; return whether it was written."""
        ...

    def read_json(self, path: str) -> Any:  # noqa: ANN401, any JSON value
        """Return the file's content."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One file: `number` stands in its name, `sequence` is its place among its push's files, from 1."""

    sequence: int
    number: int
    state: LedgerState
    path: str


def _in_order(found: Iterable[tuple[int, LedgerState, str]]) -> list[_Entry]:
    """Return entries by number; of equal ones an intent comes last, so that what may be unfinished counts as such."""
    ordered = sorted(found, key=lambda item: (item[0], item[1] in INTENTS, item[1], item[2]))
    return [
        _Entry(sequence=place, number=number, state=state, path=path)
        for place, (number, state, path) in enumerate(ordered, start=1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """Pushes of a fleet that meant to write, oldest moment first."""

    newest: str | None
    half_done: tuple[str, ...]


class Ledger:
    """Reads and appends events; `store` is the lake."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._kept: dict[str, dict[str, list[str]]] | None = None

    def keeping_listings(self) -> "Ledger":
        """Return a ledger that lists a folder once and knows what itself appends: for the length of a push or a report.

        A push asks a dozen times which events there are, and in S3 each listing is a call. Events of others that come
        meanwhile are not seen, and never overwritten.
        """
        ledger = Ledger(self._store)
        ledger._kept = {}
        return ledger

    def append(
        self,
        push_id: str,
        state: LedgerState,
        *,
        at_utc: datetime,
        detail: dict[str, Any],
        memory: FleetMemory | None = None,
    ) -> LedgerEvent:
        """Add an event as the next of its push; `memory` is what we know of the fleet from then on.

        What another writer adds at the same moment stays; the event's sequence then is as `events` counts.
        """
        fleet_id = fleet_of(push_id)
        if memory is not None:
            detail = {**detail, "memory": memory.record()}
        if state in INTENTS and self._kept is not None:
            self._kept.pop(fleet_id, None)  # it comes after all that the one whose lock was taken over has written
        entries = self._entries(push_id)
        number = entries[-1].number + 1 if entries else 1
        while True:
            event = LedgerEvent(
                push_id=push_id,
                sequence=number,
                fleet_id=fleet_id,
                state=state,
                at_utc=as_utc(at_utc),
                detail=detail,
            )
            path = f"{_fleet_folder(fleet_id)}/push={push_id}/{number:04d}-{state}.json"
            if self._store.write_json_once(path, _event_record(event)):
                self._keep(fleet_id, path)
                return event
            number += 1

    def append_once(self, push_id: str, state: LedgerState, *, at_utc: datetime, detail: dict[str, Any]) -> bool:
        """Add an event unless the push's last one already says the same; return whether it was added."""
        entries = self._entries(push_id)
        is_last = bool(entries) and entries[-1].state is state
        if is_last and self._read(entries[-1]).detail == json.loads(json.dumps(detail)):
            return False
        self.append(push_id, state, at_utc=at_utc, detail=detail)
        return True

    def events(self, push_id: str) -> tuple[LedgerEvent, ...]:
        """Return the events of a push in order."""
        return tuple(self._read(entry) for entry in self._entries(push_id))

    def events_in(
        self, fleet_id: str, window: Window, *, but: frozenset[LedgerState] = frozenset()
    ) -> Iterator[LedgerEvent]:
        """Yield the events of a fleet written in `window`, push by push; the files' names alone say which to read.

        Events of states in `but` are left out, unread.
        """
        folders = self._folders(fleet_id)
        for push_id in sorted(folders, key=_by_moment):
            moment = moment_of(push_id)
            if moment >= window.end_utc + STALE_AFTER:
                continue
            is_old = moment < window.start_utc - _LOOK_BACK
            for entry in folders[push_id]:
                if entry.state not in but and (not is_old or entry.state in _AT_ANY_TIME):
                    event = self._read(entry)
                    if window.start_utc <= event.at_utc < window.end_utc:
                        yield event

    def states(self, push_id: str) -> tuple[LedgerState, ...]:
        """Return the states a push went through, in order, from the files' names alone."""
        return tuple(entry.state for entry in self._entries(push_id))

    def pushes(self, fleet_id: str, *, day: date | None = None) -> tuple[str, ...]:
        """Return the ids of the fleet's pushes, or of those whose moment lies in `day`, oldest moment first."""
        prefix = "push=" if day is None else f"push={fleet_id}-{day:%Y%m%d}T"
        return tuple(sorted(self._folders(fleet_id, name_prefix=prefix), key=_by_moment))

    def baseline(self, fleet_id: str, *, now_utc: datetime) -> Baseline | None:
        """Return the fleet's baseline, or None when it was never adopted."""
        memory = self.memory(fleet_id, now_utc=now_utc)
        return memory.baseline if memory else None

    def memory(self, fleet_id: str, *, now_utc: datetime) -> FleetMemory | None:
        """Return what was known at `now_utc` from our last dealing with the fleet; None before it was adopted."""
        newest: FleetMemory | None = None
        newest_moment: datetime | None = None
        folders = self._recent_folders(fleet_id, now_utc=now_utc)
        for push_id in sorted(folders, key=_by_moment, reverse=True):
            # Events are written within STALE_AFTER of their push's moment, so older folders hold nothing newer.
            if newest_moment is not None and moment_of(push_id) < newest_moment - _LOOK_BACK:
                break
            found = self._last_memory(fleet_id, folders[push_id], now_utc=now_utc)
            if found is not None:
                newest_moment = newest_moment or moment_of(push_id)
                newest = found if newest is None or found.revision > newest.revision else newest
        return newest

    def intents(self, fleet_id: str, *, now_utc: datetime) -> "Intents":
        """Return the newest push that meant to write, and those left half done; from the files' names alone."""
        folders = self._recent_folders(fleet_id, now_utc=now_utc)
        states = {push_id: [entry.state for entry in folders[push_id]] for push_id in sorted(folders, key=_by_moment)}
        intended = [push_id for push_id, found in states.items() if not INTENTS.isdisjoint(found)]
        half_done = [push_id for push_id in intended if is_unfinished(states[push_id])]
        # After a longer pause the folders looked at may not reach back to what a half-done push had set out to repair.
        earlier = {
            push_id
            for repairing in half_done
            for event in self.events(repairing)
            for push_id in event.detail.get("repairs", [])
            if push_id not in states and is_unfinished(self.states(push_id))
        }
        return Intents(
            newest=intended[-1] if intended else None,
            half_done=(*sorted(earlier, key=_by_moment), *half_done),
        )

    def _last_memory(self, fleet_id: str, entries: Sequence[_Entry], *, now_utc: datetime) -> FleetMemory | None:
        for entry in reversed(entries):
            event = self._read(entry)
            record = event.detail.get("memory")
            if record is not None and event.at_utc <= now_utc:
                with _naming(entry.path):
                    return memory_from(fleet_id, record)
        return None

    def _read(self, entry: _Entry) -> LedgerEvent:
        """Return an event; raise ActuationError naming its file where it is none."""
        with _naming(entry.path):
            event = _event_from(self._store.read_json(entry.path), sequence=entry.sequence)
            if f"/push={event.push_id}/" not in entry.path:
                raise ValueError(f"an event of push {event.push_id!r}")
            if event.state is not entry.state:  # what is counted goes by the names
                raise ValueError(f"the state {event.state.value}")
            return event

    def _recent_folders(self, fleet_id: str, *, now_utc: datetime) -> dict[str, list[_Entry]]:
        """Return the folders of today and yesterday, or all of them when those hold no memory."""
        folders: dict[str, list[_Entry]] = {}
        for day in (as_utc(now_utc), as_utc(now_utc) - timedelta(days=1)):
            folders |= self._folders(fleet_id, name_prefix=f"push={fleet_id}-{day:%Y%m%d}T")
        if any(entry.state in INTENTS for entries in folders.values() for entry in entries):
            return folders
        return self._folders(fleet_id)

    def _folders(self, fleet_id: str, *, name_prefix: str = "push=") -> dict[str, list[_Entry]]:
        folders: dict[str, list[tuple[int, LedgerState, str]]] = {}
        for path in self._paths(fleet_id, name_prefix):
            match = _EVENT_PATH.fullmatch(path)
            if match is not None and is_push_id(match["push"]):
                if fleet_of(match["push"]) != fleet_id:
                    raise ActuationError(
                        f"{path}: expected pushes of fleet {fleet_id} only in its folder of the ledger"
                    )
                with _naming(path):
                    found = (int(match["number"]), LedgerState(match["state"]), path)
                folders.setdefault(match["push"], []).append(found)
        return {push_id: _in_order(found) for push_id, found in folders.items()}

    def _paths(self, fleet_id: str, name_prefix: str) -> list[str]:
        """Return a fleet's files whose first name starts with `name_prefix`, from a kept listing if it has them."""
        folder = _fleet_folder(fleet_id)
        kept = {} if self._kept is None else self._kept.setdefault(fleet_id, {})
        for listed, paths in kept.items():
            if name_prefix.startswith(listed):
                return [path for path in paths if path.startswith(f"{folder}/{name_prefix}")]
        paths = self._store.storage.list(folder, name_prefix=name_prefix)
        kept[name_prefix] = list(paths)
        return paths

    def _keep(self, fleet_id: str, path: str) -> None:
        for listed, paths in (self._kept or {}).get(fleet_id, {}).items():
            if path.startswith(f"{_fleet_folder(fleet_id)}/{listed}"):
                paths.append(path)

    def _entries(self, push_id: str) -> list[_Entry]:
        return self._folders(fleet_of(push_id), name_prefix=f"push={push_id}").get(push_id, [])


def is_unfinished(states: Iterable[LedgerState]) -> bool:
    """Whether a push meant to write and its last outcome is not a good end."""
    outcomes = [state for state in states if state in _OUTCOMES]
    return bool(outcomes) and outcomes[-1] not in _SETTLED and any(state in INTENTS for state in outcomes)


def _by_moment(push_id: str) -> tuple[datetime, str]:
    return moment_of(push_id), push_id


def _fleet_folder(fleet_id: str) -> str:
    return f"ledger/fleet={fleet_id}"


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn whatever reading a file that is no ledger event raises into ActuationError with the file's path."""
    try:
        yield
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise ActuationError(f"{path}: expected an event of the ledger as Headroom wrote it, found {found}") from error


def _event_record(event: LedgerEvent) -> dict[str, Any]:
    return {
        "push_id": event.push_id,
        "sequence": event.sequence,
        "fleet_id": event.fleet_id,
        "state": event.state.value,
        "at_utc": event.at_utc.isoformat(),
        "detail": event.detail,
    }


def _event_from(record: dict[str, Any], *, sequence: int) -> LedgerEvent:
    detail = record["detail"]
    if not isinstance(detail, dict):
        raise TypeError(f"detail: expected keys and values, found {type(detail).__name__}")
    return LedgerEvent(
        push_id=record["push_id"],
        sequence=sequence,
        fleet_id=record["fleet_id"],
        state=LedgerState(record["state"]),
        at_utc=moment_from(record["at_utc"]),
        detail=detail,
    )
