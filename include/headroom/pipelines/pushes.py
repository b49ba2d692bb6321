"""Push tasks: a fleet's plan, checked and applied, and the requests for approval that wait for a person."""

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
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet, Mode
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict
from headroom.domain.window import Window
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.extract.errors import SourceError
from headroom.lake.layout import chunk_name
from headroom.pipelines.forecasts import read_forecasts
from headroom.pipelines.observed import NOTHING_KNOWN, Freshness, band_record, freshness
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, record_outcomes
from headroom.pipelines.schedules import plan_path, wanted_actions
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.scheduling import GuardrailContext, check_guardrails, diff_actions, parse_action_name

KILL_SWITCH_PATH = "control/kill_switch.json"
"""While this file is in the lake nothing is pushed; {"fleets": [...]} stops only those, {"reason": "..."} is shown."""

_STATUS = {
    PushState.FAILED: OutcomeStatus.FAILED,
    PushState.VERIFICATION_FAILED: OutcomeStatus.FAILED,
    PushState.REFUSED: OutcomeStatus.REFUSED,
    PushState.PAUSED: OutcomeStatus.REFUSED,
    PushState.RECOMMENDED: OutcomeStatus.RECOMMENDED,
    PushState.AWAITING_APPROVAL: OutcomeStatus.RECOMMENDED,
    PushState.OBSERVED: OutcomeStatus.NOTHING_TO_DO,
    PushState.UNCHANGED: OutcomeStatus.NOTHING_TO_DO,
}


def push_chunk(window: Window, chunk: int, *, approvals: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Push the plans of a chunk; `approvals` maps a fleet to the answer its request got. Return counts for XCom.

    With approvals only the fleets they are about are pushed: the others had their turn.
    """
    workspace = open_workspace()
    fleets = [fleet for fleet in workspace.fleets_in(chunk) if not approvals or fleet.id in approvals]
    results = push_fleets(workspace, window, chunk, fleets, approvals=approvals)
    part = f"3-push-{chunk_name(chunk)}" if not approvals else f"5-approved-{'-'.join(sorted(approvals))}"
    counts = record_outcomes(
        workspace,
        dag_id="scale_ahead",
        window=window,
        part=part,
        outcomes=[outcome_of(fleet_id, result) for fleet_id, result in results.items()],
    )
    writes = sum(result.write_calls for result in results.values() if isinstance(result, PushOutcome))
    return {**counts, "write_calls": writes}


def push_fleets(
    workspace: Workspace,
    window: Window,
    chunk: int,
    fleets: Sequence[Fleet],
    *,
    approvals: Mapping[str, Mapping[str, Any]],
    is_dry_run: bool = False,
) -> dict[str, PushOutcome | str]:
    """Push each fleet's plan of `window`; give, by fleet, the outcome, or in a sentence why nothing was pushed."""
    now_utc = read_cloud_clock_utc(workspace.clients, region=workspace.home_region)
    forecasts = read_forecasts(workspace, window, chunk)
    known = freshness(workspace, fleets, window.end_utc)
    judged = band_record(workspace, fleets, window.end_utc)
    results: dict[str, PushOutcome | str] = {}
    for fleet in fleets:
        record = workspace.lake.read_json(plan_path(fleet.id, window))
        if record is None or fleet.id not in forecasts:
            results[fleet.id] = "it has no plan in this run"
            continue
        answer = approvals.get(fleet.id, {})
        wanted = wanted_actions(record)
        inputs = _GuardrailInputs(
            window=window,
            now_utc=now_utc,
            forecast=forecasts[fleet.id],
            freshness=known.get(fleet.id, NOTHING_KNOWN),
            band=judged.get(fleet.id, (0, 0)),
            kill_switch=kill_switch_reason(workspace, fleet),
            is_approved=bool(answer.get("is_approved")),
            usd_per_instance_hour=record["on_demand_usd_per_hour"],
        )
        request = PushRequest(
            fleet=fleet,
            window_end_utc=window.end_utc,
            wanted=wanted,
            diff=diff_function(workspace, fleet, now_utc),
            is_ours=ownership(workspace, fleet),
            guardrails=inputs.guardrails(fleet, wanted),
            plan_id=record["plan_id"],
            inputs_hash=str(record.get("inputs_hash", "")),
            approved_by=str(answer["by"]) if answer.get("is_approved") else None,
        )
        try:
            outcome = push_fleet(
                request,
                target=target_for(fleet, workspace.clients),
                ledger=Ledger(workspace.lake),
                now_utc=now_utc,
                is_dry_run=is_dry_run,
            )
        except (ActuationError, SourceError) as error:
            results[fleet.id] = str(error)
            continue
        if not is_dry_run:
            workspace.lake.write_json(result_path(fleet.id, window), outcome.summary())
        results[fleet.id] = outcome
    return results


def pending_approvals(window: Window, chunk: int) -> list[dict[str, Any]]:
    """Return a request per fleet whose plan waits for a person: fleet, chunk, subject, and a body in Markdown."""
    workspace = open_workspace()
    requests = []
    for fleet in workspace.fleets_in(chunk):
        if fleet.mode is not Mode.APPROVE:
            continue
        result = workspace.lake.read_json(result_path(fleet.id, window))
        if result is not None and result["state"] == PushState.AWAITING_APPROVAL:
            changes = len(result["create"]) + len(result["replace"]) + len(result["delete"])
            requests.append(
                {
                    "fleet_id": fleet.id,
                    "chunk": chunk,
                    "subject": f"Change {changes} scheduled actions of {fleet.id}?",
                    "body": _approval_body(fleet, workspace.lake.read_json(plan_path(fleet.id, window)), result),
                },
            )
    return requests


def _approval_body(fleet: Fleet, plan: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    lines = [
        f"Fleet **{fleet.id}** ({fleet.target.kind} {fleet.target.name}), plan `{plan['plan_id']}`.",
        f"Sized by {plan['sizing_method']}.",
        "",
        "| start (UTC) | min | max | desired | why | change |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for change in ("create", "replace", "keep"):
        lines += [
            f"| {item['starts_at_utc'][:16]} | {_cell(item['min_instances'])} | {_cell(item['max_instances'])} "
            f"| {_cell(item['desired_instances'])} | {item['purpose']} | {change} |"
            for item in result[change]
        ]
    lines += ["", *(f"- {check['rule']}: {check['reason']}" for check in result["verdicts"])]
    return "\n".join(lines)


def _cell(count: int | None) -> str:
    return "" if count is None else str(count)


def result_path(fleet_id: str, window: Window) -> str:
    """Return where the newest push result of a fleet's plan stands in the lake."""
    return f"pushes/hour={window_key(window)[:13]}/fleet={fleet_id}.json"


def diff_function(
    workspace: Workspace,
    fleet: Fleet,
    now_utc: datetime,
) -> Callable[[Sequence[Action], TargetState], ActionDiff]:
    """Return the scheduling's diff for one fleet at one moment."""
    return lambda wanted, state: diff_actions(
        wanted,
        state,
        deployment=workspace.deployment,
        fleet_id=fleet.id,
        now_utc=now_utc,
    )


def ownership(workspace: Workspace, fleet: Fleet) -> Callable[[str], bool]:
    """Return the test of whether a scheduled action's name is ours at this fleet."""
    return lambda name: parse_action_name(name, deployment=workspace.deployment, fleet_id=fleet.id) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _GuardrailInputs:
    window: Window
    now_utc: datetime
    forecast: DemandForecast
    freshness: Freshness
    band: tuple[int, int]
    kill_switch: str | None
    is_approved: bool
    usd_per_instance_hour: float | None

    def guardrails(
        self,
        fleet: Fleet,
        wanted: tuple[Action, ...],
    ) -> Callable[[TargetState, ActionDiff], tuple[Verdict, ...]]:
        """Return the guardrails of one fleet's plan, to be asked once its target was read and compared."""

        def verdicts(state: TargetState, diff: ActionDiff) -> tuple[Verdict, ...]:
            return check_guardrails(
                GuardrailContext(
                    fleet=fleet,
                    window=self.window,
                    now_utc=self.now_utc,
                    forecast=self.forecast,
                    wanted=wanted,
                    diff=diff,
                    state=state,
                    newest_sample_utc=self.freshness.newest_sample_utc,
                    samples_expected=self.freshness.samples_expected,
                    samples_seen=self.freshness.samples_seen,
                    hours_judged=self.band[0],
                    hours_inside_band=self.band[1],
                    kill_switch=self.kill_switch,
                    is_approved=self.is_approved,
                    usd_per_instance_hour=self.usd_per_instance_hour,
                ),
            )

        return verdicts


def kill_switch_reason(workspace: Workspace, fleet: Fleet) -> str | None:
    """Return why the kill switch in the lake stops this fleet, or None where it does not."""
    switch = workspace.lake.read_json(KILL_SWITCH_PATH)
    if switch is None or fleet.id not in switch.get("fleets", [fleet.id]):
        return None
    return str(switch.get("reason") or f"{KILL_SWITCH_PATH} is in the lake")


def outcome_of(fleet_id: str, result: PushOutcome | str) -> Outcome:
    """Return a push's result as an outcome of the run."""
    if isinstance(result, str):
        return Outcome(step="push", subject=fleet_id, status=OutcomeStatus.FAILED, cause=result)
    status = _STATUS.get(result.state, OutcomeStatus.OK)
    return Outcome(step="push", subject=fleet_id, status=status, cause="; ".join(result.reasons))
