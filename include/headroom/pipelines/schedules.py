"""Schedule tasks: forecasts -> required capacity -> the cheapest floor -> the actions a push will want."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from headroom.actuation.baseline import Adoption
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import STALE_AFTER, Ledger
from headroom.actuation.observe import observe_target
from headroom.actuation.push_ids import plan_push_id
from headroom.actuation.records import action_record, baseline_record, setting_from, setting_record
from headroom.actuation.registry import target_for
from headroom.capacity import SustainableRate, cost_curve, most_rate_per_second
from headroom.domain.demand import Floats
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Action, ActionPurpose, Counts
from headroom.domain.window import Window
from headroom.extract.errors import SourceError
from headroom.lake.errors import LakeError
from headroom.lake.layout import chunk_name, hourly_path
from headroom.lake.tables import TABLES
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.forecasts import KnownForecast, read_forecasts
from headroom.pipelines.lead_times import LearntLead, learnt_lead, read_arrivals
from headroom.pipelines.observed import instances_a_day_before
from headroom.pipelines.one_fleet import OF_ONE_FLEET, told
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.plan_costs import PlanCosts, running_under_plan, today_instances
from headroom.pipelines.prices import Market, read_market_and_rates
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace
from headroom.scheduling import (
    SCHEDULED_ACTIONS_PER_TARGET,
    FleetSchedule,
    ScheduleImpossibleError,
    actions_for,
    earliest_start,
    hourly_floor,
    limits_for,
    max_changes,
    mean_floor,
    parse_action_name,
    reachable_bounds,
    schedule_for,
)
from headroom.units import HOURS_PER_DAY

SCHEDULE_TABLE = "mart_plan__schedule"


def schedule_chunk(window: Window, chunk: int) -> dict[str, Any]:
    """Plan the capacity of every fleet of a chunk from its forecast; return counts for XCom."""
    return run_step(
        dag_id="scale_ahead",
        window=window,
        part=f"2-schedule-{chunk_name(chunk)}",
        step=lambda workspace: schedule_fleets(workspace, window, chunk),
    )


def schedule_fleets(
    workspace: Workspace, window: Window, chunk: int, *, fleet_ids: Collection[str] | None = None
) -> list[Outcome]:
    """Write the schedule mart of a chunk and, per fleet, the plan that its push reads; of `fleet_ids` alone, if given.

    Once a window is past, a plan that exists is kept: it is the record of what was planned then.
    """
    is_past = closed_at_utc(workspace, window) - window.end_utc > STALE_AFTER
    fleets = [fleet for fleet in workspace.fleets_in(chunk) if fleet_ids is None or fleet.id in fleet_ids]
    kept = [fleet.id for fleet in fleets if is_past and _has_plan(workspace, fleet, window)]
    made = plan_fleets_at(workspace, window, chunk, [fleet for fleet in fleets if fleet.id not in kept])
    planned = dict(zip(made, at_once(lambda item: _keep_plan(workspace, window, *item), made.items()), strict=True))
    why_kept = "the window is past; its plan stays"
    outcomes = [_outcome(fleet_id, OutcomeStatus.NOTHING_TO_DO, why_kept) for fleet_id in kept]
    rows: list[dict[str, Any]] = []
    for fleet_id, plan in planned.items():
        if isinstance(plan, str):
            outcomes.append(_outcome(fleet_id, OutcomeStatus.FAILED, plan))
        else:
            rows += plan.rows
            outcomes.append(_outcome(fleet_id, OutcomeStatus.OK, plan.record["short_of_capacity"] or ""))
    table = TABLES[SCHEDULE_TABLE]
    path = hourly_path(SCHEDULE_TABLE, window.start_utc, chunk_name(chunk))
    replace_fleets(workspace, path, table, pa.Table.from_pylist(rows, schema=table.schema))
    return outcomes


def _has_plan(workspace: Workspace, fleet: Fleet, window: Window) -> bool:
    """Whether a plan stands there; one that cannot be read stays as well, for somebody to look at."""
    try:
        return bool(workspace.lake.read_json(plan_path(fleet.id, window)))
    except LakeError:
        return True


def _keep_plan(workspace: Workspace, window: Window, fleet_id: str, plan: "FleetPlan | str") -> "FleetPlan | str":
    """Write a fleet's plan, or, where there is none, leave none of an earlier try there; return it, or why not.

    Raise LakeError where an earlier try's plan stays that could be read, and so be pushed in place of this one.
    """
    path = plan_path(fleet_id, window)
    try:
        if not isinstance(plan, str):
            workspace.lake.write_json(path, plan.record)
            return plan
    except LakeError as error:
        plan = f"its plan cannot be kept: {error}"
    try:
        workspace.lake.storage.delete(path)
    except LakeError as error:
        if workspace.lake.storage.exists(path):
            raise
        return f"{plan}; {error}"
    return plan


def plan_fleets_at(
    workspace: Workspace,
    window: Window,
    chunk: int,
    fleets: Sequence[Fleet],
) -> dict[str, "FleetPlan | str"]:
    """Plan each fleet from its forecast made at the window's end, writing nothing; a plan, or why there is none."""
    if not fleets:
        return {}
    now_utc = closed_at_utc(workspace, window)
    forecasts = read_forecasts(workspace, window, chunk)
    market = read_market_and_rates(workspace, fleets, window.end_utc)
    observed = instances_a_day_before(workspace, fleets, window.end_utc)
    arrivals = read_arrivals(workspace, fleets, window.end_utc)

    def plan(fleet: Fleet) -> FleetPlan | str:
        try:
            forecast = _forecast_of(fleet, forecasts)
            learnt = learnt_lead(fleet, arrivals.get(fleet.id, ()), window.end_utc)
            return _Planner(workspace, fleet, forecast, market, observed.get(fleet.id), learnt, now_utc).plan()
        except (ActuationError, PlanError, SourceError, LakeError, ValueError) as error:
            return str(error)
        except OF_ONE_FLEET as error:
            return told(error)

    return dict(zip((fleet.id for fleet in fleets), at_once(plan, fleets), strict=True))


def _outcome(fleet_id: str, status: OutcomeStatus, cause: str = "") -> Outcome:
    return Outcome(step="schedule", subject=fleet_id, status=status, cause=cause)


class PlanError(RuntimeError):
    """A fleet cannot be planned; the message says why."""


def _forecast_of(fleet: Fleet, forecasts: dict[str, KnownForecast]) -> KnownForecast:
    if fleet.id not in forecasts:
        raise PlanError("it has no forecast in this run")
    return forecasts[fleet.id]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """A fleet's plan: `record` as JSON, which its push reads, and `rows` of mart_plan__schedule."""

    record: dict[str, Any]
    rows: list[dict[str, Any]]


def plan_path(fleet_id: str, window: Window) -> str:
    """Return where the plan of a fleet made at the window's end stands in the lake."""
    return f"plans/hour={window_key(window)[:13]}/fleet={fleet_id}.json"


def wanted_actions(record: Mapping[str, Any]) -> tuple[Action, ...]:
    """Return the actions that a plan's record wants."""
    return tuple(
        Action(
            name=item["name"],
            fleet_id=record["fleet_id"],
            starts_at_utc=datetime.fromisoformat(item["starts_at_utc"]),
            setting=setting_from(item),
            purpose=ActionPurpose(item["purpose"]),
            need_at_utc=datetime.fromisoformat(item["need_at_utc"]),
            demand_per_second=item["demand_per_second"],
        )
        for item in record["wanted"]
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    workspace: Workspace
    fleet: Fleet
    known: KnownForecast
    market: Market
    observed: Floats | None
    learnt: LearntLead
    now_utc: datetime

    def plan(self) -> FleetPlan:
        """Plan one fleet; raise PlanError, ActuationError or ValueError saying why it cannot be."""
        fleet, made_at = self.fleet, self.known.forecast.made_at_utc
        rate = self.market.rate(fleet, fleet.current_type.name)
        adoption = observe_target(
            target_for(fleet, self.workspace.clients, self.workspace.lake.storage),
            Ledger(self.workspace.lake).keeping_listings(),
            is_ours=self._is_ours,
            now_utc=self.now_utc,
        )
        holds = adoption.state.instances_without_us
        bounds = reachable_bounds(fleet.bounds, adoption.baseline.setting, api=adoption.state.api)
        starts_after_utc = earliest_start(made_at if self._is_past else self.now_utc)
        try:
            decided = schedule_for(
                replace(fleet, bounds=bounds),
                self.known.forecast,
                rate=rate,
                starts_after_utc=starts_after_utc,
                current_instances=holds,
                max_changes=max_changes(
                    adoption.state,
                    deployment=self.workspace.deployment,
                    fleet_id=fleet.id,
                    reserve=limits_for(self.workspace.guardrails, fleet.guardrails).reserved_actions,
                ),
                lead_time_seconds=self.learnt.lead.seconds,
            )
        except ScheduleImpossibleError as error:
            others = sum(not self._is_ours(action.name) for action in adoption.state.actions)
            limit = SCHEDULED_ACTIONS_PER_TARGET[adoption.state.api]
            room = f"{others} scheduled actions of others stand at the target, which takes {limit}: remove some of them"
            raise PlanError(f"{error}; {room}") from error
        pushed, schedule = decided.requirement, decided.schedule
        wanted = actions_for(
            fleet.id,
            schedule,
            deployment=self.workspace.deployment,
            api=adoption.state.api,
            has_reactive_policy=adoption.state.has_reactive_policy,
            has_predictive_policy=adoption.state.has_predictive_policy,
            baseline=adoption.baseline,
            bounds=bounds,
            current_instances=holds,
            requirement=pushed,
            present=adoption.state.setting,
            step_limits=fleet.step_limits,
        )
        planned = hourly_floor(schedule, pushed.hours, current_instances=holds)
        running = mean_floor(schedule, pushed.hours, current_instances=holds)
        return self._written(decided, planned, running, wanted, adoption, rate=rate)

    @property
    def _is_past(self) -> bool:
        return self.now_utc - self.known.forecast.made_at_utc > STALE_AFTER

    def _is_ours(self, name: str) -> bool:
        return parse_action_name(name, deployment=self.workspace.deployment, fleet_id=self.fleet.id) is not None

    def _cost_curve(self, rate: SustainableRate) -> dict[str, Any] | None:
        """Return what the first day is expected to cost at each quantile, as the run's page reads it."""
        price = self.market.on_demand_usd_per_hour(self.fleet)
        if price is None:
            return None
        curve = cost_curve(self.fleet, self.known.forecast, rate, usd_per_hour=price, hours=HOURS_PER_DAY)
        return {"instance_usd": curve.instance_usd.tolist(), "shortage_usd": curve.shortage_usd.tolist()}

    def _written(
        self,
        decided: FleetSchedule,
        planned: Counts,
        floor: Floats,
        wanted: tuple[Action, ...],
        adoption: Adoption,
        *,
        rate: SustainableRate,
    ) -> FleetPlan:
        fleet, requirement, made_at = self.fleet, decided.requirement, self.known.forecast.made_at_utc
        today, basis = today_instances(adoption, self.observed, len(planned))
        costs = PlanCosts(
            today_instances=today,
            instances_basis=basis,
            planned_instances=running_under_plan(floor, today, adoption),
            usd_per_hour=self.market.on_demand_usd_per_hour(fleet),
            price_day=self.market.price_day(fleet),
        )
        # A past window's plan reads the target as it stands now, which says nothing of that hour.
        desired = None if self._is_past else adoption.state.current_instances
        advice = self.learnt.advice(requirement, instance_type=fleet.current_type.name)
        plan_id = plan_push_id(fleet.id, window_end_utc=made_at, wanted=wanted)
        rows = [
            {
                "plan_id": plan_id,
                "fleet_id": fleet.id,
                "made_at_utc": made_at,
                "hour_start_utc": hour.astype("datetime64[us]").item().replace(tzinfo=UTC),
                "sized_for_demand_per_second": float(requirement.demand_per_second[position]),
                "required_instances": int(requirement.required_instances[position]),
                "planned_instances": int(planned[position]),
                "desired_instances": desired,
                "instance_type": fleet.current_type.name,
                "sizing_method": requirement.method,
                **costs.columns_at(position),
            }
            for position, hour in enumerate(requirement.hours)
        ]
        record = {
            "plan_id": plan_id,
            "fleet_id": fleet.id,
            "made_at_utc": made_at.isoformat(),
            "forecast_note": self.known.forecast.note,
            "inputs_hash": self.known.inputs_hash,
            "instance_type": fleet.current_type.name,
            "on_demand_usd_per_hour": costs.usd_per_hour,
            "estimate": costs.record(),
            "sizing_method": requirement.method,
            "sustainable_rate_per_second": rate.rate_per_second,
            "most_rate_per_second": most_rate_per_second(fleet, rate),
            "short_of_capacity": decided.short_of_capacity,
            "short_hours_utc": [item.need_at_utc.isoformat() for item in decided.schedule.shortfalls],
            "lead_time": self.learnt.lead.record(),
            "capacity_not_come": self.learnt.not_come_text(advice),
            "reservation": None if advice is None else advice.record(),
            "rate_not_measured": self.market.why_not_measured(fleet),
            "cost_curve": self._cost_curve(rate),
            "current_instances": adoption.state.current_instances,
            "setting": setting_record(adoption.state.setting),
            "baseline": baseline_record(adoption.baseline),
            "wanted": [action_record(action) for action in wanted],
        }
        return FleetPlan(record=record, rows=rows)
