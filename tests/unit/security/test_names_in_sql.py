"""SQL reads names as values: folders, tags and fleets of any name, and nothing of them is run."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)


def rows(lake: Lake, *, fleet_id: str, part: str) -> None:
    table = TABLES["metric_sample"]
    values = dict.fromkeys(table.columns)
    frame = pa.Table.from_pylist(
        [{**values, "fleet_id": fleet_id, "metric": "demand_count", "timestamp_utc": HOUR, "value": 1.0}],
        schema=table.schema,
    )
    lake.write_table(hourly_path("metric_sample", HOUR, part), table, frame, fingerprint="x")


@pytest.mark.parametrize("folder", ["it's", "'; drop table x; --", "a b", "\u00e9", "a[1]", "a*b", "a?b", "{a,b}"])
def test_a_lake_may_lie_in_a_folder_of_any_name(folder: str, tmp_path: Path) -> None:
    lake = Lake(LocalStorage(tmp_path / folder))
    rows(lake, fleet_id="chat'; drop table metric_sample; --", part="chunk=07")
    with open_session() as session:
        register_tables(session, lake, ["metric_sample"])
        assert session.sql("select fleet_id from metric_sample").fetchall() == [
            ("chat'; drop table metric_sample; --",)
        ]


def test_a_file_whose_name_is_a_pattern_is_refused_by_name_and_never_read_as_one(tmp_path: Path) -> None:
    lake = Lake(LocalStorage(tmp_path))
    rows(lake, fleet_id="chat", part="chunk=07")
    (tmp_path / "raw/metric_sample/hour=2026-11-18T05/*.parquet").write_bytes(b"planted")
    with open_session() as session, pytest.raises(ValueError, match=r"\*\.parquet'.*inside the lake"):
        register_tables(session, lake, ["metric_sample"])
