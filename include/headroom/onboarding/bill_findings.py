"""Findings about billing exports: whether one is configured, delivered, in Parquet, hourly and by resource."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from headroom.config.sources import BillingExport
from headroom.domain.account import FoundExport
from headroom.onboarding.findings import Finding, Topic, ok, problem, unknown, warning

MAKE_ONE: Final = "make a FOCUS export in Parquet, hourly, with resource ids (Billing console, Data Exports)"
LATE_AFTER: Final = timedelta(days=2)
"""Exports are refreshed at least daily (AWS Data Exports user guide, 2026-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What an export delivered: its billing periods, when the newest manifest was written, whether in Parquet."""

    periods: tuple[date, ...]
    newest_at_utc: datetime | None
    is_parquet: bool


def unconfigured_finding(found: Sequence[FoundExport]) -> Finding:
    """Return that sources.yaml names no export, and which of the account's own it may name."""
    text = "names no billing export: costs are estimated from metrics and list prices"
    usable = next((item for item in found if item.is_parquet and item.is_hourly is not False), None)
    remedy = f"{MAKE_ONE}, and name it under billing"
    if usable is not None:
        remedy = (
            f"name {usable.name} under billing: format {usable.table}, bucket {usable.bucket}, prefix {usable.prefix!r}"
        )
    return warning(Topic.BILLS, "sources.yaml", text, remedy=remedy)


def definition_findings(
    export: BillingExport, found: Sequence[FoundExport], *, unread_cause: str | None
) -> list[Finding]:
    """Return what is amiss with an export's definition; `unread_cause` is why definitions could not be read."""
    place = (export.bucket, export.prefix.strip("/"), export.name)
    known = next((item for item in found if (item.bucket, item.prefix.strip("/"), item.name) == place), None)
    if known is None:
        if unread_cause is not None:
            text = f"whether it is hourly and has resource ids is unknown: {unread_cause}"
            remedy = (
                "allow bcm-data-exports:ListExports and GetExport (docs/iam/read.json), or look in the Billing console"
            )
            return [unknown(Topic.BILLS, export.name, text, remedy=remedy)]
        text = "is not among this account's exports: whether it is hourly and has resource ids cannot be seen from here"
        return [warning(Topic.BILLS, export.name, text, remedy="look in the account that owns it")]
    findings = []
    if known.table != export.format:
        text = f"is a {known.table} export, sources.yaml says {export.format}"
        findings.append(problem(Topic.BILLS, export.name, text, remedy=f"set format: {known.table}"))
    if not known.is_parquet:
        text = "is delivered as CSV, and Parquet alone is read"
        findings.append(problem(Topic.BILLS, export.name, text, remedy=MAKE_ONE))
    if known.is_hourly is False:
        text = "is not hourly: no hour's cost can be known"
        findings.append(problem(Topic.BILLS, export.name, text, remedy=f"granularity cannot be changed: {MAKE_ONE}"))
    if known.has_resource_ids is False:
        text = "has no resource ids: lines are told apart by tags alone"
        findings.append(warning(Topic.BILLS, export.name, text, remedy=MAKE_ONE))
    unsaid = [
        what
        for what, is_so in (("is hourly", known.is_hourly), ("has resource ids", known.has_resource_ids))
        if is_so is None
    ]
    if unsaid:
        text = f"its definition does not say whether it {' and '.join(unsaid)}"
        findings.append(unknown(Topic.BILLS, export.name, text, remedy="look in the Billing console"))
    return findings or [ok(Topic.BILLS, export.name, "is defined in Parquet, hourly, with resource ids")]


def unreadable_finding(export: BillingExport, cause: str) -> Finding:
    """Return that what an export delivers cannot be read."""
    remedy = (
        f"check bucket, prefix, export_name and account in sources.yaml, and s3:ListBucket and s3:GetObject "
        f"on {export.bucket} (docs/iam/read.json)"
    )
    return problem(Topic.BILLS, export.name, f"cannot be read: {cause}", remedy=remedy)


def delivery_findings(export: BillingExport, delivery: Delivery, *, now_utc: datetime) -> list[Finding]:
    """Return whether an export delivers, what, and of late."""
    if not delivery.periods or delivery.newest_at_utc is None:
        text = f"has delivered nothing to s3://{export.bucket}/{export.root}"
        remedy = "wait, a first delivery takes up to a day; if it was made longer ago, check prefix and export_name"
        return [warning(Topic.BILLS, export.name, text, remedy=remedy)]
    findings = []
    if not delivery.is_parquet:
        text = "delivers files that are no Parquet, and Parquet alone is read"
        findings.append(problem(Topic.BILLS, export.name, text, remedy=MAKE_ONE))
    span = f"{len(delivery.periods)} billing periods up to {max(delivery.periods):%Y-%m}"
    text = f"has delivered {span}, last at {delivery.newest_at_utc:%Y-%m-%dT%H:%MZ}"
    if now_utc - delivery.newest_at_utc > LATE_AFTER:
        days = (now_utc - delivery.newest_at_utc).days
        remedy = "look in the Billing console whether the export still runs, and whether it may write to the bucket"
        findings.append(warning(Topic.BILLS, export.name, f"{text}, {days} days ago", remedy=remedy))
    return findings or [ok(Topic.BILLS, export.name, text)]
