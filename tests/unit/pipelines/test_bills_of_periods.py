"""Billing periods on their way into the lake: late charges, and exports and manifests that are passed over."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.extract.bills import FOCUS, FOCUS_SCHEMA, deliver, focus_line, parquet
from tests.unit.extract.fake_aws import FakeClients, FakeS3

from headroom.config import load_fleets
from headroom.lake.lake import Lake
from headroom.lake.layout import period_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines.billing import COST_TABLE, extract_bills
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

FLEET = """\
id: chat-large
target: {kind: ec2_auto_scaling_group, name: chat-large}
demand: {metric: {namespace: AWS/ApplicationELB, name: RequestCount}}
objective: {latency_seconds: 2.0}
serving: {model: slots, service_seconds: 0.4}
instance_types: [{name: g5.12xlarge}]
lead_time_seconds: 300
bounds: {min_instances: 2, max_instances: 60}
billing: {tags: {fleet: chat-large}}
"""
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def workspace(tmp_path: Path, s3: FakeS3) -> Workspace:
    (tmp_path / "fleets.yaml").write_text(FLEET)
    sources = "billing:\n  - {format: focus, bucket: bills, prefix: exports, export_name: focus}\n"
    (tmp_path / "sources.yaml").write_text(sources)
    return Workspace(
        fleets=load_fleets(tmp_path / "fleets.yaml"),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({"s3": s3}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )


def line_of(*, period: date, charged: datetime, usd: float) -> dict[str, Any]:
    following = {OCTOBER: NOVEMBER, NOVEMBER: date(2026, 12, 1)}[period]
    return focus_line(
        BillingPeriodStart=datetime(period.year, period.month, 1),  # noqa: DTZ001, AWS writes timestamps without a zone
        BillingPeriodEnd=datetime(following.year, following.month, 1),  # noqa: DTZ001, as above
        ChargePeriodStart=charged,
        ChargePeriodEnd=charged.replace(hour=charged.hour + 1),
        BilledCost=usd,
        EffectiveCost=usd,
    )


def costs(workspace: Workspace, period: date) -> dict[datetime, Decimal]:
    rows = workspace.lake.read_table(period_path(COST_TABLE, period))
    assert rows is not None
    return {row["hour_start_utc"]: row["effective_cost"] for row in rows.to_pylist()}


@pytest.mark.thorough
def test_a_charge_that_comes_with_the_next_bill_is_in_the_cost_of_its_own_hour(
    workspace: Workspace, s3: FakeS3
) -> None:
    last_hour = datetime(2026, 10, 31, 22)  # noqa: DTZ001, as AWS writes it
    october = parquet([line_of(period=OCTOBER, charged=last_hour, usd=5.0)], FOCUS_SCHEMA)
    deliver(s3.put, FOCUS, [october], period="2026-10")
    assert {outcome.status.value for outcome in extract_bills(workspace)} == {"ok"}
    assert costs(workspace, OCTOBER) == {last_hour.replace(tzinfo=UTC): Decimal("5.0000000000")}

    late = line_of(period=NOVEMBER, charged=last_hour, usd=0.5)
    own_hour = datetime(2026, 11, 1, 3)  # noqa: DTZ001, as AWS writes it
    november = parquet([late, line_of(period=NOVEMBER, charged=own_hour, usd=7.0)], FOCUS_SCHEMA)
    deliver(s3.put, FOCUS, [november], period="2026-11")
    found = {outcome.subject: outcome.status.value for outcome in extract_bills(workspace)}
    assert found == {"billing 2026-10": "nothing_to_do", "billing 2026-11": "ok"}
    assert costs(workspace, OCTOBER) == {last_hour.replace(tzinfo=UTC): Decimal("5.5000000000")}
    assert costs(workspace, NOVEMBER) == {own_hour.replace(tzinfo=UTC): Decimal("7.0000000000")}


def test_a_damaged_bill_in_the_lake_is_read_again_from_the_export(workspace: Workspace, s3: FakeS3) -> None:
    hour = datetime(2026, 11, 1, 3)  # noqa: DTZ001, as AWS writes it
    deliver(s3.put, FOCUS, [parquet([line_of(period=NOVEMBER, charged=hour, usd=7.0)], FOCUS_SCHEMA)])
    extract_bills(workspace)
    path = period_path("billing_line", NOVEMBER)
    whole = workspace.lake.storage.read_bytes(path)
    workspace.lake.storage.write_bytes(path, whole[:100])

    assert [outcome.status.value for outcome in extract_bills(workspace)] == ["ok"]
    assert workspace.lake.storage.read_bytes(path) == whole
    assert [damaged.path for damaged in workspace.lake.damaged] == [path]


def test_one_bad_manifest_and_a_second_export_are_said_and_the_others_are_read(
    workspace: Workspace, s3: FakeS3
) -> None:
    hour = datetime(2026, 11, 1, 3)  # noqa: DTZ001, as AWS writes it
    deliver(s3.put, FOCUS, [parquet([line_of(period=NOVEMBER, charged=hour, usd=7.0)], FOCUS_SCHEMA)])
    s3.put(f"{FOCUS.root}metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", b"{")
    sources = workspace.config_folder / "sources.yaml"
    second = "  - {format: cur2, bucket: bills, prefix: exports, export_name: cur}\n"
    sources.write_text(sources.read_text() + second)

    found = {outcome.subject: outcome for outcome in extract_bills(workspace)}
    assert {subject: outcome.status.value for subject, outcome in found.items()} == {
        "billing export cur": "nothing_to_do",
        "billing 2026-10": "failed",
        "billing 2026-11": "ok",
    }
    assert "focus-Manifest.json: expected JSON" in found["billing 2026-10"].cause
    assert "the first in sources.yaml alone is the bill" in found["billing export cur"].cause
