"""DuckDB sessions that read the lake: in memory, in UTC, one view per table over the files that count."""

from collections.abc import Collection, Sequence

import duckdb

from headroom.columns import COLUMNS
from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.tables import TABLES, Table

THREADS = 2
"""A task's share of a machine: Airflow runs several at once."""

_TIME_COLUMNS = ("timestamp_utc", "hour_start_utc", "day_utc", "ChargePeriodStart")
_CARRIED_FROM_BEFORE = frozenset({"spot_price"})
"""Tables whose files hold rows from before their window: the price in force when the window began."""


def open_session(*, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that can read the lake, to be closed by the caller, best by `with`."""
    # Extensions would be downloaded at run time; what is used here is built in.
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    session = duckdb.connect(database, config=config)
    session.execute("set TimeZone = 'UTC'")
    return session


def register_tables(
    session: duckdb.DuckDBPyConnection,
    lake: Lake,
    names: Sequence[str],
    *,
    window: Window | None = None,
    chunks: Collection[int] | None = None,
) -> None:
    """Make a temporary view per lake table under its plain name, with exactly its columns; empty where no file is.

    A settled day's file hides that day's hour files. With `window` only files of the hours, days and periods it touches
    are read, and rows outside it are left out by the table's own time. Tables of what a run made (forecasts, plans,
    scores, the ledger) and spot prices, which carry the price in force from before, are cut by file alone. With
    `chunks` the files of other chunks of fleets are left out: an hour of many fleets is many files.
    """
    _see_newest(session, lake)
    for name in names:
        files = [lake.storage.url(path) for path in lake.table_files(name, window=window, chunks=chunks)]
        session.execute(f"create or replace temp view {_quoted(name)} as {_view_sql(TABLES[name], files, window)}")


def _see_newest(session: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Let the session's queries see the files' newest versions, and each file in one version."""
    filesystem = lake.storage.filesystem()
    if filesystem is None:
        return
    # DuckDB's own cache tells versions apart by size and second, which two of them may share.
    session.execute("set enable_external_file_cache = false")
    if session.filesystem_is_registered(filesystem.protocol):
        session.unregister_filesystem(filesystem.protocol)
    session.register_filesystem(filesystem)


def _view_sql(table: Table, files: Sequence[str], window: Window | None) -> str:
    types = duckdb_types(table)
    typed = ", ".join(f"cast({_quoted(name)} as {kind}) as {_quoted(name)}" for name, kind in types.items())
    empty = ", ".join(f"cast(null as {kind}) as {_quoted(name)}" for name, kind in types.items())
    if not files:
        return f"select {empty} where false"
    listed = ", ".join(_literal(file) for file in files)
    source = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
    rows = f"select * from (select {empty} where false) union all by name select * from {source}"  # noqa: S608, names are ours
    return f"select {typed} from ({rows}){_time_filter(table, window)}"  # noqa: S608, as above


def duckdb_types(table: Table) -> dict[str, str]:
    """Return the table's columns with their types as DuckDB spells them."""
    return {name: COLUMNS[name].type if name in COLUMNS else _TYPE_NAMES[str(kind)] for name, kind in _fields(table)}


_TYPE_NAMES = {
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "decimal128(38, 10)": "DECIMAL(38,10)",
    "double": "DOUBLE",
    "string": "VARCHAR",
}


def _fields(table: Table) -> list[tuple[str, object]]:
    return [(field.name, field.type) for field in table.schema]


def _time_filter(table: Table, window: Window | None) -> str:
    if window is None or table.name in _CARRIED_FROM_BEFORE or "made_at_utc" in table.columns:
        return ""
    column = next((name for name in _TIME_COLUMNS if name in table.columns), None)
    if column is None:
        return ""
    if column == "day_utc":
        days = [f"date '{day.day.isoformat()}'" for day in window.days()]
        return f" where day_utc between {days[0]} and {days[-1]}"
    start, end = (f"timestamptz '{moment.isoformat()}'" for moment in (window.start_utc, window.end_utc))
    return f" where {_quoted(column)} >= {start} and {_quoted(column)} < {end}"


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
