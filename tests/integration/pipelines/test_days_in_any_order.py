"""Settling days in any order, and again: the lake holds the same bytes in the end, the hours and pages included."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from headroom.columns import QUANTILE_NAMES
from headroom.domain.demand import DemandForecast
from headroom.domain.window import DAY, HOUR, Window
from headroom.lake.layout import chunk_name, chunk_of, hourly_path, settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.report import report_day
from headroom.pipelines.scores import SCORE_TABLE
from headroom.pipelines.settle import settle_one_day
from headroom.pipelines.utilization import extract_utilization
from headroom.pipelines.workspace import Workspace, open_workspace

pytestmark = pytest.mark.integration

SUNDAY = Window.day_of(datetime(2026, 11, 15, tzinfo=UTC))
DAYS = [Window(SUNDAY.start_utc - number * DAY, SUNDAY.end_utc - number * DAY) for number in range(4, -1, -1)]
FORECAST_MADE_AT = DAYS[2].start_utc  # its 72 hours end with the Sunday
SHUFFLED = [4, 0, 3, 1, 2]
FORWARD = [0, 1, 2, 3, 4]


def lake_of(folder: Path, order: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settle DAYS in that order into the lake at `folder`, reports after each; return the hash of every file."""
    monkeypatch.setenv("HEADROOM_LAKE", str(folder))
    workspace = open_workspace()
    if not folder.exists():
        add_hours_and_forecasts(workspace)
    for number in order:
        outcomes = settle_one_day(workspace, DAYS[number])
        assert not [item for item in outcomes if item.is_bad]
        report_day(DAYS[number])
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def add_hours_and_forecasts(workspace: Workspace) -> None:
    """Leave in the lake what the hourly runs of those days would have left: hour files, and a forecast."""
    for fleet in workspace.fleets[:1]:
        hour = Window.hour_of(DAYS[3].start_utc + 10 * HOUR)
        assert not [item for item in extract_utilization(workspace, hour, chunk_of(fleet.id)) if item.is_bad]
    for chunk in workspace.chunks():
        made = [(forecast_of(fleet.id), "hash") for fleet in workspace.fleets_in(chunk)]
        path = hourly_path(FORECAST_TABLE, FORECAST_MADE_AT - HOUR, chunk_name(chunk))
        workspace.lake.write_table(path, TABLES[FORECAST_TABLE], forecast_rows(made), fingerprint="")


def forecast_of(fleet_id: str) -> DemandForecast:
    first = np.datetime64(FORECAST_MADE_AT.replace(tzinfo=None), "s")
    quantiles = np.tile(np.linspace(10.0, 300.0, len(QUANTILE_NAMES)), (72, 1))
    return DemandForecast(
        fleet_id=fleet_id,
        made_at_utc=FORECAST_MADE_AT,
        hours=first + np.arange(72) * np.timedelta64(1, "h"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={"made_by_hand": 1.0},
        note="",
    )


def test_any_order_and_twice_is_the_same_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = lake_of(tmp_path / "forward", FORWARD, monkeypatch)
    shuffled = lake_of(tmp_path / "shuffled", SHUFFLED, monkeypatch)

    assert sorted(shuffled) == sorted(forward)
    assert [path for path in forward if shuffled[path] != forward[path]] == []
    assert {"reports/savings/2026-W46.html", "reports/forecasts/latest.html"} <= set(forward)
    scores = open_workspace().lake.read_table(settled_path(SCORE_TABLE, SUNDAY.day))
    assert scores is not None
    assert set(scores["fleet_id"].to_pylist()) == {fleet.id for fleet in open_workspace().fleets}
    assert scores["mase"].null_count == 0

    assert lake_of(tmp_path / "shuffled", FORWARD[::-1], monkeypatch) == forward


def test_hours_of_a_settled_day_go_once_the_day_after_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hours_of(files: dict[str, str], day: Window) -> list[str]:
        return [path for path in files if f"raw/metric_sample/hour={day.day}" in path]

    newest_only = lake_of(tmp_path / "lake", [4], monkeypatch)
    assert hours_of(newest_only, DAYS[3])
    assert not hours_of(lake_of(tmp_path / "lake", [3], monkeypatch), DAYS[3])
