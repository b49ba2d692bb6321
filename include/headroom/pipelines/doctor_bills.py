"""What the doctor looks at about bills: exports as the account defines them, and what the configured ones deliver."""

from collections.abc import Sequence
from datetime import datetime

from headroom.config.sources import BillingExport
from headroom.domain.account import Identity, Place
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.exports import BILLING_REGION, read_exports
from headroom.extract.account.patience import ImpatientClients
from headroom.extract.account.read_probes import probes_of_account, try_reading
from headroom.extract.billing import list_periods
from headroom.extract.clients import Clients
from headroom.extract.errors import BadExport, SourceError
from headroom.onboarding.access_findings import permission_findings
from headroom.onboarding.bill_findings import (
    Delivery,
    definition_findings,
    delivery_findings,
    unconfigured_finding,
    unreadable_finding,
)
from headroom.onboarding.findings import Finding, Topic
from headroom.pipelines.doctor_checks import standing_alone


def examine_bills(
    clients: Clients, exports: Sequence[BillingExport], *, own: Identity, now_utc: datetime
) -> list[Finding]:
    """Return what is amiss with billing exports: their definitions, and what they delivered."""
    patient = ImpatientClients(clients, is_own=True)
    attempts = Attempts(patient)
    place = Place(account=own.account, region=BILLING_REGION)
    findings = permission_findings(f"exports of {own.account}", try_reading(patient, place, probes_of_account(own)))
    found = read_exports(attempts, own.account)
    if not exports:
        findings.append(unconfigured_finding(found))
    unread_cause = next((item.cause for item in attempts.unread), None)
    for export in exports:
        findings += definition_findings(export, found, unread_cause=unread_cause)
        findings += standing_alone(Topic.BILLS, export.name, _delivery, clients, export, now_utc)
    return findings


def _delivery(clients: Clients, export: BillingExport, now_utc: datetime) -> list[Finding]:
    bad: list[Finding] = []

    def note(period: str, error: BadExport) -> None:
        bad.append(unreadable_finding(export, f"period {period}: {error}"))

    try:
        manifests = list_periods(clients, export, on_bad=note)
    except SourceError as error:
        return [unreadable_finding(export, str(error))]
    delivery = Delivery(
        periods=tuple(manifest.period_start for manifest in manifests),
        newest_at_utc=max((manifest.delivered_at_utc for manifest in manifests), default=None),
        is_parquet=all(file.endswith(".parquet") for manifest in manifests for file in manifest.files),
    )
    return bad + ([] if bad and not manifests else delivery_findings(export, delivery, now_utc=now_utc))
