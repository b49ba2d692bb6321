"""The warehouse: one DuckDB file with the marts, built from the lake, for people and BI tools."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from headroom.columns import COLUMNS
from headroom.lake.damage import query_tables
from headroom.lake.errors import PathError, WarehouseError
from headroom.lake.lake import Lake
from headroom.lake.session import open_session, register_tables
from headroom.lake.sql_checks import ModelCheckError, check_relation
from headroom.lake.sql_models import SqlModel
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
        _remove(beside)  # of a build that was killed
        try:
            with open_session(database=str(beside)) as session:
                marts = [table for table in TABLES.values() if table.layer == "mart"]
                row_counts = {table.name: _copy(session, lake, table, models) for table in marts}
                session.execute("checkpoint")
            beside.replace(path)
        except (duckdb.Error, OSError) as error:
            _remove(beside)
            raise WarehouseError(f"{path}: cannot be built, what stood there stays: {_in_a_line(error)}") from error
        except BaseException:
            _remove(beside)
            raise
    return WarehouseSummary(path=path, row_counts=row_counts)


def _remove(beside: Path) -> None:
    for leftover in (beside, beside.with_name(f"{beside.name}.wal")):
        leftover.unlink(missing_ok=True)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def check_place(path: Path) -> None:
    """Raise PathError where a warehouse could not be built at `path`, as far as can be told without writing."""
    _check_is_ours(path)
    folder = next(one for one in path.absolute().parents if one.exists())
    if not folder.is_dir():
        raise PathError(f"{folder} is a file; expected a folder, for {path.name} to be built in")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PathError(f"{folder} is no folder that this user may write to")


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
    model = models.by_name.get(table.name)

    def create() -> None:
        register_tables(session, lake, [table.name])
        order = ", ".join(table.key)
        rows = f"select * from temp.{table.name} order by {order}"  # noqa: S608, names are ours
        session.execute(f"create or replace table main.{table.name} as {rows}")
        session.execute(f"drop view temp.{table.name}")
        _check(session, table, model)

    query_tables(lake, models, [table.name], create)
    described = model.description if model is not None else f"One row per {table.grain}."
    session.execute(f"comment on table main.{table.name} is {_text(described)}")
    for name in table.columns:
        session.execute(f"comment on column main.{table.name}.{name} is {_text(COLUMNS[name].description)}")
    ((count,),) = session.execute(f"select count(*) from main.{table.name}").fetchall()  # noqa: S608, names are ours
    return int(count)


def _check(session: duckdb.DuckDBPyConnection, table: Table, model: SqlModel | None) -> None:
    """Raise ModelCheckError where rows break the table's key or a failing check of its model."""
    key = ", ".join(table.key)
    query = f"select count(*) from (select 1 from main.{table.name} group by {key} having count(*) > 1)"  # noqa: S608, names are ours
    ((twice,),) = session.execute(query).fetchall()
    if twice:
        raise ModelCheckError(f"{table.name}: {twice} keys stand more than once")
    if model is not None:
        for result in check_relation(session, model, f"main.{table.name}"):
            if result.severity == "fail" and not result.is_passed:
                raise ModelCheckError(str(result))


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


@contextmanager
def _turn(lock_file: Path) -> Iterator[None]:
    with lock_file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go when the file closes, also when the process is killed
        yield
