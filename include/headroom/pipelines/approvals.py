"""Approval tasks: the requests that wait for a person, and the push of what they answered.

A person approves what they were shown. Where that has moved by the time of their answer, nothing is written: the fleet
is planned anew for the same hour, and they are asked once more in the same run; after that the next hour asks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from headroom.domain.fleet import Mode
from headroom.domain.window import Window
from headroom.lake.errors import UnreadableFileError
from headroom.lake.layout import chunk_name
from headroom.pipelines.approval_request import AskedBefore, approval_body
from headroom.pipelines.forecasts import read_forecasts
from headroom.pipelines.one_fleet import OF_ONE_FLEET, told
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.plan_records import stored_plan
from headroom.pipelines.push_results import read_result, read_shown, result_path
from headroom.pipelines.pushes import keep_result, outcome_of, push_chunk, push_fleets
from headroom.pipelines.replay_record import newest_replay
from headroom.pipelines.schedules import schedule_fleets
from headroom.pipelines.workspace import Workspace, open_workspace


def pending_approvals(window: Window, chunk: int) -> list[dict[str, Any]]:
    """Return a request per fleet that waits for a person: fleet, chunk, plan, subject, body, and what is shown."""
    requests: list[dict[str, Any]] = []

    def ask(workspace: Workspace) -> Iterator[Outcome]:
        for fleet_id in (fleet.id for fleet in workspace.fleets_in(chunk) if fleet.mode is Mode.APPROVE):
            try:
                request = _request_for(workspace, window, chunk, fleet_id)
            except OF_ONE_FLEET as error:
                cause = f"nobody was asked: {told(error)}"
                yield Outcome(step="approve", subject=fleet_id, status=OutcomeStatus.FAILED, cause=cause)
            else:
                requests.extend([] if request is None else [request])

    run_step(dag_id="scale_ahead", window=window, part=f"4-ask-{chunk_name(chunk)}", step=ask)
    return requests


def push_answered(
    window: Window, request: Mapping[str, Any], answer: Mapping[str, Any], *, is_second_try: bool = False
) -> dict[str, Any]:
    """Push as a person answered; return counts for XCom and, where they are to be asked again, `ask_again`: a request.

    A request that was asked again is not asked a third time: the next hour does. Planning anew writes the file of the
    chunk's plans: no two of these may run at once in a run.
    """
    fleet_id, chunk = request["fleet_id"], request["chunk"]
    counts = push_chunk(window, chunk, approvals={fleet_id: answer}, is_second_try=is_second_try)
    moved = (read_result(open_workspace(), fleet_id, window) or {}).get("moved")
    if not moved or "asked_first_at_utc" in request:
        return {**counts, "ask_again": None}
    asked_before = AskedBefore(by=str(answer["by"]), at_utc=answer["at_utc"], moved=tuple(moved))
    asked: list[dict[str, Any] | None] = []

    def plan_again(workspace: Workspace) -> list[Outcome]:
        outcomes = schedule_fleets(workspace, window, chunk, fleet_ids={fleet_id})
        plans = {fleet_id: stored_plan(workspace, workspace.fleet(fleet_id), window)}
        result = push_fleets(workspace, window, chunk, plans, approvals={})[fleet_id]
        keep_result(workspace, fleet_id, window, result)
        asked.append(_request_for(workspace, window, chunk, fleet_id, asked_before=asked_before))
        return [*outcomes, outcome_of(fleet_id, result)]

    run_step(dag_id="scale_ahead", window=window, part=f"6-again-{fleet_id}", step=plan_again)
    again = asked[0] and {**asked[0], "asked_first_at_utc": answer["asked_at_utc"]}
    return {**counts, "ask_again": again}


def _request_for(
    workspace: Workspace, window: Window, chunk: int, fleet_id: str, *, asked_before: AskedBefore | None = None
) -> dict[str, Any] | None:
    """Return the request about a fleet whose newest push waits for a person; None where it does not."""
    fleet = workspace.fleet(fleet_id)
    path = result_path(fleet_id, window)
    result = read_result(workspace, fleet_id, window)
    if result is None:
        if workspace.lake.read_json(path) is not None:
            raise UnreadableFileError(f"{path}: expected the result of a push as Headroom wrote it")
        return None
    if not result.get("shown"):
        return None
    shown = read_shown(workspace, fleet_id, window, result["shown"])
    plan = stored_plan(workspace, fleet, window)
    if shown is None:
        raise UnreadableFileError(f"{path}: what it would show is not on record, or is something else")
    if isinstance(plan, str):
        raise UnreadableFileError(plan)
    known = read_forecasts(workspace, window, chunk).get(fleet_id)
    changes = len(shown.written) + len(shown.deleted)
    again = "Asked again: change" if asked_before else "Change"
    return {
        "fleet_id": fleet_id,
        "chunk": chunk,
        "subject": f"{again} {changes} scheduled actions of {fleet_id}?",
        "plan_id": plan["plan_id"],
        "shown": shown.digest,
        "body": approval_body(
            fleet,
            plan,
            result,
            shown,
            forecast=None if known is None else known.forecast,
            replay=newest_replay(workspace, fleet_id),
            asked_before=asked_before,
        ),
    }
