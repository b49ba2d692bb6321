"""Rolling a push back, by hand."""

from collections.abc import Mapping
from typing import Any, Final

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.push_ids import fleet_of
from headroom.actuation.registry import target_for
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.pipelines.clock import locks_of
from headroom.pipelines.pushes import diff_function, ownership
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.scheduling import action_name

MOST_REASON_CHARACTERS: Final = 500


def rollback(
    params: Mapping[str, Any], *, requested_by: str = "", run_id: str = "", is_second_try: bool = False
) -> dict[str, Any]:
    """Put back what stood before a push, as a run's `push_id`, `dry_run` and `reason` say; return what came of it.

    ActuationError where it failed at the cloud: the task is red, and its retry goes on where this one stopped.
    """
    outcome = roll_back(
        open_workspace(),
        params["push_id"],
        is_dry_run=params["dry_run"],
        requested_by=requested_by,
        reason=params.get("reason") or "",
        run_id=run_id,
        is_second_try=is_second_try,
    )
    if outcome.is_failed:
        causes = [*outcome.reasons, *(f"{failure.name}: {failure.reason}" for failure in outcome.failures)]
        raise ActuationError(f"rollback of {params['push_id']}: {'; '.join(causes)}")
    return outcome.summary()


def roll_back(
    workspace: Workspace,
    push_id: str,
    *,
    is_dry_run: bool,
    requested_by: str = "",
    reason: str = "",
    run_id: str = "",
    is_second_try: bool = False,
) -> PushOutcome:
    """Put back what stood before a push at its fleet's target; who asked for it and why is kept in the ledger.

    `is_second_try`: an earlier try of the run `run_id` is known to be dead; this one goes on where it stopped.
    """
    fleet = workspace.fleet(fleet_of(push_id))
    now_utc = read_cloud_clock_utc(workspace.clients, region=fleet.region)
    request = RollbackRequest(
        push_id=push_id,
        diff=diff_function(workspace, fleet),
        is_ours=ownership(workspace, fleet),
        name_action=lambda starts_at_utc: action_name(
            deployment=workspace.deployment,
            fleet_id=fleet.id,
            starts_at_utc=starts_at_utc,
        ),
        requested_by=one_line(requested_by),
        reason=redact(one_line(reason.strip()))[:MOST_REASON_CHARACTERS],
        run_id=run_id,
    )
    return rollback_push(
        request,
        target=target_for(fleet, workspace.pushing, workspace.lake.storage),
        ledger=Ledger(workspace.lake),
        locks=locks_of(workspace, fleet),
        now_utc=now_utc,
        is_dry_run=is_dry_run,
        is_second_try=is_second_try,
    )
