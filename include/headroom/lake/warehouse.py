"""The warehouse: one DuckDB file with the marts, built from the lake, for people and BI tools."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from headroom.columns import COLUMNS
from headroom.lake.errors import PathError
from headroom.lake.lake import Lake
from headroom.lake.session import open_session, register_tables
from headroom.lake.sql_runner import SqlModels
from headroom.lake.tables import TABLES, Table

_MAGIC, _MAGIC_OFFSET = b"DUCK", 8
"""Where every DuckDB file says what it is (DuckDB documentation, storage format)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSummary:
    """Where the warehouse is, and how many rows each of its tables has."""

    path: Path
    row_counts: dict[str, int]


def build_warehouse(lake: Lake, models: SqlModels, path: Path) -> WarehouseSummary:
    """Build the warehouse from the lake's mart files beside `path` and swap it in whole.

    Every mart becomes a table of schema main, empty but typed when it has no file, with its description as comment.
    Readers that have the old file open keep it; nobody sees half a warehouse. Two builds at once take turns. Raise
    PathError where something else than a DuckDB file stands at `path`: it is not ours to replace.
    """
    _check_is_ours(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _turn(path.with_name(f"{path.name}.lock")):
        beside = path.with_name(f"{path.name}.new")
        for leftover in (beside, beside.with_name(f"{beside.name}.wal")):
            leftover.unlink(missing_ok=True)  # of a build that was killed
        with open_session(lake, database=str(beside)) as session:
            row_counts = {
                table.name: _copy(session, lake, table, models) for table in TABLES.values() if table.layer == "mart"
            }
            session.execute("checkpoint")
        beside.replace(path)
    return WarehouseSummary(path=path, row_counts=row_counts)


def _check_is_ours(path: Path) -> None:
    if not path.exists():
        return
    expected = "expected a DuckDB file, or none yet (HEADROOM_WAREHOUSE)"
    if not path.is_file():
        raise PathError(f"{path} is no regular file; {expected}")
    with path.open("rb") as file:
        is_duckdb = file.read(len(_MAGIC) + _MAGIC_OFFSET)[_MAGIC_OFFSET:] == _MAGIC
    if not is_duckdb:
        raise PathError(f"{path} holds something else; {expected}")


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse read-only, in UTC; raise FileNotFoundError when it has not been built."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no warehouse; build it with `headroom build`")
    session = duckdb.connect(str(path), read_only=True)
    session.execute("set TimeZone = 'UTC'")
    return session


def _copy(session: duckdb.DuckDBPyConnection, lake: Lake, table: Table, models: SqlModels) -> int:
    register_tables(session, lake, [table.name])
    order = ", ".join(table.key)
    session.execute(f"create table main.{table.name} as select * from temp.{table.name} order by {order}")  # noqa: S608, names are ours
    session.execute(f"drop view temp.{table.name}")
    model = models.by_name.get(table.name)
    described = model.description if model is not None else f"One row per {table.grain}."
    session.execute(f"comment on table main.{table.name} is {_text(described)}")
    for name in table.columns:
        session.execute(f"comment on column main.{table.name}.{name} is {_text(COLUMNS[name].description)}")
    ((count,),) = session.execute(f"select count(*) from main.{table.name}").fetchall()  # noqa: S608, names are ours
    return int(count)


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


@contextmanager
def _turn(lock_file: Path) -> Iterator[None]:
    with lock_file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go when the file closes, also when the process is killed
        yield
