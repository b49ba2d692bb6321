"""A query that fails because a file was replaced while it was read is asked again."""

from pathlib import Path

import duckdb
import pytest

from headroom.lake.damage import query_tables
from headroom.lake.errors import LakeError
from headroom.lake.lake import Lake
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.pipelines.workspace import SQL_FOLDER

TABLE = "mart_kpi__daily_by_fleet"


def ask(folder: Path, failures: int) -> tuple[int, Lake]:
    """Ask a query whose first `failures` times meet a file that is half the old one; return how often it was made."""
    lake, asked = Lake(LocalStorage(folder)), [0]

    def query() -> int:
        asked[0] += 1
        if asked[0] <= failures:
            raise duckdb.IOException("don't know what type: ")
        return asked[0]

    return query_tables(lake, SqlModels.load(SQL_FOLDER), [TABLE], query), lake


def test_a_file_replaced_while_it_was_read_is_read_again_and_none_is_called_damaged(tmp_path: Path) -> None:
    asked, lake = ask(tmp_path, failures=1)
    assert asked == 2
    assert lake.damaged == []


def test_what_goes_on_failing_is_an_error_that_names_the_table(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=f"reading {TABLE}: don't know what type"):
        ask(tmp_path, failures=4)
