from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path, period_path, settled_path
from headroom.lake.session import duckdb_types, open_session, register_tables
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
SAMPLE = TABLES["metric_sample"]


class WatchedStorage(LocalStorage):
    """A local storage that remembers which folders were listed."""

    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self.listed = []

    def list(self, folder: str, *, name_prefix: Any = "") -> Any:
        found = super().list(folder, name_prefix=name_prefix)
        self.listed.append((folder, name_prefix, len(found)))
        return found


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    return Lake(WatchedStorage(tmp_path / "a lake's root"))


def write(lake: Lake, path: str, moments: Any, value: Any = 1.0, fleet: Any = "chat") -> None:
    rows = [
        {"fleet_id": fleet, "metric": "demand_count", "timestamp_utc": at, "period_seconds": 300, "value": value}
        for at in moments
    ]
    lake.write_table(path, SAMPLE, pa.Table.from_pylist(rows, SAMPLE.schema), fingerprint="")


def query(lake: Lake, sql: str, *names: Any, window: Any = None) -> Any:
    with open_session() as session:
        register_tables(session, lake, names, window=window)
        return session.execute(sql).fetchall()


def test_a_session_thinks_in_utc_and_downloads_nothing() -> None:
    with open_session() as session:
        ((zone, is_installing),) = session.execute(
            "select current_setting('TimeZone'), current_setting('autoinstall_known_extensions')",
        ).fetchall()

    assert (zone, is_installing) == ("UTC", False)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_without_files_is_an_empty_view_with_the_right_types(lake: Lake, name: str) -> None:
    with open_session() as session:
        register_tables(session, lake, [name])
        found = session.sql(f"select * from {name}").to_arrow_table()  # noqa: S608, a constant name

    assert found.num_rows == 0
    assert found.schema.names == list(TABLES[name].columns)
    assert [str(field.type) for field in found.schema] == [str(field.type) for field in TABLES[name].schema]
    assert set(duckdb_types(TABLES[name])) == set(found.schema.names)


def test_chunks_and_hours_are_read_as_one_table(lake: Lake) -> None:
    write(lake, hourly_path("metric_sample", HOUR, "chunk=00"), [HOUR])
    write(lake, hourly_path("metric_sample", HOUR, "chunk=01"), [HOUR], fleet="embed")
    write(lake, hourly_path("metric_sample", HOUR + timedelta(hours=1), "chunk=00"), [HOUR + timedelta(hours=1)])

    assert query(lake, "select count(*), count(distinct fleet_id) from metric_sample", "metric_sample") == [(3, 2)]


def test_a_settled_day_hides_its_hours(lake: Lake) -> None:
    write(lake, hourly_path("metric_sample", HOUR, "chunk=00"), [HOUR], value=1.0)
    write(lake, hourly_path("metric_sample", HOUR + timedelta(days=1), "chunk=00"), [HOUR + timedelta(days=1)], 5.0)
    write(lake, settled_path("metric_sample", HOUR.date()), [HOUR, HOUR + timedelta(hours=3)], value=2.0)

    found = query(lake, "select value from metric_sample order by timestamp_utc", "metric_sample")

    assert found == [(2.0,), (2.0,), (5.0,)]


def test_a_window_cuts_files_and_rows(lake: Lake) -> None:
    write(lake, settled_path("metric_sample", HOUR.date()), [HOUR + timedelta(hours=hour) for hour in range(-5, 19)])

    found = query(
        lake,
        "select count(*), min(timestamp_utc), max(timestamp_utc) from metric_sample",
        "metric_sample",
        window=Window(HOUR, HOUR + timedelta(hours=2)),
    )

    assert found == [(2, HOUR, HOUR + timedelta(hours=1))]


def test_reading_an_hour_does_not_walk_six_weeks(lake: Lake) -> None:
    for hour in range(30):
        write(lake, hourly_path("metric_sample", HOUR - timedelta(hours=hour), "all"), [HOUR - timedelta(hours=hour)])

    found = query(lake, "select count(*) from metric_sample", "metric_sample", window=Window.hour_of(HOUR))

    assert found == [(1,)]
    assert sum(count for _, _, count in lake.storage.listed) == 1


def test_prices_in_force_before_the_window_stay_in_it(lake: Lake) -> None:
    table = TABLES["spot_price"]
    row = {
        "region": "us-east-1",
        "availability_zone": "us-east-1a",
        "instance_type": "g5.xlarge",
        "product_description": "Linux/UNIX",
        "timestamp_utc": HOUR - timedelta(days=3),
        "spot_usd_per_hour": Decimal("0.4"),
    }
    frame = pa.Table.from_pylist([row], table.schema)
    lake.write_table(hourly_path("spot_price", HOUR, "all"), table, frame, fingerprint="")

    assert query(lake, "select count(*) from spot_price", "spot_price", window=Window.hour_of(HOUR)) == [(1,)]


def test_forecasts_are_cut_by_the_hour_they_were_made_in_and_reach_beyond_it(lake: Lake) -> None:
    table = TABLES["mart_forecast__hourly_by_fleet"]
    rows = [
        {"fleet_id": "chat", "made_at_utc": HOUR + timedelta(hours=1), "hour_start_utc": HOUR + timedelta(hours=ahead)}
        for ahead in (1, 72)
    ]
    frame = pa.Table.from_pylist(rows, table.schema)
    lake.write_table(hourly_path(table.name, HOUR, "chunk=00"), table, frame, fingerprint="")

    assert query(lake, f"select count(*) from {table.name}", table.name, window=Window.hour_of(HOUR)) == [(2,)]  # noqa: S608, a constant name
    later = Window.hour_of(HOUR + timedelta(hours=1))
    assert query(lake, f"select count(*) from {table.name}", table.name, window=later) == [(0,)]  # noqa: S608, a constant name


def test_daily_tables_are_cut_by_day_and_bills_by_their_charge_period(lake: Lake) -> None:
    daily, bill = TABLES["mart_savings__daily_by_fleet"], TABLES["billing_line"]
    for day in (17, 18):
        rows = [{"fleet_id": "chat", "day_utc": date(2026, 11, day)}]
        frame = pa.Table.from_pylist(rows, daily.schema)
        lake.write_table(settled_path(daily.name, date(2026, 11, day)), daily, frame, fingerprint="")
    lines = [{"ChargePeriodStart": HOUR + timedelta(hours=hour)} for hour in range(3)]
    frame = pa.Table.from_pylist(lines, bill.schema)
    lake.write_table(period_path("billing_line", HOUR.date()), bill, frame, fingerprint="assembly-1")

    assert query(lake, f"select day_utc from {daily.name}", daily.name, window=Window.day_of(HOUR)) == [(HOUR.date(),)]  # noqa: S608, a constant name
    assert query(lake, "select count(*) from billing_line", "billing_line", window=Window.hour_of(HOUR)) == [(1,)]


def test_a_file_of_an_older_schema_has_nulls_in_the_new_columns(lake: Lake) -> None:
    old = pa.table({"fleet_id": ["chat"], "timestamp_utc": pa.array([HOUR], pa.timestamp("us", "UTC"))})
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(old, sink)
    lake.storage.write_bytes(hourly_path("metric_sample", HOUR, "all"), sink.getvalue().to_pybytes())

    assert query(lake, "select fleet_id, metric, value from metric_sample", "metric_sample") == [("chat", None, None)]


def test_a_truncated_file_is_an_error_not_an_empty_table(lake: Lake) -> None:
    lake.storage.write_bytes(hourly_path("metric_sample", HOUR, "all"), b"PAR1 and then nothing")

    with pytest.raises(duckdb.Error):
        query(lake, "select * from metric_sample", "metric_sample")


def test_fleets_of_one_chunk_are_read_without_the_files_of_others(lake: Lake) -> None:
    write(lake, hourly_path("metric_sample", HOUR, "chunk=00"), [HOUR])
    write(lake, hourly_path("metric_sample", HOUR, "chunk=01"), [HOUR], fleet="embed")
    write(lake, settled_path("metric_sample", HOUR.date() - timedelta(days=1)), [HOUR - timedelta(days=1)])

    with open_session() as session:
        register_tables(session, lake, ["metric_sample"], chunks={0})
        found = session.execute("select fleet_id, count(*) from metric_sample group by all").fetchall()

    assert found == [("chat", 2)]
