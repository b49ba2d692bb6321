"""Files that an earlier version wrote: columns that their table has gained since are null, and the rows still count."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headroom.lake.frames import with_columns_of
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

DEMAND = TABLES["mart_demand__hourly_by_fleet"]
HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)


@pytest.fixture
def older() -> Any:
    row = {"fleet_id": "chat", "hour_start_utc": HOUR, "samples_expected": 12, "samples_seen": 12}
    return pa.Table.from_pylist([row], schema=DEMAND.schema).drop_columns("samples_inferred")


def test_a_column_gained_since_is_null_beside_rows_that_have_it(older: Any) -> None:
    whole = with_columns_of(DEMAND, older)

    assert set(whole.column_names) == set(DEMAND.columns)
    (row,) = whole.to_pylist()
    assert (row["samples_seen"], row["samples_inferred"]) == (12, None)
    assert pa.concat_tables([whole.select(DEMAND.columns), DEMAND.schema.empty_table()]).num_rows == 1


def test_rows_that_have_every_column_stay_as_they_are(older: Any) -> None:
    whole = with_columns_of(DEMAND, older)

    assert with_columns_of(DEMAND, whole).equals(whole)


def test_a_view_over_an_older_file_shows_null_in_the_new_column(tmp_path: Path, older: Any) -> None:
    lake = Lake(LocalStorage(tmp_path))
    path = tmp_path / settled_path(DEMAND.name, HOUR.date())
    path.parent.mkdir(parents=True)
    pq.write_table(older, path)

    with open_session() as session:
        register_tables(session, lake, [DEMAND.name])
        rows = session.sql(f"select samples_seen, samples_inferred from {DEMAND.name}").fetchall()  # noqa: S608, a constant name

    assert rows == [(12, None)]
