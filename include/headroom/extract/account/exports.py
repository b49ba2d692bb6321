"""Billing exports that an account has (AWS Data Exports): table, place, and whether hourly and by resource."""

from collections.abc import Mapping
from typing import Any

from headroom.domain.account import FoundExport, Place
from headroom.extract.account.attempts import Attempts

BILLING_REGION = "us-east-1"
"""Data Exports answers here alone (AWS Data Exports user guide, 2026-11)."""
TABLES_READ = {"COST_AND_USAGE_REPORT": "cur2", "FOCUS_1_0_AWS": "focus", "FOCUS_1_2_AWS": "focus"}
"""Tables of exports, and the format by which sources.yaml names each."""


def read_exports(attempts: Attempts, account: str) -> list[FoundExport]:
    """Return the account's exports of bill lines, by name."""
    place = Place(account=account, region=BILLING_REGION)
    listed = attempts.rows(place, "bcm-data-exports", "list_exports", "Exports", lost="which billing exports there are")
    found = []
    for item in sorted(listed, key=lambda row: str(row["ExportName"])):
        arn = item["ExportArn"]

        def read(arn: str = arn) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = attempts.client("bcm-data-exports", place).get_export(ExportArn=arn)
            return answer

        nothing: Mapping[str, Any] = {}
        described = attempts.value(
            place, "bcm-data-exports get_export", read, lost=f"what {item['ExportName']} holds", otherwise=nothing
        )
        export = _export(described.get("Export", {}))
        if export is not None:
            found.append(export)
    return found


def _export(export: Mapping[str, Any]) -> FoundExport | None:
    query = export.get("DataQuery", {})
    configurations = query.get("TableConfigurations", {})
    statement = str(query.get("QueryStatement", ""))
    table = next((name for name in TABLES_READ if name in configurations or name in statement), None)
    if table is None:
        return None
    settings = configurations.get(table, {})
    s3 = export.get("DestinationConfigurations", {}).get("S3Destination", {})
    output = s3.get("S3OutputConfigurations", {})
    resources = settings.get("INCLUDE_RESOURCES")
    granularity = settings.get("TIME_GRANULARITY")
    is_focus = TABLES_READ[table] == "focus"
    return FoundExport(
        name=str(export.get("Name", "")),
        bucket=str(s3.get("S3Bucket", "")),
        prefix=str(s3.get("S3Prefix", "")),
        region=str(s3.get("S3Region", BILLING_REGION)),
        table=TABLES_READ[table],
        is_parquet=output.get("Format") == "PARQUET",
        # FOCUS has charges by hour and by resource always.
        is_hourly=True if is_focus and granularity is None else granularity == "HOURLY" if granularity else None,
        has_resource_ids=True if is_focus and resources is None else resources == "TRUE" if resources else None,
    )
