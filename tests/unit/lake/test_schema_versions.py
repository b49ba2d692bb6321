"""Files that another version of headroom wrote: an older one's are read, a newer one's are named and left alone."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headroom.lake.damage import query_tables
from headroom.lake.errors import UnreadableFileError
from headroom.lake.frames import fit_frame
from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import SCHEMA_VERSION, TABLES

TABLE = TABLES["mart_demand__hourly_by_fleet"]
HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
PATH = hourly_path(TABLE.name, HOUR, "chunk=07")
NEWER = f"{PATH}: written by a newer headroom, schema version {SCHEMA_VERSION + 1}; this one knows {SCHEMA_VERSION}"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LocalStorage(tmp_path))


def put(lake: Lake, version: int, *, without: str = "", in_words: str = "") -> None:
    row = dict.fromkeys(TABLE.columns) | {"fleet_id": "chat", "hour_start_utc": HOUR}
    frame = fit_frame(TABLE, pa.Table.from_pylist([row], schema=TABLE.schema))
    frame = frame.drop_columns([without]) if without else frame
    if in_words:
        frame = frame.set_column(frame.column_names.index(in_words), in_words, pa.array(["many"]))
    told = {"headroom.schema_version": str(version), "headroom.fingerprint": "", "headroom.row_count": "1"}
    sink = io.BytesIO()
    pq.write_table(frame.replace_schema_metadata(told), sink)
    lake.storage.write_bytes(PATH, sink.getvalue())


def fleets(lake: Lake) -> list[str]:
    def query() -> list[str]:
        with open_session() as session:
            register_tables(session, lake, [TABLE.name])
            rows = session.table(TABLE.name).project("fleet_id, mean_demand_per_second")
            return [row[0] for row in rows.fetchall()]

    return query_tables(lake, SqlModels.load(Path("sql")), [TABLE.name], query)


def test_an_older_versions_file_is_read_and_lacks_only_what_came_later(lake: Lake) -> None:
    put(lake, SCHEMA_VERSION - 1, without="censored_fraction")
    assert fleets(lake) == ["chat"]
    rows = lake.read_table(PATH)
    assert rows is not None
    assert rows.num_rows == 1


def test_a_newer_versions_file_is_named_in_one_line(lake: Lake) -> None:
    put(lake, SCHEMA_VERSION + 1)
    for read in (lake.read_table, lake.read_metadata):
        with pytest.raises(UnreadableFileError, match=NEWER):
            read(PATH)


def test_a_newer_versions_file_that_no_query_can_use_is_named_and_never_set_aside(lake: Lake) -> None:
    put(lake, SCHEMA_VERSION + 1, in_words="mean_demand_per_second")
    with pytest.raises(UnreadableFileError, match=NEWER):
        fleets(lake)
    assert lake.storage.exists(PATH)
    assert lake.damaged == []
