"""Report tasks: the page of a run, the savings of a day, a week or a month, and how good forecasts have been."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headroom.actuation.outcome import PushState
from headroom.capacity import CostCurve
from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import CapacityPool
from headroom.domain.plan import RightsizingOption, SpotAllocation, SpotMixPlan
from headroom.domain.scaling import Verdict
from headroom.domain.window import Window
from headroom.extract.errors import SourceError
from headroom.lake.errors import LakeError
from headroom.lake.money import amount_of
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import check_closed, read_clock_utc
from headroom.pipelines.demand_history import demand_histories
from headroom.pipelines.forecast_page import report_forecasts
from headroom.pipelines.forecasts import read_forecasts
from headroom.pipelines.model_runs import read_rows, run_model
from headroom.pipelines.newest_report import LATEST_KEY, LATEST_PAGE
from headroom.pipelines.outcomes import read_outcomes, runs_of
from headroom.pipelines.plan import spot_mix_path
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.push_results import read_result
from headroom.pipelines.savings import report_savings
from headroom.pipelines.schedules import SCHEDULE_TABLE, wanted_actions
from headroom.pipelines.windows import WindowError, hour_window, window_key
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.run_report import (
    FleetSection,
    HistorySpan,
    Incident,
    PresentedAction,
    RunReport,
    ScheduleHour,
    render_run_report,
    run_summary,
)
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK, SECONDS_PER_MINUTE

PLAN_LOOK_BACK = timedelta(days=3)
SHOWN_TYPES = 5

_STATUS_BY_STATE = {
    PushState.VERIFIED: "pushed and read back",
    PushState.UNCHANGED: "standing",
    PushState.RECOMMENDED: "recommended",
    PushState.AWAITING_APPROVAL: "awaits approval",
    PushState.REJECTED: "rejected",
    PushState.PLANNED: "recorded only, the window is past",
    PushState.DRY_RUN: "would be pushed",
}


def report_run(window: Window) -> dict[str, Any]:
    """Write the page of the run about `window`, and the newest page if no later one is there; return its paths.

    WindowError where the window has not ended: its page would be the newest until then. Where no cloud says what time
    it is, the page is written, since it tells of that.
    """
    workspace = open_workspace()
    now_utc = _clock(workspace)
    if now_utc is not None:
        check_closed(window, now_utc)
    report = build_run_report(workspace, window)
    page = render_run_report(report).encode()
    path = f"reports/run/{window_key(window)[:13]}"
    workspace.lake.storage.write_bytes(f"{path}.html", page)
    workspace.lake.write_json(f"{path}.json", run_summary(report))
    if _newest_window(workspace, now_utc) <= window_key(window):
        workspace.lake.storage.write_bytes(LATEST_PAGE, page)
        workspace.lake.write_json(LATEST_KEY, {"window": window_key(window)})
    return {"page": f"{path}.html", "fleets": len(report.fleets), "incidents": len(report.incidents)}


def _clock(workspace: Workspace) -> datetime | None:
    try:
        return read_clock_utc(workspace)
    except SourceError:
        return None


def _newest_window(workspace: Workspace, now_utc: datetime | None) -> str:
    """Return the window of the newest page; a note of it that cannot be read, or lies ahead, holds no page back."""
    try:
        newest = hour_window(workspace.lake.read_json(LATEST_KEY)["window"])
    except (LakeError, LookupError, TypeError, WindowError):
        return ""
    return "" if now_utc is not None and newest.end_utc > now_utc else window_key(newest)


def report_day(window: Window) -> dict[str, Any]:
    """Write the savings of the settled day `window` with all that follow from it, and the newest page of forecasts."""
    savings = report_savings(window)
    return {**savings, "pages": [*savings["pages"], *report_forecasts()]}


def build_run_report(workspace: Workspace, window: Window) -> RunReport:
    """Gather from the lake everything the page of one run shows."""
    histories = demand_histories(workspace, workspace.fleets, window.end_utc)
    forecasts: dict[str, DemandForecast] = {}
    for chunk in workspace.chunks():
        known = read_forecasts(workspace, window, chunk)
        forecasts |= {fleet_id: item.forecast for fleet_id, item in known.items()}
    schedules = _schedules(workspace, window)
    types, mixes = _rightsizing(workspace, window), _spot_mixes(workspace, window)
    incidents = _incidents(workspace, window)
    stored = at_once(lambda fleet: stored_plan(workspace, fleet, window), workspace.fleets)
    plans = [None if isinstance(plan, str) else plan for plan in stored]
    results = at_once(lambda fleet: read_result(workspace, fleet.id, window), workspace.fleets)
    sections = []
    for fleet, plan, result in zip(workspace.fleets, plans, results, strict=True):
        hours = schedules.get(fleet.id, [])
        sections.append(
            FleetSection(
                fleet_id=fleet.id,
                mode=fleet.mode,
                target=f"{fleet.target.kind} {fleet.target.name}",
                instance_type=fleet.current_type.name,
                critical_ratio=fleet.critical_ratio,
                state=_state(result, plan),
                cause=_cause(fleet, result, incidents),
                history=_last_week(histories.get(fleet.id)),
                history_span=_span_of(histories.get(fleet.id)),
                forecast=forecasts.get(fleet.id),
                schedule=tuple(_schedule_hour(row) for row in hours),
                actions=_presented(plan, result),
                verdicts=tuple(Verdict(**verdict) for verdict in (result or {}).get("verdicts", ())),
                today_usd_per_day=_first_day(row["today_cost_usd"] for row in hours),
                planned_usd_per_day=_first_day(row["planned_cost_usd"] for row in hours),
                instances_basis=(hours[0]["instances_basis"] if hours else None) or "baseline",
                usd_per_hour=amount_of(hours[0]["usd_per_hour"]) if hours else None,
                price_day=hours[0]["price_day_utc"] if hours else None,
                sizing_method="" if plan is None else plan["sizing_method"],
                short_of_capacity=(plan or {}).get("short_of_capacity"),
                lead_time=((plan or {}).get("lead_time") or {}).get("reason"),
                capacity_not_come=(plan or {}).get("capacity_not_come"),
                rate_not_measured=(plan or {}).get("rate_not_measured"),
                cost_curve=_cost_curve(fleet, plan),
                rightsizing=tuple(types.get(fleet.id, ())),
                spot_mix=mixes.get(fleet.id),
            ),
        )
    return RunReport(
        window_start_utc=window.start_utc,
        window_end_utc=window.end_utc,
        deployment=workspace.deployment,
        fleets=tuple(sections),
        incidents=tuple(incidents),
    )


def _cost_curve(fleet: Fleet, plan: Mapping[str, Any] | None) -> CostCurve | None:
    """Return a plan's cost curve; None where no price was known, and for plans older than the curve."""
    record = (plan or {}).get("cost_curve")
    if record is None:
        return None
    return CostCurve(
        instance_usd=np.array(record["instance_usd"]),
        shortage_usd=np.array(record["shortage_usd"]),
        critical_ratio=fleet.critical_ratio,
    )


def _state(result: Mapping[str, Any] | None, plan: Mapping[str, Any] | None) -> str:
    if result is not None:
        return str(result["state"]).replace("_", " ")
    return "planned" if plan is not None else "no plan"


def _cause(fleet: Fleet, result: Mapping[str, Any] | None, incidents: Iterable[Incident]) -> str:
    if result is not None and result["reasons"]:
        return "; ".join(result["reasons"])
    return "; ".join(f"{item.step}: {item.cause}" for item in incidents if item.subject == fleet.id)


def _last_week(history: DemandHistory | None) -> DemandHistory | None:
    if history is None:
        return None
    return DemandHistory(
        fleet_id=history.fleet_id,
        hours=history.hours[-HOURS_PER_WEEK:],
        mean_per_second=history.mean_per_second[-HOURS_PER_WEEK:],
        peak_per_second=history.peak_per_second[-HOURS_PER_WEEK:],
    )


def _presented(plan: Mapping[str, Any] | None, result: Mapping[str, Any] | None) -> tuple[PresentedAction, ...]:
    if plan is None:
        return ()
    state = "" if result is None else result["state"]
    standing = {item["name"] for item in (result or {}).get("keep", ())}
    refused = {item["name"]: item["reason"] for item in (result or {}).get("refused", ())}
    presented = []
    for action in wanted_actions(dict(plan)):
        if action.name in refused:
            status = f"not possible: {refused[action.name]}"
        elif action.name in standing:
            status = "standing"
        else:
            status = _STATUS_BY_STATE.get(PushState(state), "not pushed") if state else "not pushed"
        lead = (action.need_at_utc - action.starts_at_utc).total_seconds() / SECONDS_PER_MINUTE
        presented.append(PresentedAction(action=action, status=status, lead_minutes=lead))
    return tuple(presented)


def _first_day(costs: Iterable[Decimal | None]) -> float | None:
    known = [amount_of(cost) for cost in costs][:HOURS_PER_DAY]
    if not known or any(cost is None for cost in known):
        return None
    return sum(cost for cost in known if cost is not None)


def _span_of(history: DemandHistory | None) -> HistorySpan | None:
    if history is None:
        return None
    return HistorySpan(
        first_hour_utc=history.hours[0].astype("datetime64[us]").item().replace(tzinfo=UTC),
        hours=len(history.hours),
        hours_seen=int(np.isfinite(history.mean_per_second).sum()),
    )


def _schedules(workspace: Workspace, window: Window) -> dict[str, list[dict[str, Any]]]:
    rows = read_rows(workspace, SCHEDULE_TABLE, window)
    rows = rows.filter(pc.field("made_at_utc") == pa.scalar(window.end_utc))
    rows = rows.sort_by([("fleet_id", "ascending"), ("hour_start_utc", "ascending")])
    schedules = defaultdict(list)
    for row in rows.to_pylist():
        schedules[row["fleet_id"]].append(row)
    return schedules


def _schedule_hour(row: Mapping[str, Any]) -> ScheduleHour:
    return ScheduleHour(
        hour_start_utc=row["hour_start_utc"],
        required_instances=row["required_instances"],
        planned_instances=row["planned_instances"],
        today_instances=row["today_instances"],
    )


def _rightsizing(workspace: Workspace, window: Window) -> dict[str, list[RightsizingOption]]:
    recent = Window(window.end_utc - PLAN_LOOK_BACK, window.end_utc)
    rows = run_model(
        workspace,
        "int_plan__newest_rightsizing",
        workspace.fleets,
        window=recent,
        parameters={"as_of": window.end_utc},
    )
    options = defaultdict(list)
    for row in rows.to_pylist():
        if row["rank"] <= SHOWN_TYPES or row["is_current"]:
            costs = {name: float(row[name]) for name in ("usd_per_hour", "cost_usd")}
            options[row["fleet_id"]].append(RightsizingOption(**{**row, **costs}))
    return options


def _spot_mixes(workspace: Workspace, window: Window) -> dict[str, SpotMixPlan]:
    recent = Window(window.end_utc - PLAN_LOOK_BACK, window.end_utc)
    days = [day.day for day in reversed(list(recent.days())) if day.end_utc <= window.end_utc]

    def newest(fleet: Fleet) -> SpotMixPlan | None:
        try:
            records = (workspace.lake.read_json(spot_mix_path(fleet.id, day)) for day in days)
            record = next((record for record in records if record is not None), None)
            if record is None:
                return None
            allocations = tuple(
                SpotAllocation(**{**item, "pool": CapacityPool(**item["pool"])}) for item in record["allocations"]
            )
            return SpotMixPlan(**{**record, "allocations": allocations})
        except (LakeError, LookupError, TypeError):  # damaged: one fleet's part of the page, and no more
            return None

    found = zip(workspace.fleets, at_once(newest, workspace.fleets), strict=True)
    return {fleet.id: mix for fleet, mix in found if mix is not None}


def _incidents(workspace: Workspace, window: Window) -> list[Incident]:
    return [
        Incident(step=f"{dag_id}, {item.step}", subject=item.subject, status=item.status, cause=item.cause)
        for dag_id, about in runs_of(window)
        for item in read_outcomes(workspace, dag_id=dag_id, window=about)
        if item.is_bad
    ]
