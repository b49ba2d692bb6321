"""Rolling a push back, by hand."""

from typing import Any

from headroom.actuation.ledger import Ledger, fleet_of
from headroom.actuation.outcome import PushOutcome
from headroom.actuation.registry import target_for
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.pipelines.clock import locks_of
from headroom.pipelines.pushes import diff_function, ownership
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.scheduling import action_name


def rollback(push_id: str, *, is_dry_run: bool, requested_by: str = "", reason: str = "") -> dict[str, Any]:
    """Put back what stood before a push; return the outcome as JSON. A dry run changes nothing."""
    workspace = open_workspace()
    return roll_back(workspace, push_id, is_dry_run=is_dry_run, requested_by=requested_by, reason=reason).summary()


def roll_back(
    workspace: Workspace,
    push_id: str,
    *,
    is_dry_run: bool,
    requested_by: str = "",
    reason: str = "",
) -> PushOutcome:
    """Put back what stood before a push at its fleet's target."""
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
        requested_by=requested_by,
        reason=reason,
    )
    return rollback_push(
        request,
        target=target_for(fleet, workspace.clients, workspace.lake.storage),
        ledger=Ledger(workspace.lake),
        locks=locks_of(workspace, fleet),
        now_utc=now_utc,
        is_dry_run=is_dry_run,
    )
