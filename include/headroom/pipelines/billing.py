"""Bills: a changed manifest replaces its billing period whole, and the cost mart of that period with it."""

import hashlib
import json
from typing import Any

from headroom.config.sources import BillingExport, load_sources
from headroom.domain.window import Window
from headroom.extract.billing import ExportManifest, fetch_file, list_periods, read_period
from headroom.extract.errors import BadExport, SourceError
from headroom.lake.errors import LakeError
from headroom.lake.layout import parse_partition, period_path
from headroom.lake.tables import TABLES
from headroom.pipelines.gates import pass_gate
from headroom.pipelines.marts import run_marts
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.workspace import Workspace
from headroom.quality import quarantine, unreadable

COST_TABLE = "mart_cost__hourly_by_fleet"
BILL_TABLE = "billing_line"


def extract_billing(window: Window) -> dict[str, Any]:
    """Read every billing period whose manifest is not the one in the lake; return counts for XCom.

    Bills are restated for weeks, so all periods the export lists are looked at; `window` only names the run.
    """
    return run_step(dag_id="extract_billing", window=window, part="extract", step=extract_bills)


def extract_bills(workspace: Workspace) -> list[Outcome]:
    """Bring every changed billing period of the first configured export into the lake; each fails alone."""
    file = workspace.config_folder / "sources.yaml"
    exports = load_sources(file).billing if file.exists() else ()
    if not exports:
        cause = "sources.yaml names no billing export; costs are estimated from list prices"
        return [Outcome(step="extract", subject="billing", status=OutcomeStatus.NOTHING_TO_DO, cause=cause)]
    export = exports[0]
    return [_try_period(workspace, export, manifest) for manifest in list_periods(workspace.clients, export)]


def _try_period(workspace: Workspace, export: BillingExport, manifest: ExportManifest) -> Outcome:
    try:
        try:
            return _bring_period(workspace, export, manifest)
        except BadExport as error:
            return _bad_period(workspace, export, manifest, error)
    except (SourceError, LakeError) as error:
        return _outcome(manifest, OutcomeStatus.FAILED, str(error))


def _outcome(manifest: ExportManifest, status: OutcomeStatus, cause: str = "") -> Outcome:
    return Outcome(step="extract", subject=f"billing {manifest.period_start:%Y-%m}", status=status, cause=cause)


def _bad_period(workspace: Workspace, export: BillingExport, manifest: ExportManifest, error: BadExport) -> Outcome:
    """Keep the file that cannot be read, with the reason beside it; the period already in the lake stays."""
    if error.key is None:
        return _outcome(manifest, OutcomeStatus.FAILED, str(error))
    path = f"{period_path(BILL_TABLE, manifest.period_start)}.{error.key.rsplit('/', 1)[-1]}"
    content = fetch_file(workspace.clients, export, error.key)
    kept = quarantine(workspace.lake, path, content, unreadable(BILL_TABLE, str(error)))
    return _outcome(manifest, OutcomeStatus.QUARANTINED, f"{error}; kept as {kept}")


def _bring_period(workspace: Workspace, export: BillingExport, manifest: ExportManifest) -> Outcome:
    bill_path = period_path(BILL_TABLE, manifest.period_start)
    cost_path = period_path(COST_TABLE, manifest.period_start)
    cost_fingerprint = f"{manifest.fingerprint}/{_tags_hash(workspace)}"
    if _has(workspace, bill_path, manifest.fingerprint) and _has(workspace, cost_path, cost_fingerprint):
        return _outcome(manifest, OutcomeStatus.NOTHING_TO_DO, "unchanged")
    frame = read_period(workspace.clients, export, manifest)
    partition = parse_partition(bill_path)
    if partition is None:
        raise AssertionError(bill_path)
    rejection = pass_gate(workspace, TABLES[BILL_TABLE], frame, path=bill_path, window=partition.span)
    if rejection:
        return _outcome(manifest, OutcomeStatus.QUARANTINED, rejection)
    workspace.lake.write_table(bill_path, TABLES[BILL_TABLE], frame, fingerprint=manifest.fingerprint)
    cost = run_marts(workspace, workspace.fleets, partition.span, marts=(COST_TABLE,))
    workspace.lake.write_table(cost_path, TABLES[COST_TABLE], cost[COST_TABLE], fingerprint=cost_fingerprint)
    return _outcome(manifest, OutcomeStatus.OK)


def _has(workspace: Workspace, path: str, fingerprint: str) -> bool:
    present = workspace.lake.read_metadata(path)
    return present is not None and present.fingerprint == fingerprint


def _tags_hash(workspace: Workspace) -> str:
    """Return a hash of which lines are whose: a new fleet or corrected tags make the cost mart anew."""
    tags = {fleet.id: fleet.billing.tags for fleet in workspace.fleets if fleet.billing is not None}
    return hashlib.sha256(json.dumps(tags, sort_keys=True).encode()).hexdigest()[:16]
