"""Many fleets in their first hour: who gets a full forecast at once, who a provisional one, and what is kept; and when
a kept choice is made anew before its time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.fleet_entries import GROUP_ENTRY
from tests.unit.extract.fake_aws import FakeClients
from tests.unit.forecasting.demand_examples import shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.config import load_fleets
from headroom.domain.demand import DemandForecast
from headroom.domain.window import HOUR, Window
from headroom.forecasting.fleet_forecast import PROVISIONAL_NOTE
from headroom.forecasting.selection import Selection
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path, settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import FORECAST_TABLE, demand_histories, forecast_rows
from headroom.pipelines.forecasts import (
    CHOICES_BEFORE_PUSH,
    forecast_fleets,
    read_forecasts,
    refit_fleets,
)
from headroom.pipelines.kept_selections import newest_selection
from headroom.pipelines.outcomes import OutcomeStatus
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

pytestmark = pytest.mark.thorough

END = datetime(2026, 11, 18, tzinfo=UTC)
LAST_HOUR = Window(END - HOUR, END)
DAYS = 9
CHUNK = 0
FLEETS = ("fleet-006", "fleet-026", "fleet-042", "fleet-046", "fleet-061", "fleet-095")


class FakeSts:
    """Tells the cloud's clock."""

    def get_caller_identity(self) -> dict[str, Any]:
        date = format_datetime(END + timedelta(minutes=5), usegmt=True)
        return {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "fleets.yaml").write_text("fleets:\n" + "".join(GROUP_ENTRY.format(name=name) for name in FLEETS))
    workspace = Workspace(
        fleets=load_fleets(tmp_path / "fleets.yaml"),
        config_folder=tmp_path,
        lake=Lake(LocalStorage(tmp_path / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({"sts": FakeSts()}),
        deployment="test",
        warehouse_path=tmp_path / "warehouse.duckdb",
    )
    assert {chunk_of(name) for name in FLEETS} == {CHUNK}
    table = TABLES["mart_demand__hourly_by_fleet"]
    demand = shaped_demand(24 * DAYS)
    for day in range(DAYS):
        start = END - timedelta(days=DAYS - day)
        hours = [start + hour * HOUR for hour in range(24)]
        mean = np.tile(demand[24 * day : 24 * day + 24], len(FLEETS))
        rows = {
            "fleet_id": np.repeat(FLEETS, 24),
            "hour_start_utc": hours * len(FLEETS),
            "mean_demand_per_second": mean,
            "peak_demand_per_second": mean * 1.2,
            "samples_expected": [12] * len(mean),
            "samples_seen": [12] * len(mean),
            "samples_inferred": [0] * len(mean),
            "censored_fraction": [0.0] * len(mean),
        }
        path = settled_path(table.name, start.date())
        workspace.lake.write_table(path, table, pa.table(rows, schema=table.schema), fingerprint="")
    return workspace


def chosen(workspace: Workspace) -> list[str]:
    return sorted({path.split("/")[1] for path in workspace.lake.storage.list("selections")})


def test_a_chunk_of_new_fleets_is_served_at_once_and_chooses_after_the_push(workspace: Workspace) -> None:
    outcomes = forecast_fleets(workspace, LAST_HOUR, CHUNK)

    assert {item.status for item in outcomes} == {OutcomeStatus.OK}
    known = read_forecasts(workspace, LAST_HOUR, CHUNK)
    assert sorted(known) == sorted(FLEETS)
    provisional = [name for name in FLEETS if PROVISIONAL_NOTE in known[name].forecast.note]
    assert provisional == list(FLEETS[CHOICES_BEFORE_PUSH:])
    assert chosen(workspace) == list(FLEETS[:CHOICES_BEFORE_PUSH])

    refitted = {item.subject: item.status for item in refit_fleets(workspace, LAST_HOUR, CHUNK)}

    assert [name for name in FLEETS if refitted[name] is OutcomeStatus.OK] == provisional
    assert chosen(workspace) == list(FLEETS)


def test_after_days_without_a_run_fits_are_made_anew_for_few_fleets_only_before_the_push(workspace: Workspace) -> None:
    early = Window(LAST_HOUR.start_utc - timedelta(days=3), LAST_HOUR.end_utc - timedelta(days=3))
    refit_fleets(workspace, early, CHUNK)
    assert chosen(workspace) == list(FLEETS)

    forecast_fleets(workspace, LAST_HOUR, CHUNK)

    known = read_forecasts(workspace, LAST_HOUR, CHUNK)
    provisional = [name for name in FLEETS if PROVISIONAL_NOTE in known[name].forecast.note]
    assert provisional == list(FLEETS[CHOICES_BEFORE_PUSH:])


def test_a_forecast_that_an_older_version_made_is_kept_beside_those_with_parts(workspace: Workspace) -> None:
    workspace = replace(workspace, fleets=workspace.fleets[:2])
    forecast_fleets(workspace, LAST_HOUR, CHUNK)
    path = hourly_path(FORECAST_TABLE, LAST_HOUR.start_utc, chunk_name(CHUNK))
    rows = workspace.lake.read_table(path)
    assert rows is not None
    gained = [name for name in rows.column_names if name.endswith(("trend_per_second", "explanation"))]
    first = rows.filter(pc.equal(rows["fleet_id"], FLEETS[0])).drop_columns(gained)
    sink = pa.BufferOutputStream()
    pq.write_table(first, sink)
    workspace.lake.storage.write_bytes(path, sink.getvalue().to_pybytes())

    outcomes = forecast_fleets(workspace, LAST_HOUR, CHUNK)

    assert {item.status for item in outcomes} == {OutcomeStatus.OK}
    known = read_forecasts(workspace, LAST_HOUR, CHUNK)
    assert [name for name in FLEETS[:2] if known[name].forecast.mean_parts_per_second is None] == [FLEETS[0]]
    assert known[FLEETS[1]].forecast.explanation.startswith("The level is ")


def save_forecasts(workspace: Workspace, made_at: datetime, factors: dict[str, float]) -> None:
    """Write forecasts of each fleet's next hour, with a band of 10 %, that are so many times what came."""
    band = np.linspace(0.8, 1.2, len(QUANTILE_LEVELS))
    made = []
    for name, history in demand_histories(workspace, workspace.fleets, made_at + HOUR).items():
        quantiles = factors[name] * history.peak_per_second[-1] * band[np.newaxis]
        forecast = DemandForecast(
            fleet_id=name,
            made_at_utc=made_at,
            hours=history.hours[-1:],
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={},
        )
        made.append((forecast, ""))
    path = hourly_path(FORECAST_TABLE, made_at - HOUR, chunk_name(CHUNK))
    workspace.lake.write_table(path, TABLES[FORECAST_TABLE], forecast_rows(made), fingerprint="")


def test_a_fleet_whose_demand_leaves_its_forecasts_is_served_wider_and_chooses_anew(workspace: Workspace) -> None:
    drifting, steady = FLEETS[:2]
    few = replace(workspace, fleets=workspace.fleets[:2])
    early = Window(LAST_HOUR.start_utc - 4 * HOUR, LAST_HOUR.end_utc - 4 * HOUR)
    refit_fleets(few, early, CHUNK)
    for hours_ago in (3, 2, 1):
        save_forecasts(few, END - hours_ago * HOUR, {drifting: 0.5, steady: 1.0})

    forecast_fleets(few, LAST_HOUR, CHUNK)
    known = read_forecasts(few, LAST_HOUR, CHUNK)
    assert "demand has drifted above its forecasts for 3 h" in known[drifting].forecast.note
    assert "drifted" not in known[steady].forecast.note
    wide, usual = (known[name].forecast for name in (drifting, steady))
    assert (wide.peak_at_level(0.9) > usual.peak_at_level(0.9)).all()

    refitted = {item.subject: item.status for item in refit_fleets(few, LAST_HOUR, CHUNK)}
    assert refitted == {drifting: OutcomeStatus.OK, steady: OutcomeStatus.NOTHING_TO_DO}
    again = {item.subject: item.status for item in refit_fleets(few, LAST_HOUR, CHUNK)}
    assert again == dict.fromkeys(refitted, OutcomeStatus.NOTHING_TO_DO)  # the new choice knows of the drift


def test_members_are_fitted_daily_and_chosen_weekly(workspace: Workspace) -> None:
    few = replace(workspace, fleets=workspace.fleets[:1])
    first = END - timedelta(days=7)

    def refitted_at(moment: datetime) -> tuple[OutcomeStatus, Selection]:
        (outcome,) = refit_fleets(few, Window(moment - HOUR, moment), CHUNK)
        kept = newest_selection(few, FLEETS[0], moment)
        assert kept is not None
        return outcome.status, kept

    told = [refitted_at(first + after) for after in (0 * HOUR, 23 * HOUR, 24 * HOUR, 25 * HOUR, timedelta(days=7))]

    assert [status is OutcomeStatus.OK for status, _ in told] == [True, False, True, False, True]
    next_day = first + timedelta(days=1)
    made = [(kept.selected_at_utc, kept.fitted_at_utc) for _, kept in told]
    assert made == [(first, first), (first, first), (first, next_day), (first, next_day), (END, END)]
    assert told[2][1].targets["peak"].weights == told[0][1].targets["peak"].weights


@pytest.mark.parametrize("content", [b"[]", b'{"format": 2, "targets": {}}', b'{"format": 2', b""])
def test_a_damaged_choice_takes_no_forecast_from_any_fleet(
    workspace: Workspace, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headroom.pipelines.forecasts.CHOICES_BEFORE_PUSH", 0)
    workspace.lake.storage.write_bytes(f"selections/{FLEETS[0]}/{END - HOUR:%Y-%m-%dT%H}.json", content)
    outcomes = forecast_fleets(workspace, LAST_HOUR, CHUNK)
    assert {item.subject: item.status for item in outcomes} == dict.fromkeys(FLEETS, OutcomeStatus.OK)
