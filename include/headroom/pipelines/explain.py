"""Explaining a fleet's minimum: the ledger's events, and the stored plan, forecast and inputs that they came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from headroom.actuation.errors import ActuationError
from headroom.actuation.in_force import InForce, Source, in_force_at, in_order
from headroom.actuation.ledger import Ledger, moment_of
from headroom.domain.demand import DemandHistory
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.lake.errors import LakeError
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import read_clock_utc
from headroom.pipelines.demand_history import demand_histories, inputs_hash
from headroom.pipelines.forecasts import read_forecasts
from headroom.pipelines.pushes import ownership, result_path
from headroom.pipelines.schedules import SCHEDULE_TABLE, plan_path
from headroom.pipelines.workspace import Workspace
from headroom.reporting.explanation import (
    Explanation,
    ForecastTold,
    InputsTold,
    PlanTold,
    PushTold,
    forecast_told,
    plan_told,
    push_told,
)
from headroom.reporting.run_report import HistorySpan
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


def _document(workspace: Workspace, path: str) -> dict[str, Any] | None:
    """Return what a run left beside the ledger; one that is damaged hides nothing of what the ledger tells."""
    try:
        record = workspace.lake.read_json(path)
    except LakeError:
        return None
    return record if isinstance(record, dict) else None


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
            record = _document(self.workspace, result_path(self.fleet.id, Window(end - HOUR, end)))
            if record is not None and "state" in record:
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

    def _chain(self, found: InForce | None, at_utc: datetime) -> "_Chain":
        """Read what lies below an action of ours: its plan's own hour; below anything else the newest plan's."""
        chain = _Chain(self.workspace, self.fleet, at_utc)
        asked = found.minimum.asked if found and found.minimum.source is Source.OURS else None
        if asked is None:
            chain.read_newest()
        elif asked.planned_by is None:
            chain.missing["plan"] = "no plan asked for this action: a rollback did"
        elif asked.purpose.value == "restore":
            chain.missing["plan"] = "the baseline is the owner's, and no forecast's"
        else:
            detail = asked.planned_by.detail
            end = datetime.fromisoformat(detail["window_end_utc"])
            checks = [item["reason"] for item in detail.get("verdicts", ()) if item["rule"] in _INPUT_CHECKS]
            chain.read(
                Window(end - HOUR, end),
                plan_id=detail["plan_id"],
                need_at_utc=asked.need_at_utc,
                until_utc=max([at_utc, *(action.starts_at_utc for action in found.to_come[:1] if action.starts_at_utc)])
                if found
                else at_utc,
                checks=tuple(checks),
                pushed_hash=detail.get("inputs_hash") or None,
            )
        return chain


class _Chain:
    """Plan, forecast and inputs of one window, as far as the lake still has them."""

    def __init__(self, workspace: Workspace, fleet: Fleet, at_utc: datetime) -> None:
        self._workspace, self._fleet, self._at_utc = workspace, fleet, at_utc
        self.setting: dict[str, Any] | None = None
        self.plan: PlanTold | None = None
        self.forecast: ForecastTold | None = None
        self.inputs: InputsTold | None = None
        self.missing: dict[str, str] = {}

    def read_newest(self) -> None:
        """Read the plan of the newest hour that had ended, or of the hour before, for the hour asked about."""
        for end in (floor_hour(self._at_utc), floor_hour(self._at_utc) - HOUR):
            window = Window(end - HOUR, end)
            record = self._record(window)
            if record is not None:
                self.setting = record["setting"]
                self.read(window, plan_id=record["plan_id"], need_at_utc=self._at_utc, until_utc=self._at_utc)
                return
        self.missing["plan"] = "the lake has no plan of this hour"

    def read(
        self,
        window: Window,
        *,
        plan_id: str,
        need_at_utc: datetime,
        until_utc: datetime,
        checks: tuple[str, ...] = (),
        pushed_hash: str | None = None,
    ) -> None:
        """Read what one plan rests on; what cannot be read is named in `missing`, and hides nothing else."""
        try:
            self._read_plan(window, plan_id, need_at_utc, until_utc)
        except (LakeError, KeyError) as error:
            self.missing["plan"] = f"{plan_id} cannot be read: {error}"
        known_hash = pushed_hash
        try:
            known = read_forecasts(self._workspace, window, chunk_of(self._fleet.id)).get(self._fleet.id)
        except (LakeError, ValueError) as error:
            known = None
            self.missing["forecast"] = f"it cannot be read: {error}"
        if known is not None:
            known_hash = known_hash or known.inputs_hash
            self.forecast = forecast_told(
                known.forecast,
                hour_start_utc=self.plan.hour_start_utc if self.plan else floor_hour(need_at_utc),
                critical_ratio=self._fleet.critical_ratio,
                inputs_hash=known.inputs_hash,
            )
        if self.forecast is None:
            self.missing.setdefault(
                "forecast", f"the lake has none made at {window.end_utc:%Y-%m-%d %H:%MZ} (kept 90 days)"
            )
        self._read_inputs(window, checks, known_hash)

    def _record(self, window: Window) -> dict[str, Any] | None:
        record = _document(self._workspace, plan_path(self._fleet.id, window))
        return record if record is not None and "plan_id" in record else None

    def _read_plan(self, window: Window, plan_id: str, need_at_utc: datetime, until_utc: datetime) -> None:
        path = hourly_path(SCHEDULE_TABLE, window.start_utc, chunk_name(chunk_of(self._fleet.id)))
        table = self._workspace.lake.read_table(path)
        rows = [] if table is None else table.filter(pc.field("plan_id") == plan_id).to_pylist()
        record = self._record(window) or {}
        self.plan = plan_told(rows, record, need_at_utc=need_at_utc, until_utc=until_utc, at_utc=self._at_utc)
        if self.plan is None:
            self.missing["plan"] = f"the lake has no hours of plan {plan_id} any more (kept 90 days)"

    def _read_inputs(self, window: Window, checks: tuple[str, ...], known_hash: str | None) -> None:
        history: DemandHistory | None = None
        try:
            history = demand_histories(self._workspace, [self._fleet], window.end_utc).get(self._fleet.id)
        except LakeError as error:
            self.missing["inputs"] = f"the demand before it cannot be read: {error}"
        span = (
            None
            if history is None
            else HistorySpan(
                first_hour_utc=history.hours[0].astype("datetime64[us]").item().replace(tzinfo=UTC),
                hours=len(history.hours),
                hours_seen=int(np.isfinite(history.mean_per_second).sum()),
            )
        )
        self.inputs = InputsTold(
            inputs_hash=known_hash,
            inputs_hash_now=None if history is None else inputs_hash(history),
            history=span,
            checks=checks,
        )
