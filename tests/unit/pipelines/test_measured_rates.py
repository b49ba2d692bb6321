"""Rates from the hourly marts in a lake: what is read, for whom, and what is made of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.capacity.small_fleet import SLOTS, fleet
from tests.unit.extract.fake_aws import FakeClients

from headroom.capacity import MeasuredRate, RateSource
from headroom.domain.fleet import Bounds, InstanceOption
from headroom.domain.serving import Objective
from headroom.domain.window import DAY, HOUR
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines import replay
from headroom.pipelines.measured_rates import read_measured_rates
from headroom.pipelines.prices import read_market, read_market_and_rates
from headroom.pipelines.replay import replay_policies
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

END = datetime(2026, 11, 18, tzinfo=UTC)
DAYS = 10
FLEETS = (
    fleet(objective=Objective(latency_seconds=1.0), serving=SLOTS),
    replace(fleet(objective=Objective(ttft_seconds=1.0, itl_seconds=0.1)), id="tokens"),
    replace(fleet(objective=Objective(latency_seconds=1.0, percentile=99.9)), id="strict"),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return ten days of five instances that end 10/s each: a request takes 1 / (10 - load) s, 1 s at 9/s."""
    workspace = Workspace(
        fleets=FLEETS,
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )
    load = np.random.default_rng(3).uniform(2.0, 9.5, 24 * DAYS)
    for day in range(DAYS):
        start = END - (DAYS - day) * DAY
        of_day = load[24 * day : 24 * day + 24]
        write_day(workspace, start, of_day, 1.0 / (10.0 - of_day))
    return workspace


def write_day(workspace: Workspace, start: datetime, load: Any, latency: Any) -> None:
    marts = {
        "mart_demand__hourly_by_fleet": {
            "mean_demand_per_second": 5 * load / 1.2,
            "peak_demand_per_second": 5 * load,
            "samples_expected": 12,
            "samples_seen": 12,
            "samples_inferred": 0,
            "censored_fraction": np.where(latency > 1.0, 1 / 12, 0.0),
        },
        "mart_latency__hourly_by_fleet": {"latency_p95_seconds": latency},
        "mart_utilization__hourly_by_fleet": {
            f"instances_in_service_{statistic}": 5.0 for statistic in ("mean", "min", "max")
        },
    }
    for name, columns in marts.items():
        rows: dict[str, Any] = {
            "fleet_id": np.repeat([item.id for item in FLEETS], 24),
            "hour_start_utc": [start + hour * HOUR for hour in range(24)] * len(FLEETS),
        }
        for column, values in columns.items():
            rows[column] = np.tile(np.broadcast_to(values, 24), len(FLEETS))
        schema = TABLES[name].schema
        whole = pa.table({field.name: rows.get(field.name, [None] * 24 * len(FLEETS)) for field in schema}, schema)
        workspace.lake.write_table(settled_path(name, start.date()), TABLES[name], whole, fingerprint="")


def test_a_fleet_is_measured_where_its_objective_is(workspace: Workspace) -> None:
    rates = read_measured_rates(workspace, FLEETS, END)
    chat = rates["chat"]
    assert isinstance(chat, MeasuredRate)
    assert chat.rate_per_second == pytest.approx(9.0, rel=0.03)
    assert (chat.hours, chat.instances) == (240, 5.0)


def test_a_rate_that_history_does_not_tell_has_its_reason(workspace: Workspace) -> None:
    market = read_market_and_rates(workspace, FLEETS, END)
    assert {item.id: market.why_not_measured(item) for item in FLEETS} == {
        "chat": None,
        "tokens": "history has request latency, and the objective is on tokens",
        "strict": "latency is measured up to p99",
    }
    assert market.measured_rates(FLEETS[1]) == {}
    young = read_market_and_rates(workspace, FLEETS, END - (DAYS - 2) * DAY)
    reason = "48 hours of steady instances with demand and latency, and 72 are needed"
    assert young.why_not_measured(FLEETS[0]) == reason


def test_a_rate_stays_the_same_within_a_day(workspace: Workspace) -> None:
    write_day(workspace, END, np.full(24, 3.0), np.full(24, 0.9))  # what nobody knew at the day's start
    assert read_measured_rates(workspace, FLEETS, END + timedelta(hours=7)) == read_measured_rates(
        workspace, FLEETS, END
    )


def test_plans_and_schedules_take_the_measured_rate_and_daily_marts_do_not(workspace: Workspace) -> None:
    chat = FLEETS[0]
    rate = read_market_and_rates(workspace, [chat], END).rate(chat, "g5.xlarge")
    assert rate.source is RateSource.HISTORY
    assert rate.method.startswith("measured on 240 hours at ")
    assert read_market(workspace, [chat], END).sustainable_rate_per_second(chat) == 10.0


def test_a_replay_decides_and_serves_by_the_rate_that_was_measured_at_its_start(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    priced = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=10.0, on_demand_usd_per_hour=1.0)
    chat = replace(FLEETS[0], instance_types=(priced,), bounds=Bounds(min_instances=1, max_instances=20))
    monkeypatch.setattr(replay, "open_workspace", lambda: replace(workspace, fleets=(chat,)))
    start = END - DAY
    replay_policies("chat", f"{start:%FT%T}", f"{start + 2 * HOUR:%FT%T}", ["static_peak"], is_swept=False)
    folder = f"reports/replay/chat/{start:%FT%T}_{start + 2 * HOUR:%FT%T}"
    settings = json.loads(workspace.lake.storage.read_bytes(f"{folder}/replay.json"))["settings"]
    planned = read_market_and_rates(workspace, [chat], start).rate(chat, "g5.xlarge")
    assert planned.source is RateSource.HISTORY
    assert settings["sustainable_rate_per_second"] == planned.rate_per_second
    assert settings["sustainable_rate_method"] == planned.method
    assert settings["service_seconds"] == planned.service_seconds != chat.serving.service_seconds
