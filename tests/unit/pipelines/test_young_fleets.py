"""Fleets with little or no history: what a forecast rests on, and what is said where there is nothing to rest on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.extract.fake_aws import FakeClients

from headroom.config import load_fleets
from headroom.domain.window import Window
from headroom.forecasting.series import ForecastError
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import demand_histories, inputs_hash
from headroom.pipelines.forecasts import forecast_from, known_history
from headroom.pipelines.report import build_run_report
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

FLEET = """\
id: chat-large
target: {kind: ec2_auto_scaling_group, name: chat-large}
demand: {metric: {namespace: %s, name: RequestCount}}
objective: {latency_seconds: 2.0}
serving: {model: slots, service_seconds: 0.4}
instance_types: [{name: g5.12xlarge}]
lead_time_seconds: 300
bounds: {min_instances: 2, max_instances: 60}
"""
END = datetime(2026, 11, 18, 6, tzinfo=UTC)
DEMAND = TABLES["mart_demand__hourly_by_fleet"]


def workspace_in(folder: Path, *, namespace: str = "AWS/ApplicationELB") -> Workspace:
    (folder / "fleets.yaml").write_text(FLEET % namespace)
    return Workspace(
        fleets=load_fleets(folder / "fleets.yaml"),
        config_folder=folder,
        lake=Lake(LocalStorage(folder / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
    )


def save_demand(workspace: Workspace, *, hours: int, rate: Any = lambda hour: 40.0 + 10.0 * (hour.hour % 12)) -> None:
    """Write `hours` hours of demand that end at END."""
    days: dict[Any, list[dict[str, Any]]] = {}
    for ago in range(hours, 0, -1):
        hour = END - timedelta(hours=ago)
        row = {
            "fleet_id": "chat-large",
            "hour_start_utc": hour,
            "mean_demand_per_second": rate(hour),
            "peak_demand_per_second": rate(hour) * 1.2,
            "samples_expected": 12,
            "samples_seen": 12,
        }
        days.setdefault(hour.date(), []).append(row)
    for day, rows in days.items():
        frame = pa.Table.from_pylist(rows, schema=DEMAND.schema)
        workspace.lake.write_table(settled_path(DEMAND.name, day), DEMAND, frame, fingerprint="")


def forecast_of(workspace: Workspace) -> Any:
    (fleet,) = workspace.fleets
    history = known_history(demand_histories(workspace, workspace.fleets, END), fleet)
    return forecast_from(workspace, fleet, history, made_at_utc=END, horizon_hours=72)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (14, "14 hours seen, under a day: their median, drawn towards the hour a day before"),
        (30, "30 hours seen, under two days: the day before"),
    ],
)
def test_a_young_fleet_is_forecast_and_its_note_says_from_how_little(tmp_path: Path, hours: int, said: str) -> None:
    workspace = workspace_in(tmp_path)
    save_demand(workspace, hours=hours)

    forecast = forecast_of(workspace)

    assert said in forecast.note
    assert forecast.peak_quantiles_per_second.shape == (72, 13)
    assert (forecast.peak_quantiles_per_second > 0).all()


def test_three_days_are_enough_for_the_members(tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path)
    save_demand(workspace, hours=72)

    forecast = forecast_of(workspace)

    assert "hours seen" not in forecast.note
    assert len(forecast.members) >= 1


@pytest.mark.parametrize(
    ("hours", "text", "is_short"),
    [(14, "14 hours of demand", True), (30, "30 hours of demand", True), (72, "3.0 days of demand", False)],
)
def test_the_report_of_a_run_tells_how_much_history_there_is(
    tmp_path: Path, hours: int, text: str, *, is_short: bool
) -> None:
    workspace = workspace_in(tmp_path)
    save_demand(workspace, hours=hours)

    (section,) = build_run_report(workspace, Window.hour_of(END - timedelta(hours=1))).fleets

    assert section.history_span is not None
    assert str(section.history_span) == text
    assert section.history_span.is_short is is_short


def test_without_any_hour_the_cause_says_so(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"no hour of its demand is known; backfill settle_days"):
        forecast_of(workspace_in(tmp_path))


def test_a_metric_that_is_left_out_at_zero_and_never_came_is_not_taken_for_an_idle_fleet(tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path)
    save_demand(workspace, hours=30, rate=lambda _: 0.0)

    with pytest.raises(ForecastError, match=r"RequestCount had no sample in 30 hours.*name or dimensions .* are wrong"):
        forecast_of(workspace)


def test_zeros_that_a_source_did_publish_are_believed(tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path, namespace="Platform/Demand")
    save_demand(workspace, hours=30, rate=lambda _: 0.0)

    assert "no demand in any hour seen" in forecast_of(workspace).note


def test_which_hours_were_saturated_comes_out_of_the_mart_with_the_demand(tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path)
    saturated = END - timedelta(hours=3)
    rows = [
        {
            "fleet_id": "chat-large",
            "hour_start_utc": END - timedelta(hours=ago),
            "mean_demand_per_second": 40.0,
            "peak_demand_per_second": 50.0,
            "samples_expected": 12,
            "samples_seen": 12,
            "censored_fraction": 0.75 if END - timedelta(hours=ago) == saturated else 0.0,
        }
        for ago in (5, 3, 2)  # the hours 4 and 1 before were not seen
    ]
    frame = pa.Table.from_pylist(rows, schema=DEMAND.schema)
    workspace.lake.write_table(settled_path(DEMAND.name, END.date()), DEMAND, frame, fingerprint="")
    history = demand_histories(workspace, workspace.fleets, END)["chat-large"]
    assert history.censored_fraction is not None
    assert history.censored_fraction[[0, 2, 3]].tolist() == [0.0, 0.75, 0.0]
    untold = replace(history, censored_fraction=None)
    assert inputs_hash(history) != inputs_hash(untold)
