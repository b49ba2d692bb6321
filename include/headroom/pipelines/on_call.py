"""Measuring what an engineer on call watches: once an hour, from the lake alone, some minutes after the hour closed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow.compute as pc

from headroom.actuation.ledger import STALE_AFTER, Ledger
from headroom.actuation.outcome import PushState
from headroom.actuation.taken_back import taken_back
from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.insight.metrics import Measurement
from headroom.insight.on_call import (
    LOOK_BACK,
    REACHED,
    FleetRecord,
    OnCallRecord,
    late_capacity,
    measure,
)
from headroom.lake.errors import LakeError
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.kill_switch import KILL_SWITCH_PATH, kill_switch_reason
from headroom.pipelines.model_runs import read_rows
from headroom.pipelines.observed import band_record
from headroom.pipelines.one_fleet import OF_ONE_FLEET, told
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, read_outcomes, run_step, runs_of
from headroom.pipelines.plan_records import told_plan
from headroom.pipelines.push_results import read_result, result_path
from headroom.pipelines.schedules import wanted_actions
from headroom.pipelines.utilization import RAW_TABLE
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace, open_workspace

DAG_ID = "watch_fleets"
NEWEST_PATH = "metrics/newest.json"
LAKE_SIZE_PATH = "metrics/lake_size.json"
INSTANCES_METRIC = "instances_in_service"


def measure_fleets(window: Window) -> dict[str, Any]:
    """Measure how the hour `window` went, keep it as the newest measurement; return counts by status for XCom.

    A fleet without verified actions, with capacity that did not come or actions that were not run, is an outcome that
    turns the run red.
    """
    return run_step(
        dag_id=DAG_ID,
        window=window,
        part="measure",
        step=lambda workspace: _measure(workspace, window),
    )


def newest_measurements(window: Window) -> tuple[Measurement, ...]:
    """Return what was measured for `window`; nothing where a later hour was measured since, or none was."""
    kept = _newest(open_workspace())
    if kept is None or kept["window"] != window_key(window):
        return ()
    return tuple(Measurement(**item) for item in kept["measurements"])


def _newest(workspace: Workspace) -> Mapping[str, Any] | None:
    """Return the newest measurement; None where there is none, or a damaged one, which the next takes the place of."""
    try:
        kept = workspace.lake.read_json(NEWEST_PATH)
    except LakeError:
        return None
    is_measurement = isinstance(kept, dict) and isinstance(kept.get("window"), str)
    return kept if is_measurement and isinstance(kept.get("measurements"), list) else None


def _measure(workspace: Workspace, window: Window) -> list[Outcome]:
    now_utc = closed_at_utc(workspace, window)
    if now_utc - window.end_utc > STALE_AFTER:
        return [Outcome(step="watch", subject=DAG_ID, status=OutcomeStatus.NOTHING_TO_DO, cause="the window is past")]
    record = on_call_record(workspace, window, now_utc=now_utc)
    newest = _newest(workspace)
    if newest is None or newest["window"] <= window_key(window):
        measurements = [asdict(item) for item in measure(record)]
        kept = {"window": window_key(window), "measured_at_utc": now_utc, "measurements": measurements}
        workspace.lake.write_json(NEWEST_PATH, kept)
    causes = {item.subject: f"{item.step}: {item.cause}" for item in reversed(_bad_steps(workspace, window))}
    return [outcome for fleet in record.fleets for outcome in _outcomes(fleet, causes.get(fleet.fleet_id, ""), window)]


def _outcomes(fleet: FleetRecord, cause: str, window: Window) -> Iterator[Outcome]:
    """Yield what is wrong with a fleet, or that nothing is."""
    wrong = []
    if fleet.is_late:
        why = cause or "scale_ahead has pushed nothing for it"
        wrong.append(("actions", f"no verified actions for the hour that closed at {window.end_utc:%H:%M}Z: {why}"))
    if fleet.actions_late:
        wrong.append(("actions", f"{fleet.actions_late} scheduled actions of ours were not run at their time"))
    if fleet.capacity_late:
        wrong.append(("capacity", f"the capacity of {fleet.capacity_late} raises was not in service when needed"))
    for step, text in wrong:
        yield Outcome(step=step, subject=fleet.fleet_id, status=OutcomeStatus.FAILED, cause=text)
    if not wrong:
        yield Outcome(step="actions", subject=fleet.fleet_id, status=OutcomeStatus.OK)


def _bad_steps(workspace: Workspace, window: Window) -> list[Outcome]:
    """Return what failed in the hour's scale_ahead, in the order of its steps."""
    return [item for item in _outcomes_of(workspace, "scale_ahead", window) if item.is_bad]


def _outcomes_of(workspace: Workspace, dag_id: str, window: Window) -> Sequence[Outcome]:
    """Return a run's outcomes; of those that cannot be read, that they cannot: no fleet is lost sight of for it."""
    try:
        return read_outcomes(workspace, dag_id=dag_id, window=window)
    except OF_ONE_FLEET as error:
        return [Outcome(step="read", subject=dag_id, status=OutcomeStatus.FAILED, cause=told(error))]


def on_call_record(workspace: Workspace, window: Window, *, now_utc: datetime) -> OnCallRecord:
    """Gather what the lake says of the hour `window` and those before it."""
    reached, results = _newest_reached(workspace, window)
    bands = band_record(workspace, workspace.fleets, window.end_utc)
    samples = _instances_in_service(workspace, window)
    failed = {item.subject for item in _bad_steps(workspace, window) if item.step == "push"}
    is_thrown = bool(workspace.kill_switch) or workspace.lake.storage.exists(KILL_SWITCH_PATH)
    sources = [item for dag_id, about in runs_of(window) for item in _source_outcomes(workspace, dag_id, about)]
    size = _lake_counts(workspace)
    return OnCallRecord(
        measured_at_utc=now_utc,
        fleets=[
            _fleet_record(
                fleet,
                results.get(fleet.id),
                newest_reached_utc=reached.get(fleet.id),
                band=bands.get(fleet.id, (0, 0)),
                capacity_late=_capacity_late(workspace, fleet, window, samples.get(fleet.id, [])),
                has_failed=fleet.id in failed,
                is_stopped=is_thrown and kill_switch_reason(workspace, fleet) is not None,
            )
            for fleet in workspace.fleets
        ],
        failed_sources=sum(item.status is OutcomeStatus.FAILED for item in sources),
        quarantined_sources=sum(item.status is OutcomeStatus.QUARANTINED for item in sources),
        lake_bytes=size["bytes"],
        lake_files=size["files"],
    )


def _fleet_record(
    fleet: Fleet,
    result: Mapping[str, Any] | None,
    *,
    newest_reached_utc: datetime | None,
    band: tuple[int, int],
    capacity_late: int | None,
    has_failed: bool,
    is_stopped: bool,
) -> FleetRecord:
    judged, inside = band
    state = PushState(result["state"]) if result else None
    is_refused = state in (PushState.REFUSED, PushState.PAUSED)
    verdicts = result["verdicts"] if result and is_refused else []
    return FleetRecord(
        fleet_id=fleet.id,
        state=state,
        newest_reached_utc=newest_reached_utc,
        refused_by=tuple(verdict["rule"] for verdict in verdicts if not verdict["is_passed"]),
        hours_judged=judged,
        hours_inside=inside,
        actions_late=len(result.get("overdue", ())) if result else 0,
        capacity_late=capacity_late,
        has_failed=has_failed,
        is_stopped=is_stopped,
    )


def _newest_reached(workspace: Workspace, window: Window) -> tuple[dict[str, datetime], dict[str, dict[str, Any]]]:
    """Return, by fleet, the end of its newest hour that reached verified actions, and the push result of `window`.

    Hours are gone back only for fleets that have not reached any yet, so mostly one hour's files are read.
    """
    reached: dict[str, datetime] = {}
    newest: dict[str, dict[str, Any]] = {}
    hour = window
    while window.end_utc - hour.end_utc < LOOK_BACK and len(reached) < len(workspace.fleets):
        there = set(workspace.lake.storage.list("pushes", name_prefix=f"hour={window_key(hour)[:13]}"))
        for fleet in workspace.fleets:
            path = result_path(fleet.id, hour)
            if fleet.id in reached or path not in there:
                continue
            result = read_result(workspace, fleet.id, hour)
            if result is None:
                continue  # damaged, or a push that failed before it could say anything has taken it away meanwhile
            if hour == window:
                newest[fleet.id] = result
            if PushState(result["state"]) in REACHED:
                reached[fleet.id] = hour.end_utc
        hour = Window(hour.start_utc - HOUR, hour.start_utc)
    return reached, newest


def _instances_in_service(workspace: Workspace, window: Window) -> dict[str, list[tuple[datetime, float]]]:
    rows = read_rows(workspace, RAW_TABLE, window)
    rows = rows.filter(pc.field("metric") == INSTANCES_METRIC)
    samples: dict[str, list[tuple[datetime, float]]] = {}
    for row in rows.select(["fleet_id", "timestamp_utc", "value"]).to_pylist():
        if row["value"] is not None:
            samples.setdefault(row["fleet_id"], []).append((row["timestamp_utc"], row["value"]))
    return samples


def _capacity_late(
    workspace: Workspace,
    fleet: Fleet,
    window: Window,
    samples: Sequence[tuple[datetime, float]],
) -> int | None:
    """Judge the raises that were needed in `window` by the plan that stood when they had to start.

    None where nobody knows, and where somebody rolled that plan back: what was taken away on purpose is not late.
    """
    if not samples:
        return None
    planning = _planning_of(window.start_utc, fleet.lead_seconds_of(fleet.current_type))
    try:
        learnt = told_plan(workspace, fleet.id, planning).get("lead_time")
        if learnt:
            # A lead time that was learnt may be so long that the plan's raise began before the configured one.
            planning = _planning_of(window.start_utc, learnt["seconds"])
        result, plan = read_result(workspace, fleet.id, planning), told_plan(workspace, fleet.id, planning)
        if result is None or not plan or result["state"] not in (PushState.VERIFIED, PushState.UNCHANGED):
            return None
        late = late_capacity(
            wanted_actions(plan), samples, needed_from_utc=window.start_utc, needed_before_utc=window.end_utc
        )
        # only then, since it lists the fleet's ledger
        return None if late and taken_back(result["push_id"], Ledger(workspace.lake)) else late
    except OF_ONE_FLEET:  # a damaged plan: of this fleet nothing can be judged, and of the others all
        return None


def _planning_of(need_utc: datetime, lead_seconds: float) -> Window:
    """Return the window whose plan stood when a raise for a need had to start."""
    planned_by = floor_hour(need_utc - timedelta(seconds=lead_seconds))
    return Window(planned_by - HOUR, planned_by)


def _source_outcomes(workspace: Workspace, dag_id: str, window: Window) -> list[Outcome]:
    if not dag_id.startswith(("extract_", "settle_")):
        return []
    return [item for item in _outcomes_of(workspace, dag_id, window) if item.is_bad]


def _lake_counts(workspace: Workspace) -> Mapping[str, Mapping[str, int] | None]:
    """Return bytes and files by folder as tend_lake counted them last; None of what is not there, or damaged."""
    try:
        record = workspace.lake.read_json(LAKE_SIZE_PATH)
    except LakeError:
        record = None
    counts = record if isinstance(record, dict) else {}
    return {key: counts.get(key) if _are_counts(counts.get(key)) else None for key in ("bytes", "files")}


def _are_counts(found: object) -> bool:
    return isinstance(found, dict) and all(type(count) is int for count in found.values())
