"""What the doctor reads of forecasts: the newest reported hour out of the lake, and nothing is written there."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.fleet_entries import GROUP_ENTRY

from headroom.columns import QUANTILE_LEVELS
from headroom.config import load_fleets
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR
from headroom.forecasting.drift import Drift
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.onboarding.findings import Level, Topic
from headroom.pipelines.demand_history import FORECAST_TABLE, forecast_rows
from headroom.pipelines.doctor_checks import standing_alone
from headroom.pipelines.doctor_forecasts import examine_forecasts
from headroom.pipelines.newest_report import LATEST_KEY

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)
DRIFT = Drift(hours=5, widening=2.0, direction="below")


@pytest.fixture
def fleets(tmp_path: Path) -> tuple[Fleet, ...]:
    (tmp_path / "fleets.yaml").write_text(
        "fleets:\n" + "".join(GROUP_ENTRY.format(name=name) for name in ("chat", "embed"))
    )
    return load_fleets(tmp_path / "fleets.yaml")


def write_forecast(lake: Lake, fleet_id: str, note: str, *, made_at: datetime = MADE_AT) -> None:
    quantiles = np.ones((1, len(QUANTILE_LEVELS)))
    forecast = DemandForecast(
        fleet_id=fleet_id,
        made_at_utc=made_at,
        hours=np.array([made_at.replace(tzinfo=None)], dtype="datetime64[s]"),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles,
        members={},
        note=note,
    )
    path = hourly_path(FORECAST_TABLE, made_at - HOUR, chunk_name(chunk_of(fleet_id)))
    lake.write_table(path, TABLES[FORECAST_TABLE], forecast_rows([(forecast, "")]), fingerprint="")


def test_the_newest_reported_hour_is_looked_at_and_an_older_drift_is_over(
    tmp_path: Path, fleets: tuple[Fleet, ...]
) -> None:
    lake = Lake(LocalStorage(tmp_path / "lake"))
    write_forecast(lake, "embed", DRIFT.remark(is_widened=True), made_at=MADE_AT - HOUR)
    write_forecast(lake, "embed", "steady")
    write_forecast(lake, "chat", f"steady; {DRIFT.remark(is_widened=True)}")
    lake.write_json(LATEST_KEY, {"window": "2026-11-18T05:00:00"})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    found = {item.subject: item for item in examine_forecasts(str(tmp_path / "lake"), fleets)}

    assert {subject: item.level for subject, item in found.items()} == {"chat": Level.WARNING, "forecasts": Level.OK}
    assert DRIFT.remark(is_widened=True) in found["chat"].message
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_before_the_first_run_nothing_is_amiss_and_no_lake_is_made(tmp_path: Path, fleets: tuple[Fleet, ...]) -> None:
    (found,) = examine_forecasts(str(tmp_path / "lake"), fleets)
    assert (found.level, found.topic) == (Level.OK, Topic.FORECASTS)
    assert not (tmp_path / "lake").exists()
    assert examine_forecasts(str(tmp_path / "lake"), ()) == []


def test_a_damaged_file_is_unknown_and_left_where_it_is_and_the_other_fleets_are_told_of(
    tmp_path: Path, fleets: tuple[Fleet, ...]
) -> None:
    lake = Lake(LocalStorage(tmp_path / "lake"))
    lake.write_json(LATEST_KEY, {"window": "2026-11-18T05:00:00"})
    write_forecast(lake, "embed", "steady")
    path = hourly_path(FORECAST_TABLE, MADE_AT - HOUR, chunk_name(chunk_of("chat")))
    lake.storage.write_bytes(path, b"no Parquet")
    damaged, steady = examine_forecasts(str(tmp_path / "lake"), fleets)
    assert (damaged.level, damaged.subject) == (Level.UNKNOWN, path)
    assert "\n" not in damaged.message
    assert (steady.level, steady.message.partition(" (")[0]) == (Level.OK, "no drift in 1 of 1")
    assert lake.storage.read_bytes(path) == b"no Parquet"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"window": 5}', b'{"window": "today"}'])
def test_a_damaged_report_of_the_newest_hour_is_named(
    tmp_path: Path, fleets: tuple[Fleet, ...], content: bytes
) -> None:
    LocalStorage(tmp_path / "lake").write_bytes(LATEST_KEY, content)
    (found,) = standing_alone(Topic.FORECASTS, "lake", examine_forecasts, str(tmp_path / "lake"), fleets)
    assert found.level is Level.UNKNOWN
    assert f"{LATEST_KEY}: expected JSON with a window, the start of an hour" in found.message
