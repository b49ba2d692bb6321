"""Push tasks: a fleet's plan, checked and applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.registry import target_for
from headroom.actuation.request import PushRequest
from headroom.config.secrets import redact
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet
from headroom.domain.foreign_text import one_line
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict
from headroom.domain.window import Window
from headroom.lake.errors import LakeError
from headroom.lake.layout import chunk_name
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc, locks_of, read_clock_utc
from headroom.pipelines.costs_so_far import costs_so_far, prices_of_budgeted
from headroom.pipelines.forecasts import KnownForecast, read_forecasts
from headroom.pipelines.kill_switch import kill_switch_reason
from headroom.pipelines.observed import NOTHING_KNOWN, Freshness, band_record, freshness
from headroom.pipelines.one_fleet import OF_ONE_FLEET, told
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.push_results import keep_shown, read_shown, result_path
from headroom.pipelines.schedules import wanted_actions
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

_GONE = "it was answered for a fleet that fleets.yaml no longer has: nothing is pushed"
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
        kept = at_once(lambda item: keep_result(workspace, item[0], window, item[1]), list(results.items()))
        if not approvals:
            delays["seconds_after_close"] = (read_clock_utc(workspace) - window.end_utc).total_seconds()
        gone = sorted(set(approvals) - {fleet.id for fleet in fleets})
        return [
            *(outcome_of(fleet_id, result) for fleet_id, result in zip(results, kept, strict=True)),
            *(
                Outcome(step="push", subject=fleet_id, status=OutcomeStatus.NOTHING_TO_DO, cause=_GONE)
                for fleet_id in gone
            ),
        ]

    part = f"3-push-{chunk_name(chunk)}" if not approvals else f"5-approved-{'-'.join(sorted(approvals))}"
    counts = run_step(dag_id="scale_ahead", window=window, part=part, step=push)
    writes = sum(result.write_calls for result in results.values() if isinstance(result, PushOutcome))
    return {**counts, "write_calls": writes, **delays}


def keep_result(workspace: Workspace, fleet_id: str, window: Window, result: PushOutcome | str) -> PushOutcome | str:
    """Keep a push's result, and what a person is to be asked about; a push that came to nothing leaves none.

    Return the result, or in a sentence that it could not be kept.
    """
    try:
        if isinstance(result, str):
            workspace.lake.storage.delete(result_path(fleet_id, window))
            return result
        if result.shown is not None:
            keep_shown(workspace, fleet_id, window, result.shown)
        workspace.lake.write_json(result_path(fleet_id, window), result.summary())
    except LakeError as error:
        ended = result if isinstance(result, str) else f"it ended as {result.state.value}"
        return f"{ended}, and its result cannot be kept: {error}"
    return result


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
        except OF_ONE_FLEET as error:
            return told(error)

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
        by = one_line(str(answer.get("by") or "")).strip()
        is_approved = bool(by) and answer.get("is_approved") is True  # an approval of nobody's is none
        request = PushRequest(
            fleet=fleet,
            window_end_utc=self.window.end_utc,
            wanted=wanted,
            diff=diff_function(self.workspace, fleet),
            is_ours=ownership(self.workspace, fleet),
            guardrails=self._guardrails(fleet, known.forecast, wanted, plan),
            plan_id=plan["plan_id"],
            inputs_hash=plan["inputs_hash"],
            approved_by=by if is_approved else None,
            rejected_by=by if answer and not is_approved else None,
            answer_note=redact(one_line(str(answer.get("note") or ""))),
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


def outcome_of(fleet_id: str, result: PushOutcome | str) -> Outcome:
    """Return a push's result as an outcome of the run."""
    if isinstance(result, str):
        return Outcome(step="push", subject=fleet_id, status=OutcomeStatus.FAILED, cause=result)
    status = _STATUS.get(result.state, OutcomeStatus.OK)
    return Outcome(step="push", subject=fleet_id, status=status, cause="; ".join(result.reasons))
