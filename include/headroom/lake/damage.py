"""Table files that no query can use: looked for when a query has failed, so that good lakes pay nothing for it.

A file is damaged when it is no whole Parquet file, when a column cannot become its table's dtype, or when its rows
break the key or a failing check of the table's model. It is moved into quarantine (`Lake.set_aside`), and the query is
made once more over what is left.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from headroom.domain.window import Window
from headroom.lake.errors import FrameError, LakeError
from headroom.lake.frames import fit_frame
from headroom.lake.lake import Lake, check_version
from headroom.lake.sql_checks import ModelCheckError, check_rows
from headroom.lake.sql_runner import SqlModels
from headroom.lake.tables import TABLES, Table

Answer = TypeVar("Answer")


ASKED_AGAIN = 3
"""Times a query is asked again: its files may be replaced while they are read, and not once only."""


def query_tables(
    lake: Lake,
    models: SqlModels,
    names: Sequence[str],
    query: Callable[[], Answer],
    *,
    window: Window | None = None,
) -> Answer:
    """Return what `query` returns, which reads the tables `names` over the files of `window` (all by default).

    Where it fails it is called a few times more: damaged files have been set aside then, and `lake.damaged` names
    them, and a file that another task replaced while it was read (S3 is read in ranges) is whole. What it raises then
    is raised, DuckDB's errors as LakeError.
    """
    try:
        return query()
    except ModelCheckError as error:
        if not set_aside_damaged(lake, models, names, window=window):
            raise _as_lake_error(names, error) from error
    except duckdb.Error:
        set_aside_damaged(lake, models, names, window=window)
    for _ in range(ASKED_AGAIN - 1):
        with contextlib.suppress(duckdb.Error):
            return query()
    try:
        return query()
    except duckdb.Error as error:
        raise _as_lake_error(names, error) from error


def _as_lake_error(names: Sequence[str], error: duckdb.Error | ModelCheckError) -> LakeError:
    if isinstance(error, LakeError):
        return error
    return LakeError(f"reading {', '.join(names)}: {' '.join(str(error).split())}")


def set_aside_damaged(
    lake: Lake,
    models: SqlModels,
    names: Sequence[str],
    *,
    window: Window | None = None,
) -> list[str]:
    """Set every damaged file of the tables `names` aside; return their paths."""
    found = []
    for name in names:
        for path in lake.table_files(name, window=window):
            try:
                data = lake.storage.read_bytes(path)
            except FileNotFoundError:
                continue  # another task has settled its day, or set it aside, meanwhile
            _refuse_newer(path, data)
            fault = file_fault(TABLES[name], models, data)
            if fault is not None:
                lake.set_aside(path, data, fault)
                found.append(path)
    return found


def _refuse_newer(path: str, data: bytes) -> None:
    """Raise UnreadableFileError for a newer headroom's file: it is whole, and no reason to set anything aside."""
    try:
        schema = pq.read_schema(io.BytesIO(data))
    except (pa.ArrowException, OSError):
        return  # file_fault says what it is
    check_version(path, schema)


def file_fault(table: Table, models: SqlModels, data: bytes) -> str | None:
    """Say why the file `data` cannot be used as a part of `table`; None where it can.

    A column that is missing is no fault unless the key needs it: files of an earlier version lack what came later.
    """
    try:
        frame = pq.read_table(io.BytesIO(data)).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        return f"not a whole Parquet file: {' '.join(str(error).split())}"
    known = [name for name in table.columns if name in frame.schema.names]
    frame = frame.select(known)
    for name in table.columns:
        if name not in known and name not in table.key:
            field = table.schema.field(name)
            frame = frame.append_column(name, pa.nulls(frame.num_rows, field.type))
    try:
        # Not the fitted rows, in which NaN is null, but those that queries would see.
        fit_frame(table, frame)
    except FrameError as error:
        return str(error).removeprefix(f"{table.name}: ")
    model = models.by_name.get(table.name)
    if model is None:
        return None
    with duckdb.connect() as session:
        broken = [
            result for result in check_rows(session, model, frame) if result.severity == "fail" and not result.is_passed
        ]
    return str(broken[0]).removeprefix(f"{table.name}: ") if broken else None
