"""The page of forecasts: what was forecast at the time beside what came, examples chosen by rule, in any order."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.fleet_entries import GROUP_ENTRY
from tests.unit.extract.fake_aws import FakeClients
from tests.unit.forecasting.demand_examples import shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.config import load_fleets
from headroom.domain.demand import DemandForecast
from headroom.domain.window import DAY, HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path, settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines import forecast_page
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.forecast_page import build_forecast_report, report_forecasts, write_forecast_page
from headroom.pipelines.scores import SCORE_TABLE, settle_scores
from headroom.pipelines.workspace import SQL_FOLDER, Workspace
from headroom.reporting.forecast_report import ForecastReport

END = datetime(2026, 11, 18, tzinfo=UTC)
DAYS, FORECAST_DAYS, SCORED_DAYS = 28, 16, 10
FACTORS = {"alpha": 1.3, "beta": 1.02, "gamma": 1.1, "delta": 1.05, "omega": 2.0}
"""How many times what came each fleet was forecast to want: gamma is the middling one of five."""
DEMAND = shaped_demand(24 * (DAYS + 4), noise=0.15)
BAND = np.linspace(0.85, 1.15, len(QUANTILE_LEVELS))


def demand_from(moment: datetime, hours: int) -> Any:
    first = int((moment - (END - DAYS * DAY)) / HOUR)
    return DEMAND[first : first + hours]


def opened(folder: Path) -> Workspace:
    return Workspace(
        fleets=load_fleets(folder / "fleets.yaml"),
        config_folder=folder,
        lake=Lake(LocalStorage(folder / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Demand and forecasts, nothing settled; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "fleets.yaml").write_text("fleets:\n" + "".join(GROUP_ENTRY.format(name=name) for name in FACTORS))
    workspace = opened(folder)
    for number in range(DAYS):
        write_demand(workspace, END - (DAYS - number) * DAY)
    for number in range(FORECAST_DAYS):
        write_forecasts(workspace, END - (FORECAST_DAYS - number) * DAY)
    return folder


@pytest.fixture(scope="module")
def scored(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the scores of ten days; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("scored") / "copy"
    shutil.copytree(written, folder)
    settle(opened(folder), range(SCORED_DAYS))
    return folder


def copy_of(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = opened(Path(shutil.copytree(folder, tmp_path / "copy")))
    monkeypatch.setattr(forecast_page, "open_workspace", lambda: workspace)
    return workspace


@pytest.fixture
def workspace(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return copy_of(written, tmp_path, monkeypatch)


@pytest.fixture
def settled(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return copy_of(scored, tmp_path, monkeypatch)


def write_demand(workspace: Workspace, day: datetime) -> None:
    table = TABLES["mart_demand__hourly_by_fleet"]
    mean = np.tile(demand_from(day, 24), len(FACTORS))
    rows = {
        "fleet_id": np.repeat(list(FACTORS), 24),
        "hour_start_utc": [day + hour * HOUR for hour in range(24)] * len(FACTORS),
        "mean_demand_per_second": mean,
        "peak_demand_per_second": mean * 1.2,
        "samples_expected": [12] * len(mean),
        "samples_seen": [12] * len(mean),
        "samples_inferred": [0] * len(mean),
        "censored_fraction": [0.0] * len(mean),
    }
    path = settled_path(table.name, day.date())
    workspace.lake.write_table(path, table, pa.table(rows, schema=table.schema), fingerprint="")


def write_forecasts(workspace: Workspace, made_at: datetime) -> None:
    by_chunk: dict[int, list[tuple[DemandForecast, str]]] = {}
    for name, factor in FACTORS.items():
        quantiles = factor * demand_from(made_at, 72)[:, np.newaxis] * BAND
        forecast = DemandForecast(
            fleet_id=name,
            made_at_utc=made_at,
            hours=np.datetime64(made_at.replace(tzinfo=None), "s") + np.arange(72) * np.timedelta64(1, "h"),
            mean_quantiles_per_second=quantiles,
            peak_quantiles_per_second=quantiles,
            members={"prophet": 0.75, "seasonal_naive_daily": 0.25},
        )
        by_chunk.setdefault(chunk_of(name), []).append((forecast, ""))
    for chunk, made in by_chunk.items():
        path = hourly_path(FORECAST_TABLE, made_at - HOUR, chunk_name(chunk))
        workspace.lake.write_table(path, TABLES[FORECAST_TABLE], forecast_rows(made), fingerprint="")


def settle(workspace: Workspace, days: range) -> None:
    for number in days:
        settle_scores(workspace, Window.day_of(END - (number + 1) * DAY))


def test_fleets_are_shown_at_the_percentiles_of_their_error_a_day_ahead(settled: Workspace) -> None:
    report = build_forecast_report(settled, END)
    # ascending by error: beta 2 %, delta 5 %, gamma 10 %, alpha 30 %, omega 100 %; ranks ceil(.5), ceil(2.5), ceil(4.5)
    assert [(item.chosen.word, item.chosen.series_id) for item in report.examples] == [
        ("good", "beta"),
        ("middling", "gamma"),
        ("bad", "omega"),
    ]
    gamma = next(item for item in report.of_band("7-24") if item.fleet_id == "gamma")
    assert gamma.wape == pytest.approx(0.10)
    assert gamma.coverage80_fraction == 1.0
    assert gamma.forecasts_judged == SCORED_DAYS


def test_what_is_drawn_is_what_was_said_at_midnight_beside_what_came(settled: Workspace) -> None:
    good = build_forecast_report(settled, END).examples[0]
    came = demand_from(END - 7 * DAY, 7 * 24)
    assert good.actual == pytest.approx(came)
    assert good.median == pytest.approx(1.02 * came)
    assert good.steps[0] == END - 7 * DAY
    assert len(good.made_at) == 7
    assert [rule.is_drawn for rule in good.rules] == [rule.name == "Headroom" for rule in good.rules]
    weekly = next(rule for rule in good.rules if rule.name == "weekly naive")
    assert weekly.wape == pytest.approx(np.abs(demand_from(END - 14 * DAY, 168) - came).sum() / came.sum())
    assert good.rules[0].name == "Headroom"  # least pinball loss first


def test_a_missed_midnight_is_bridged_by_the_forecast_before_it(settled: Workspace) -> None:
    missed = END - 2 * DAY
    path = hourly_path(FORECAST_TABLE, missed - HOUR, chunk_name(chunk_of("beta")))
    settled.lake.storage.delete(path)
    good = build_forecast_report(settled, END).examples[0]
    assert np.isfinite(good.median).all()


def test_the_page_needs_no_network_and_says_its_rule(settled: Workspace) -> None:
    path = write_forecast_page(settled, "latest", END)
    page = settled.lake.storage.read_bytes(path).decode()
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(""", markup)
    assert "A middling forecast: gamma" in markup
    assert "50th percentile of scaled error: number 3 of 5" in markup
    assert "prophet (75%), seasonal_naive_daily (25%)" in markup
    assert len(set(re.findall(r'id="([^"]+)"', markup))) == len(re.findall(r'id="([^"]+)"', markup))
    summary = json.loads(settled.lake.storage.read_bytes("reports/forecasts/latest.json"))
    assert [item["series_id"] for item in summary["examples"]] == ["beta", "gamma", "omega"]


def test_before_anything_is_scored_the_page_says_when_it_will_be(workspace: Workspace) -> None:
    assert report_forecasts() == []
    settle_scores(workspace, Window.day_of(END - 27 * DAY))
    assert report_forecasts() == ["reports/forecasts/latest.html"]
    assert b"Nothing to judge yet" in workspace.lake.storage.read_bytes("reports/forecasts/latest.html")


@pytest.mark.thorough
def test_days_settled_in_any_order_leave_the_same_page(workspace: Workspace) -> None:
    pages = []
    for order in ((1, 0), (0, 1)):
        for path in workspace.lake.table_files(SCORE_TABLE):
            workspace.lake.storage.delete(path)
        for number in order:
            settle(workspace, range(number, number + 1))
            report_forecasts()
        pages.append(workspace.lake.storage.read_bytes("reports/forecasts/latest.html"))
    assert pages[0] == pages[1]


def test_a_fleet_whose_forecasts_are_no_longer_kept_is_judged_and_not_drawn(settled: Workspace) -> None:
    for path in settled.lake.table_files(FORECAST_TABLE, chunks={chunk_of("omega")}):
        settled.lake.storage.delete(path)
    report: ForecastReport = build_forecast_report(settled, END)
    assert "omega" in {item.fleet_id for item in report.accuracy}
    assert "omega" not in {item.chosen.series_id for item in report.examples}


def rewrite(workspace: Workspace, table: str, column: str, value: object) -> None:
    for path in workspace.lake.table_files(table):
        rows = workspace.lake.read_table(path)
        assert rows is not None
        place = rows.schema.get_field_index(column)
        values = pa.array([value] * len(rows), rows.schema.field(place).type)
        rows = rows.set_column(place, rows.schema.field(place), values)
        workspace.lake.write_table(path, TABLES[table], rows, fingerprint="")


@pytest.mark.parametrize("measure", ["mase", "wape", "naive_wape"])
def test_a_measure_without_bound_is_undefined_and_fails_no_page(settled: Workspace, measure: str) -> None:
    rewrite(settled, SCORE_TABLE, measure, float("inf"))
    assert report_forecasts() == ["reports/forecasts/latest.html"]
    summary = json.loads(settled.lake.storage.read_bytes("reports/forecasts/latest.json"))
    assert {item[measure] for item in summary["accuracy"]} == {None}


@pytest.mark.parametrize("kept", [None, "", "[1]", '{"prophet": null}'])
def test_members_that_were_not_kept_fail_no_page(settled: Workspace, kept: str | None) -> None:
    rewrite(settled, FORECAST_TABLE, "members", kept)
    examples = build_forecast_report(settled, END).examples
    assert [item.chosen.series_id for item in examples] == ["beta", "gamma", "omega"]
    assert examples[0].note.endswith("by members that were not kept with it.")
