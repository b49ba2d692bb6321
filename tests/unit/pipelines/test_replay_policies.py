"""A replay of a fleet's demand in the lake, as the DAG runs it."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.extract.fake_aws import FakeClients

from headroom.config import ConfigError, load_fleets
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines import replay
from headroom.pipelines.replay import ReplayInputError, priced, replay_policies
from headroom.pipelines.replay_demand import demand_from_lake
from headroom.pipelines.windows import WindowError
from headroom.pipelines.workspace import SQL_FOLDER, Workspace
from headroom.simulation.demand_path import Bursts

FLEET = """\
id: chat
region: us-east-1
target: {kind: ec2_auto_scaling_group, name: chat}
demand: {metric: {namespace: App, name: Requests}}
objective: {latency_seconds: 2.0}
serving: {model: slots, service_seconds: 0.4, slots: 4}
instance_types: [{name: g5.xlarge}]
lead_time_seconds: 120
bounds: {min_instances: 1, max_instances: 20}
"""
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
DEMAND, PRICES = TABLES["mart_demand__hourly_by_fleet"], TABLES["on_demand_price"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "fleets.yaml").write_text(FLEET)
    return Workspace(
        fleets=load_fleets(tmp_path / "fleets.yaml"),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )


def save_demand(workspace: Workspace, *rates: float | None) -> None:
    """Write an hour of each rate, the last one ending at 14:00, None for one that nobody saw."""
    rows = [
        {
            "fleet_id": "chat",
            "hour_start_utc": NOON + timedelta(hours=2 + place - len(rates)),
            "mean_demand_per_second": rate,
            "peak_demand_per_second": rate,
            "samples_expected": 12,
            "samples_seen": 0 if rate is None else 12,
        }
        for place, rate in enumerate(rates)
    ]
    frame = pa.Table.from_pylist(rows, schema=DEMAND.schema)
    workspace.lake.write_table(settled_path(DEMAND.name, NOON.date()), DEMAND, frame, fingerprint="")


def save_price(workspace: Workspace, usd_per_hour: str) -> None:
    row = {
        "region": "us-east-1",
        "instance_type": "g5.xlarge",
        "day_utc": date(2026, 11, 18),
        "on_demand_usd_per_hour": Decimal(usd_per_hour),
    }
    table = pa.Table.from_pylist([row], schema=PRICES.schema)
    workspace.lake.write_table(settled_path(PRICES.name, date(2026, 11, 18)), PRICES, table, fingerprint="")


def test_a_replay_of_the_marts_writes_its_report_into_the_lake(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "open_workspace", lambda: workspace)
    save_demand(workspace, 20.0, 30.0, 40.0, 30.0)
    save_price(workspace, "1.006")
    done = replay_policies(
        "chat", "2026-11-18T12:00:00+00:00", "2026-11-18T14:00:00", ["static_peak", "headroom_hybrid"], is_swept=True
    )
    folder = "reports/replay/chat/2026-11-18T12:00:00_2026-11-18T14:00:00"
    assert done == {
        "page": f"{folder}/report.html",
        "played": ["oracle", "oracle_hourly", "static_peak"],
        "refused": {},
    }
    summary = json.loads(workspace.lake.storage.read_bytes(f"{folder}/replay.json"))
    assert summary["settings"]["usd_per_hour"] == 1.006
    assert summary["settings"]["recorded_step_seconds"] == 3600.0
    assert summary["demand"]["requests"] == pytest.approx(70.0 * 3600)  # each hour keeps its mean
    assert summary["policies"]["headroom_hybrid"]["status"] == "open"
    assert {point["policy"] for point in summary["frontier"]} == {"oracle", "static_peak"}
    rows = pd.read_parquet(io.BytesIO(workspace.lake.storage.read_bytes(f"{folder}/capacity.parquet")))
    assert rows.groupby("policy", observed=True).size().to_dict() == dict.fromkeys(done["played"], 120)


def test_history_counts_from_its_last_gap_on(workspace: Workspace) -> None:
    save_demand(workspace, 10.0, None, 20.0, 30.0, 40.0)
    (fleet,) = workspace.fleets
    demand = demand_from_lake(workspace, fleet, start_utc=NOON, end_utc=NOON + timedelta(hours=2))
    assert demand.rate_per_second.tolist() == [20.0, 30.0, 40.0]
    assert demand.stamps_utc[0] == np.datetime64("2026-11-18T11:00:00")


def save_samples(workspace: Workspace, *hours: list[float | None]) -> None:
    """Write the requests of each 5 minutes of the hours before 14:00, None for a sample that is not there."""
    rows = [
        {
            "fleet_id": "chat",
            "metric": "demand_count",
            "timestamp_utc": NOON + timedelta(hours=2 + place - len(hours), minutes=5 * position),
            "period_seconds": 300,
            "value": count,
        }
        for place, counts in enumerate(hours)
        for position, count in enumerate(counts)
        if count is not None
    ]
    table = TABLES["metric_sample"]
    frame = pa.Table.from_pylist(rows, schema=table.schema)
    workspace.lake.write_table(settled_path(table.name, NOON.date()), table, frame, fingerprint="")


def test_demand_comes_in_the_bins_that_have_its_peaks(workspace: Workspace) -> None:
    # 10 a second but for five minutes of 40, and one sample that nobody has: the hour's mean, 10 or (10 x 10 + 40) / 11
    save_demand(workspace, 10.0, 140.0 / 11)
    save_samples(workspace, [3000.0] * 12, [3000.0] * 5 + [12000.0, None] + [3000.0] * 5)
    (fleet,) = workspace.fleets
    start = NOON + timedelta(hours=1)
    demand = demand_from_lake(workspace, fleet, start_utc=start, end_utc=start + timedelta(hours=1))
    assert demand.source == "int_demand__5min"
    assert demand.rate_per_second == pytest.approx([10.0] * 17 + [40.0, 140.0 / 11] + [10.0] * 5)
    known = demand.record(Bursts()).hourly("chat", start + timedelta(hours=1))
    assert known.peak_per_second == pytest.approx([10.0, 40.0])  # what the mart has and production plans from


def test_demand_comes_by_the_hour_where_samples_are_kept_no_longer(workspace: Workspace) -> None:
    save_demand(workspace, 10.0, 20.0, 30.0)
    save_samples(workspace, [6000.0] * 12, [9000.0] * 12)  # of the last two of three hours
    (fleet,) = workspace.fleets
    demand = demand_from_lake(workspace, fleet, start_utc=NOON, end_utc=NOON + timedelta(hours=2))
    assert demand.source == "mart_demand__hourly_by_fleet"
    assert demand.rate_per_second.tolist() == [10.0, 20.0, 30.0]


def test_an_hour_that_nobody_saw_is_not_played(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "open_workspace", lambda: workspace)
    save_price(workspace, "1.006")
    save_demand(workspace, 20.0, 30.0, None, 30.0)
    with pytest.raises(
        ReplayInputError, match=r"chat: expected demand in every hour played, found none in 2026-11-18T12"
    ):
        replay_policies("chat", "2026-11-18T12:00:00", "2026-11-18T14:00:00", [], is_swept=False)


def test_a_fleet_without_demand_price_or_entry_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "open_workspace", lambda: workspace)
    span = ("2026-11-18T12:00:00", "2026-11-18T14:00:00", [])
    with pytest.raises(ConfigError, match="no fleet 'other'; known are chat"):
        replay_policies("other", *span, is_swept=False)
    with pytest.raises(WindowError, match="start: window '2026-11-18T12:30:00': expected the start of an hour"):
        replay_policies("chat", "2026-11-18T12:30:00", span[1], [], is_swept=False)
    with pytest.raises(
        ReplayInputError, match=r"g5\.xlarge has no on_demand_usd_per_hour, and the lake no price of it"
    ):
        replay_policies("chat", *span, is_swept=False)
    save_price(workspace, "1.006")
    with pytest.raises(ReplayInputError, match="chat: no hour of its demand is known before 2026-11-18T14:00:00Z"):
        replay_policies("chat", *span, is_swept=False)


def test_a_price_of_the_lake_that_cannot_be_is_told_with_type_region_and_time(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "open_workspace", lambda: workspace)
    save_demand(workspace, 20.0, 30.0, 40.0, 30.0)
    save_price(workspace, "0")
    with pytest.raises(ReplayInputError) as caught:
        replay_policies("chat", "2026-11-18T12:00:00", "2026-11-18T14:00:00", [], is_swept=False)
    assert str(caught.value) == (
        "fleets.yaml: instance_types: g5.xlarge: the lake's price of it in us-east-1 as of 2026-11-18T12:00:00Z cannot "
        "be: on_demand_usd_per_hour must be above 0, found 0.0; set it beside the type"
    )


@pytest.mark.parametrize(
    ("span", "policies", "said"),
    [
        (
            ("2026-11-18T14:00:00", "2026-11-18T12:00:00"),
            [],
            "start, end: expected a start before the end, found 2026-",
        ),
        (
            ("2026-11-18T12:00:00", "2026-11-18T12:00:00"),
            [],
            "start, end: expected a start before the end, found 2026-",
        ),
        (("0001-01-01T00:00:00", "2026-11-18T14:00:00"), [], "start: window '0001-01-01T00:00:00': expected a time"),
        (
            ("2026-11-18T12:00:00", "9999-12-31T23:00:00"),
            [],
            "end: window '9999-12-31T23:00:00': expected a time from 2000",
        ),
        (("", "2026-11-18T14:00:00"), [], "start: expected a UTC time on the hour such as 2026-11-18T05:00:00, found"),
        (
            ("2026-11-18T10:00:00", "2026-11-18T14:00:00"),
            [],
            "start: expected at least one whole hour of demand before",
        ),
        (
            ("2026-11-18T12:00:00", "2026-11-18T14:00:00"),
            ["magic"],
            "policies: no policy 'magic'; known are static_peak",
        ),
    ],
)
def test_a_fault_is_told_by_the_name_of_its_param(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, span: tuple[str, str], policies: list[str], said: str
) -> None:
    save_demand(workspace, 20.0, 30.0, 40.0, 30.0)
    today = replace(workspace.fleets[0].current_type, on_demand_usd_per_hour=1.0)
    priced_fleet = replace(workspace.fleets[0], instance_types=(today,))
    monkeypatch.setattr(replay, "open_workspace", lambda: replace(workspace, fleets=(priced_fleet,)))
    with pytest.raises((ReplayInputError, WindowError)) as caught:
        replay_policies("chat", *span, policies, is_swept=False)
    assert str(caught.value).startswith(said)


def test_the_lake_is_not_opened_where_the_fleets_file_names_the_prices(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        FLEET.replace("{name: g5.xlarge}", "{name: g5.xlarge, on_demand_usd_per_hour: 2}")
    )
    (fleet,) = load_fleets(tmp_path / "own.yaml")

    def refuse() -> Workspace:
        raise AssertionError

    assert priced(fleet, NOON, refuse, name="own.yaml") == fleet
