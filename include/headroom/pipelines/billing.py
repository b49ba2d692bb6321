"""Bills: a changed manifest replaces its billing period whole, and then the cost marts of the hours it is about.

A charge that comes late stands in the bill of the period after: the cost of a period is made from both.
"""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from headroom.config.sources import BillingExport, load_sources
from headroom.domain.window import Window
from headroom.extract.billing import ExportManifest, fetch_file, list_periods, read_period
from headroom.extract.errors import BadExport, SourceError
from headroom.lake.errors import LakeError
from headroom.lake.layout import period_path
from headroom.lake.paths import file_name
from headroom.lake.tables import TABLES
from headroom.pipelines.gates import pass_gate
from headroom.pipelines.marts import run_marts
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.workspace import Workspace
from headroom.quality import quarantine, unreadable

COST_TABLE = "mart_cost__hourly_by_fleet"
BILL_TABLE = "billing_line"
_ESTIMATED = "costs are estimated from list prices (docs/estimates.md)"
_ONE_EXPORT = "not read: two exports may hold the same lines, so the first in sources.yaml alone is the bill"


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
        cause = f"{file.name} names no billing export; {_ESTIMATED}"
        return [Outcome(step="extract", subject="billing", status=OutcomeStatus.NOTHING_TO_DO, cause=cause)]
    export, *others = exports
    outcomes = [
        Outcome(
            step="extract",
            subject=f"billing export {other.name}",
            status=OutcomeStatus.NOTHING_TO_DO,
            cause=_ONE_EXPORT,
        )
        for other in others
    ]

    def note_bad(period: str, error: BadExport) -> None:
        subject = f"billing {period}"
        outcomes.append(Outcome(step="extract", subject=subject, status=OutcomeStatus.FAILED, cause=str(error)))

    manifests = list_periods(workspace.clients, export, on_bad=note_bad)
    if not manifests and not any(outcome.is_bad for outcome in outcomes):
        cause = f"export {export.name} has delivered nothing yet, the first takes up to a day; {_ESTIMATED}"
        outcomes.append(Outcome(step="extract", subject="billing", status=OutcomeStatus.NOTHING_TO_DO, cause=cause))
    outcomes += [_try_period(workspace, export, manifest) for manifest in manifests]
    return outcomes + [failed for manifest in manifests if (failed := _try_cost(workspace, manifest))]


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
    path = f"{period_path(BILL_TABLE, manifest.period_start)}.{file_name(error.key.rsplit('/', 1)[-1])}"
    content = fetch_file(workspace.clients, export, error.key)
    kept = quarantine(workspace.lake, path, content, unreadable(BILL_TABLE, str(error)))
    return _outcome(manifest, OutcomeStatus.QUARANTINED, f"{error}; kept as {kept}")


def _bring_period(workspace: Workspace, export: BillingExport, manifest: ExportManifest) -> Outcome:
    path = period_path(BILL_TABLE, manifest.period_start)
    if _fingerprint(workspace, path) == manifest.fingerprint:
        return _outcome(manifest, OutcomeStatus.NOTHING_TO_DO, "unchanged")
    frame = read_period(workspace.clients, export, manifest)
    rejection = pass_gate(workspace, TABLES[BILL_TABLE], frame, path=path, window=_month(manifest.period_start))
    if rejection:
        return _outcome(manifest, OutcomeStatus.QUARANTINED, rejection)
    workspace.lake.write_table(path, TABLES[BILL_TABLE], frame, fingerprint=manifest.fingerprint)
    return _outcome(manifest, OutcomeStatus.OK)


def _try_cost(workspace: Workspace, manifest: ExportManifest) -> Outcome | None:
    """Write the cost mart of the period where a bill with its charges has changed; return an outcome if it fails."""
    span = _month(manifest.period_start)
    following = _month(span.end_utc.date())
    bills = [period_path(BILL_TABLE, period.day) for period in (span, following)]
    path = period_path(COST_TABLE, span.day)
    try:
        fingerprints = [_fingerprint(workspace, bill) for bill in bills]
        fingerprint = "/".join([*(found or "none" for found in fingerprints), _tags_hash(workspace)])
        if fingerprints[0] is None or _fingerprint(workspace, path) == fingerprint:
            return None
        files_of = Window(span.start_utc, following.end_utc)
        cost = run_marts(workspace, workspace.fleets, span, marts=(COST_TABLE,), files_of=files_of)
        workspace.lake.write_table(path, TABLES[COST_TABLE], cost[COST_TABLE], fingerprint=fingerprint)
    except LakeError as error:
        subject = f"billing {span.day:%Y-%m}"
        return Outcome(step="cost", subject=subject, status=OutcomeStatus.FAILED, cause=str(error))
    return None


def _month(day: date) -> Window:
    """Return the billing period that `day` lies in."""
    start = datetime(day.year, day.month, 1, tzinfo=UTC)
    return Window(start, (start + timedelta(days=31)).replace(day=1))


def _fingerprint(workspace: Workspace, path: str) -> str | None:
    present = workspace.lake.read_metadata(path)
    return present.fingerprint if present else None


def _tags_hash(workspace: Workspace) -> str:
    """Return a hash of which lines are whose: a new fleet or corrected tags make the cost mart anew."""
    tags = {fleet.id: fleet.billing.tags for fleet in workspace.fleets if fleet.billing is not None}
    return hashlib.sha256(json.dumps(tags, sort_keys=True).encode()).hexdigest()[:16]
