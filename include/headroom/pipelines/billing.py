"""Bills: a changed manifest replaces its billing period whole, and the cost mart of that period with it."""

from typing import Any

from headroom.config.sources import BillingExport, load_sources
from headroom.domain.window import Window
from headroom.extract.billing import ExportManifest, fetch_file, list_periods, read_period
from headroom.extract.errors import BadExport, SourceError
from headroom.lake.layout import parse_partition, period_path
from headroom.lake.tables import TABLES
from headroom.pipelines.gates import pass_gate
from headroom.pipelines.marts import run_marts
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, record_outcomes
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.quality import quarantine, unreadable

COST_TABLE = "mart_cost__hourly_by_fleet"
BILL_TABLE = "billing_line"


def extract_billing(window: Window) -> dict[str, Any]:
    """Read every billing period whose manifest is not the one in the lake; return counts for XCom.

    Bills are restated for weeks, so all periods the export lists are looked at; `window` only names the run.
    """
    workspace = open_workspace()
    outcomes = extract_bills(workspace)
    return record_outcomes(workspace, dag_id="extract_billing", window=window, part="extract", outcomes=outcomes)


def extract_bills(workspace: Workspace) -> list[Outcome]:
    """Bring every changed billing period of the first configured export into the lake."""
    file = workspace.config_folder / "sources.yaml"
    exports = load_sources(file).billing if file.exists() else ()
    if not exports:
        cause = "sources.yaml names no billing export; costs are estimated from list prices"
        return [Outcome(step="extract", subject="billing", status=OutcomeStatus.NOTHING_TO_DO, cause=cause)]
    export = exports[0]
    outcomes = []
    for manifest in list_periods(workspace.clients, export):
        try:
            outcomes.append(_bring_period(workspace, export, manifest))
        except BadExport as error:
            outcomes.append(_bad_period(workspace, export, manifest, error))
        except SourceError as error:
            outcomes.append(_outcome(manifest, OutcomeStatus.FAILED, str(error)))
    return outcomes


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
    present = workspace.lake.read_metadata(bill_path)
    if present is not None and present.fingerprint == manifest.fingerprint and workspace.lake.storage.exists(cost_path):
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
    workspace.lake.write_table(cost_path, TABLES[COST_TABLE], cost[COST_TABLE], fingerprint=manifest.fingerprint)
    return _outcome(manifest, OutcomeStatus.OK)
