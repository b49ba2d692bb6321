"""Explaining a fleet's minimum: the ledger's events, and the stored plan, forecast and inputs that they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from headroom.actuation.errors import ActuationError
from headroom.actuation.held import Source
from headroom.actuation.in_force import InForce, in_force_at, in_order
from headroom.actuation.ledger import Ledger
from headroom.actuation.push_ids import moment_of
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.scaling import ActionPurpose
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.lake.errors import LakeError
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import read_clock_utc
from headroom.pipelines.explain_chain import Chain
from headroom.pipelines.push_results import read_result
from headroom.pipelines.pushes import ownership
from headroom.pipelines.workspace import Workspace
from headroom.reporting.explanation import Explanation
from headroom.reporting.explanation_parts import PushTold, push_told
from headroom.reporting.why_minimum import Why, why_in_force, why_maximum, why_nothing

_LOOK_BACK: Final = timedelta(days=3)
"""Actions stand two days ahead at most, so what set a minimum is nearly always among the pushes of these days."""
_LATER_PUSHES: Final = 4
"""Pushes after the moment asked about that are read, too: the next look tells what really came about."""
_INPUT_CHECKS: Final = ("data_fresh", "data_complete")


class ExplainError(ValueError):
    """Nothing can be told of that fleet at that time; the message says what is known and what was expected."""


def explain_minimum(workspace: Workspace, fleet_id: str, at_utc: datetime | None = None) -> Explanation:
    """Explain a fleet's bounds at a moment, by default now; raise ConfigError for an unknown fleet, else ExplainError.

    Ahead of the cloud's clock what is scheduled is told, up to the end of the pushed horizon.
    """
    fleet = workspace.fleet(fleet_id)
    try:
        return _Teller(workspace, fleet, at_utc).explanation()
    except ActuationError as error:
        raise ExplainError(str(error)) from error
    except (ExplainError, LakeError):
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise ExplainError(
            f"ledger/fleet={fleet_id}: expected events of the ledger as Headroom wrote them, found {found}"
        ) from error


def _read_events(workspace: Workspace, fleet: Fleet, at_utc: datetime) -> list[LedgerEvent]:
    """Return the events around a moment, back to the push that set the minimum then; one damaged file is an error."""
    ledger = Ledger(workspace.lake).keeping_listings()
    is_ours = ownership(workspace, fleet)
    pushes = ledger.pushes(fleet.id)
    before = [push_id for push_id in pushes if moment_of(push_id) <= at_utc]
    later = pushes[len(before) : len(before) + _LATER_PUSHES]
    look_back = _LOOK_BACK
    events: list[LedgerEvent] = [event for found in at_once(_reader(ledger), later) for event in found]
    read = 0
    while True:
        wanted = [push_id for push_id in before if moment_of(push_id) >= at_utc - look_back]
        new = wanted[: len(wanted) - read]
        events += [event for found in at_once(_reader(ledger), new) for event in found]
        read = len(wanted)
        found = in_force_at(events, at_utc, is_ours=is_ours)
        is_told = found is not None and not (found.minimum.is_first_seen and found.minimum.source is not Source.ADOPTED)
        if is_told or read == len(before):
            return in_order(events)
        look_back *= 3


def _reader(ledger: Ledger) -> Any:  # noqa: ANN401, a function of a push id
    def read(push_id: str) -> tuple[LedgerEvent, ...]:
        try:
            return ledger.events(push_id)
        except LakeError as error:
            raise ActuationError(f"{error}; expected an event of the ledger as Headroom wrote it") from error

    return read


def _push_told(why: Why, events: Sequence[LedgerEvent], found: InForce) -> PushTold | None:
    """Return the push to tell of: the newest whose plan wanted the action in force, or the rollback that put it."""
    if why.event is None:
        return None
    held = found.minimum
    planned_by = held.asked.planned_by if held.asked else None
    intent = why.event if planned_by is None or why.event.state is LedgerState.ROLLBACK_INTENDED else planned_by
    return push_told(intent, events, action_name=held.action.name if held.action else "", put_by=why.event)


def _next_start(detail: Mapping[str, Any], after_utc: datetime) -> datetime:
    """Return when the next action of the same plan starts: until then this one holds, by what was known."""
    starts = [
        datetime.fromisoformat(item["starts_at_utc"]) for key in ("create", "replace", "keep") for item in detail[key]
    ]
    return min((start for start in starts if start > after_utc), default=after_utc)


@dataclass(slots=True)
class _Teller:
    workspace: Workspace
    fleet: Fleet
    asked_utc: datetime | None

    def explanation(self) -> Explanation:
        workspace, fleet = self.workspace, self.fleet
        at_utc = self.asked_utc or read_clock_utc(workspace)
        events = _read_events(workspace, fleet, at_utc)
        known = [event for event in events if event.at_utc <= at_utc]
        is_ahead = self.asked_utc is not None and self._is_ahead(at_utc, events)
        found = in_force_at(events, at_utc, is_ours=ownership(workspace, fleet))
        if is_ahead:
            self._check_horizon(at_utc, found)
        result = self._result(at_utc)
        if found is None:
            return self._not_adopted(at_utc, events, known, result, is_ahead=is_ahead)
        why = why_in_force(found.minimum, found, known)
        push = _push_told(why, events, found)
        chain = self._chain(found, at_utc)
        is_newest_told = push is not None and known[-1].push_id == push.push_id
        return Explanation(
            fleet_id=fleet.id,
            at_utc=at_utc,
            is_ahead=is_ahead,
            why=why,
            in_force=found,
            why_maximum=why_maximum(found, known),
            push=push,
            newest=None if is_newest_told else known[-1],
            plan=chain.plan,
            forecast=chain.forecast,
            inputs=chain.inputs,
            missing=chain.missing,
        )

    def _is_ahead(self, at_utc: datetime, events: Sequence[LedgerEvent]) -> bool:
        """Whether the moment is ahead of the cloud's clock; what lies before an event is past, whatever the clock."""
        return not any(event.at_utc >= at_utc for event in events) and at_utc > read_clock_utc(self.workspace)

    def _check_horizon(self, at_utc: datetime, found: InForce | None) -> None:
        is_ours = ownership(self.workspace, self.fleet)
        memory = found.memory if found else None
        starts = [
            action.starts_at_utc
            for action in (memory.actions if memory else ())
            if is_ours(action.name) and action.starts_at_utc is not None
        ]
        if not starts or at_utc > max(starts):
            told = f"what is pushed ends at {max(starts):%Y-%m-%dT%H:%MZ}" if starts else "nothing is pushed"
            raise ExplainError(
                f"--at: {at_utc:%Y-%m-%dT%H:%MZ} lies ahead of the cloud's clock, and for fleet {self.fleet.id} "
                f"{told}; expected a time until then",
            )

    def _result(self, at_utc: datetime) -> dict[str, Any] | None:
        """Return how the push of the newest hour that had ended went, or that of the hour before."""
        for end in (floor_hour(at_utc), floor_hour(at_utc) - HOUR):
            record = read_result(self.workspace, self.fleet.id, Window(end - HOUR, end))
            if record is not None:
                return record
        return None

    def _not_adopted(
        self,
        at_utc: datetime,
        events: Sequence[LedgerEvent],
        known: Sequence[LedgerEvent],
        result: dict[str, Any] | None,
        *,
        is_ahead: bool,
    ) -> Explanation:
        if not known and result is None and (events or self.fleet.mode is not Mode.OBSERVE):
            told = f"begins at {events[0].at_utc:%Y-%m-%dT%H:%MZ}" if events else "has nothing of it"
            raise ExplainError(
                f"--at: the ledger of fleet {self.fleet.id} {told}, and {at_utc:%Y-%m-%dT%H:%MZ} is before any record; "
                "expected a time after its first plan",
            )
        chain = self._chain(None, at_utc)
        return Explanation(
            fleet_id=self.fleet.id,
            at_utc=at_utc,
            is_ahead=is_ahead,
            why=why_nothing(known, result, self.fleet.mode),
            seen=chain.setting,
            plan=chain.plan,
            forecast=chain.forecast,
            inputs=chain.inputs,
            missing=chain.missing,
        )

    def _chain(self, found: InForce | None, at_utc: datetime) -> "Chain":
        """Read what lies below an action of ours: its plan's own hour; below anything else the newest plan's."""
        chain = Chain(self.workspace, self.fleet, at_utc)
        held = found.minimum if found and found.minimum.source is Source.OURS else None
        asked = held.asked if held else None
        if held is None or asked is None:
            chain.read_newest()
        elif asked.planned_by is None:
            chain.missing["plan"] = "no plan asked for this action: a rollback did"
        elif asked.purpose is ActionPurpose.RESTORE:
            chain.missing["plan"] = "the baseline is the owner's, and no forecast's"
        else:
            detail = asked.planned_by.detail
            end = datetime.fromisoformat(detail["window_end_utc"])
            checks = [item["reason"] for item in detail.get("verdicts", ()) if item["rule"] in _INPUT_CHECKS]
            chain.read(
                Window(end - HOUR, end),
                plan_id=detail["plan_id"],
                need_at_utc=asked.need_at_utc,
                until_utc=_next_start(detail, held.since_utc),
                checks=tuple(checks),
                pushed_hash=detail.get("inputs_hash") or None,
            )
        return chain
