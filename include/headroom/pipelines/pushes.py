"""Push tasks: a fleet's plan, checked and applied."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.registry import target_for
from headroom.actuation.request import PushRequest
from headroom.config.secrets import redact
from headroom.config.settings import KILL_SWITCH_VARIABLE
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict
from headroom.domain.window import Window
from headroom.extract.errors import SourceError
from headroom.lake.errors import LakeError
from headroom.lake.layout import chunk_name
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc, locks_of, read_clock_utc
from headroom.pipelines.costs_so_far import costs_so_far, prices_of_budgeted
from headroom.pipelines.forecasts import KnownForecast, read_forecasts
from headroom.pipelines.observed import NOTHING_KNOWN, Freshness, band_record, freshness
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.push_results import keep_shown, read_shown, result_path
from headroom.pipelines.schedules import plan_path, wanted_actions
from headroom.pipelines.workspace import Workspace
from headroom.scheduling import (
    CostSoFar,
    GuardrailContext,
    check_guardrails,
    diff_actions,
    limits_for,
    loosened_limits,
    parse_action_name,
)

KILL_SWITCH_PATH = "control/kill_switch.json"
"""While this file is in the lake nothing is pushed; {"fleets": [...]} stops only those, {"reason": "..."} is shown."""

_STATUS = {
    PushState.FAILED: OutcomeStatus.FAILED,
    PushState.VERIFICATION_FAILED: OutcomeStatus.FAILED,
    PushState.REFUSED: OutcomeStatus.REFUSED,
    PushState.PAUSED: OutcomeStatus.REFUSED,
    PushState.RECOMMENDED: OutcomeStatus.RECOMMENDED,
    PushState.AWAITING_APPROVAL: OutcomeStatus.RECOMMENDED,
    PushState.REJECTED: OutcomeStatus.NOTHING_TO_DO,
    PushState.OBSERVED: OutcomeStatus.NOTHING_TO_DO,
    PushState.UNCHANGED: OutcomeStatus.NOTHING_TO_DO,
}


def push_chunk(
    window: Window, chunk: int, *, approvals: Mapping[str, Mapping[str, Any]], is_second_try: bool = False
) -> dict[str, Any]:
    """Push the plans of a chunk; `approvals` maps a fleet to the answer its request got. Return counts for XCom.

    With approvals only the fleets they are about are pushed: the others had their turn. Without, `seconds_after_close`
    is how long after the window's end the last push was read back, by the cloud's clock.
    """
    results: dict[str, PushOutcome | str] = {}
    delays: dict[str, float] = {}

    def push(workspace: Workspace) -> list[Outcome]:
        fleets = [fleet for fleet in workspace.fleets_in(chunk) if not approvals or fleet.id in approvals]
        stored = at_once(lambda fleet: stored_plan(workspace, fleet, window), fleets)
        plans = {fleet.id: plan for fleet, plan in zip(fleets, stored, strict=True)}
        results.update(push_fleets(workspace, window, chunk, plans, approvals=approvals, is_second_try=is_second_try))
        at_once(lambda item: keep_result(workspace, item[0], window, item[1]), results.items())
        if not approvals:
            delays["seconds_after_close"] = (read_clock_utc(workspace) - window.end_utc).total_seconds()
        return [outcome_of(fleet_id, result) for fleet_id, result in results.items()]

    part = f"3-push-{chunk_name(chunk)}" if not approvals else f"5-approved-{'-'.join(sorted(approvals))}"
    counts = run_step(dag_id="scale_ahead", window=window, part=part, step=push)
    writes = sum(result.write_calls for result in results.values() if isinstance(result, PushOutcome))
    return {**counts, "write_calls": writes, **delays}


def stored_plan(workspace: Workspace, fleet: Fleet, window: Window) -> dict[str, Any] | str:
    """Return the plan that the schedule step left for a fleet, or in a sentence why there is none."""
    try:
        record = workspace.lake.read_json(plan_path(fleet.id, window))
    except LakeError as error:
        return f"its plan cannot be read: {error}"
    return record if isinstance(record, dict) else "it has no plan in this run"


def keep_result(workspace: Workspace, fleet_id: str, window: Window, result: PushOutcome | str) -> None:
    """Keep a push's result, and what a person is to be asked about; a push that came to nothing leaves none."""
    if isinstance(result, PushOutcome):
        if result.shown is not None:
            keep_shown(workspace, fleet_id, window, result.shown)
        workspace.lake.write_json(result_path(fleet_id, window), result.summary())
    else:
        workspace.lake.storage.delete(result_path(fleet_id, window))


def push_fleets(
    workspace: Workspace,
    window: Window,
    chunk: int,
    plans: Mapping[str, Mapping[str, Any] | str],
    *,
    approvals: Mapping[str, Mapping[str, Any]],
    is_dry_run: bool = False,
    is_second_try: bool = False,
) -> dict[str, PushOutcome | str]:
    """Push the plan of each fleet; give, by fleet, the outcome, or in a sentence why nothing was pushed."""
    now_utc = closed_at_utc(workspace, window)
    fleets = [workspace.fleet(fleet_id) for fleet_id in plans]
    inputs = _RunInputs(
        workspace=workspace,
        window=window,
        now_utc=now_utc,
        forecasts=read_forecasts(workspace, window, chunk),
        freshness=freshness(workspace, fleets, window.end_utc),
        bands=band_record(workspace, fleets, window.end_utc),
        costs_so_far=costs_so_far(workspace, window.end_utc, prices_of_budgeted(workspace, plans)),
        is_dry_run=is_dry_run,
        is_second_try=is_second_try,
    )

    def push(fleet: Fleet) -> PushOutcome | str:
        plan = plans[fleet.id]
        if isinstance(plan, str):
            return plan
        try:
            return inputs.push(fleet, plan, approvals.get(fleet.id, {}))
        except (ActuationError, SourceError, LakeError, KeyError, ValueError) as error:
            return redact(error) or type(error).__name__

    return dict(zip(plans, at_once(push, fleets), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunInputs:
    """What the pushes of one run share."""

    workspace: Workspace
    window: Window
    now_utc: datetime
    forecasts: Mapping[str, KnownForecast]
    freshness: Mapping[str, Freshness]
    bands: Mapping[str, tuple[int, int]]
    costs_so_far: Mapping[str, CostSoFar]
    is_dry_run: bool
    is_second_try: bool

    def push(self, fleet: Fleet, plan: Mapping[str, Any], answer: Mapping[str, Any]) -> PushOutcome | str:
        """Push one fleet's plan, or say why it may not be."""
        known = self.forecasts.get(fleet.id)
        if known is None:
            return "it has no forecast in this run"
        wanted = wanted_actions(plan)
        request = PushRequest(
            fleet=fleet,
            window_end_utc=self.window.end_utc,
            wanted=wanted,
            diff=diff_function(self.workspace, fleet),
            is_ours=ownership(self.workspace, fleet),
            guardrails=self._guardrails(fleet, known.forecast, wanted, plan),
            plan_id=plan["plan_id"],
            inputs_hash=plan["inputs_hash"],
            approved_by=str(answer["by"]) if answer.get("is_approved") else None,
            rejected_by=(answer["by"] or "") if answer and not answer["is_approved"] else None,
            answer_note=redact(answer.get("note") or ""),
            shown=read_shown(self.workspace, fleet.id, self.window, answer.get("shown")),
            planned_usd_per_day=plan["estimate"]["planned_usd_per_day"],
        )
        return push_fleet(
            request,
            target=target_for(fleet, self.workspace.pushing, self.workspace.lake.storage),
            ledger=Ledger(self.workspace.lake).keeping_listings(),
            locks=locks_of(self.workspace, fleet),
            now_utc=self.now_utc,
            is_dry_run=self.is_dry_run,
            is_second_try=self.is_second_try,
        )

    def _guardrails(
        self,
        fleet: Fleet,
        forecast: DemandForecast,
        wanted: tuple[Action, ...],
        plan: Mapping[str, Any],
    ) -> Callable[[TargetState, ActionDiff], tuple[Verdict, ...]]:
        """Return the guardrails of one fleet's plan, to be asked once its target was read and compared."""
        fresh = self.freshness.get(fleet.id, NOTHING_KNOWN)
        judged, inside = self.bands.get(fleet.id, (0, 0))
        kill_switch = kill_switch_reason(self.workspace, fleet)
        common, own = self.workspace.guardrails, fleet.guardrails

        def verdicts(state: TargetState, diff: ActionDiff) -> tuple[Verdict, ...]:
            return check_guardrails(
                GuardrailContext(
                    fleet=fleet,
                    window=self.window,
                    now_utc=self.now_utc,
                    forecast=forecast,
                    wanted=wanted,
                    diff=diff,
                    state=state,
                    newest_sample_utc=fresh.newest_sample_utc,
                    samples_expected=fresh.samples_expected,
                    samples_seen=fresh.samples_seen,
                    hours_judged=judged,
                    hours_inside_band=inside,
                    kill_switch=kill_switch,
                    usd_per_instance_hour=plan["on_demand_usd_per_hour"],
                    # a plan of an earlier version does not say these three
                    sustainable_rate_per_second=plan.get("sustainable_rate_per_second"),
                    most_rate_per_second=plan.get("most_rate_per_second"),
                    short_hours_utc=frozenset(map(datetime.fromisoformat, plan.get("short_hours_utc", ()))),
                    cost_so_far=self.costs_so_far.get(fleet.id),
                    limits=limits_for(common, own),
                    loosened=loosened_limits(common, own),
                ),
            )

        return verdicts


def diff_function(
    workspace: Workspace,
    fleet: Fleet,
) -> Callable[[Sequence[Action], TargetState], ActionDiff]:
    """Return the scheduling's diff for one fleet, at the moment its target was read."""
    return lambda wanted, state: diff_actions(
        wanted,
        state,
        deployment=workspace.deployment,
        fleet_id=fleet.id,
        now_utc=state.read_at_utc,
    )


def ownership(workspace: Workspace, fleet: Fleet) -> Callable[[str], bool]:
    """Return the test of whether a scheduled action's name is ours at this fleet."""
    return lambda name: parse_action_name(name, deployment=workspace.deployment, fleet_id=fleet.id) is not None


def kill_switch_reason(workspace: Workspace, fleet: Fleet) -> str | None:
    """Return why a kill switch, the environment's or the lake's, stops this fleet, or None where none does.

    A switch that cannot be read is thrown: somebody meant to stop something.
    """
    if workspace.kill_switch:
        reason = _reason_of(_variable_switch(workspace.kill_switch), fleet, where=f"{KILL_SWITCH_VARIABLE} is set")
        if reason is not None:
            return reason
    try:
        switch = workspace.lake.read_json(KILL_SWITCH_PATH)
    except LakeError as error:
        return f"it cannot be read, so all is stopped ({error})"
    return None if switch is None else _reason_of(switch, fleet, where=f"{KILL_SWITCH_PATH} is in the lake")


def _variable_switch(text: str) -> object:
    """Return what the variable says: JSON as in the lake's file, or any other text, which is the reason."""
    try:
        switch = json.loads(text)
    except ValueError:
        return {"reason": text}
    return switch if isinstance(switch, dict) else {"reason": text}


def _reason_of(switch: object, fleet: Fleet, *, where: str) -> str | None:
    if not isinstance(switch, dict) or not isinstance(switch.get("fleets", []), list):
        return f"{where}, and names no list of fleets"
    if fleet.id not in switch.get("fleets", [fleet.id]):
        return None
    return str(switch.get("reason") or where)


def outcome_of(fleet_id: str, result: PushOutcome | str) -> Outcome:
    """Return a push's result as an outcome of the run."""
    if isinstance(result, str):
        return Outcome(step="push", subject=fleet_id, status=OutcomeStatus.FAILED, cause=result)
    status = _STATUS.get(result.state, OutcomeStatus.OK)
    return Outcome(step="push", subject=fleet_id, status=status, cause="; ".join(result.reasons))
