"""A frame made to fit its table: checked, cast without loss, in one order; and its Parquet bytes."""

import io
from collections.abc import Callable
from decimal import InvalidOperation
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headroom.lake.errors import FrameError
from headroom.lake.money import money_array
from headroom.lake.tables import SCHEMA_VERSION, Table

_ROWS_PER_GROUP: Final = 131_072


def fit_frame(table: Table, frame: pa.Table) -> pa.Table:
    """Return `frame` with exactly the table's columns and types, sorted by key then by every other column.

    NaN becomes null, which is how tables say missing; floats become money at 10 digits, half to even, from their
    shortest decimal form. Raise FrameError naming column, dtype found and dtype wanted, or a key that stands twice.
    """
    faults = schema_faults(table, frame)
    if faults:
        raise FrameError(f"{table.name}: {faults[0][1]}")
    columns = [_fit_column(table, name, frame[name]) for name in table.columns]
    fitted = pa.table(columns, schema=table.schema).combine_chunks()
    order = [*table.key, *(name for name in table.columns if name not in table.key)]
    fitted = fitted.take(pc.sort_indices(fitted, sort_keys=[(name, "ascending") for name in order]))
    _check_key(table, fitted)
    return fitted


def with_columns_of(table: Table, present: pa.Table) -> pa.Table:
    """Return the rows of an older file of the lake with null in the columns that the table has gained since."""
    for field in table.schema:
        if field.name not in present.column_names:
            present = present.append_column(field, pa.nulls(present.num_rows, field.type))
    return present


def schema_faults(table: Table, frame: pa.Table) -> list[tuple[str, str]]:
    """Return (column, why) for each one missing, unknown, given twice, or of a dtype that cannot become the table's."""
    names = frame.schema.names
    faults = [
        (name, f"column {name!r} is missing; expected {table.schema.field(name).type}")
        for name in table.columns
        if name not in names
    ]
    unknown = sorted(set(names) - set(table.columns))
    faults += [(name, f"unknown column {name!r}; expected {', '.join(table.columns)}") for name in unknown]
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    faults += [(name, f"column {name!r} stands twice") for name in twice]
    for name in table.columns:
        if names.count(name) != 1:
            continue
        found, wanted = _plain_type(frame.schema.field(name).type), table.schema.field(name).type
        if not _may_become(found, wanted):
            faults.append((name, f"column {name!r} has dtype {found}, expected {wanted}"))
    return faults


def parquet_bytes(fitted: pa.Table, *, fingerprint: str) -> bytes:
    """Return the Parquet file of a fitted frame: equal rows and fingerprint give equal bytes; no run time is in it."""
    metadata = {
        "headroom.schema_version": str(SCHEMA_VERSION),
        "headroom.fingerprint": fingerprint,
        "headroom.row_count": str(fitted.num_rows),
    }
    sink = io.BytesIO()
    pq.write_table(
        fitted.replace_schema_metadata(metadata).combine_chunks(),
        sink,
        version="2.6",
        compression="zstd",
        compression_level=3,
        row_group_size=_ROWS_PER_GROUP,
        use_dictionary=True,
        write_statistics=True,
    )
    return sink.getvalue()


def _fit_column(table: Table, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = table.schema.field(name).type
    found = _plain_type(values.type)
    values = values.cast(found)
    if pa.types.is_floating(found):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, found), values)
    try:
        if pa.types.is_decimal(wanted) and pa.types.is_floating(found):
            return pa.chunked_array([money_array(values.to_pylist())])
        return values.cast(wanted)
    except (pa.ArrowInvalid, InvalidOperation) as error:
        message = f"{table.name}: column {name!r} has dtype {found}, which does not fit {wanted}: {error}"
        raise FrameError(message) from error


def _plain_type(found: pa.DataType) -> pa.DataType:
    return found.value_type if pa.types.is_dictionary(found) else found


def _is_number(found: pa.DataType) -> bool:
    return bool(pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found))


_MAY_BECOME: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], bool]], ...]] = (
    (pa.types.is_integer, pa.types.is_integer),
    (pa.types.is_floating, lambda found: bool(pa.types.is_integer(found) or pa.types.is_floating(found))),
    (pa.types.is_decimal, _is_number),
    (pa.types.is_timestamp, lambda found: pa.types.is_timestamp(found) and found.tz is not None),
    (pa.types.is_string, lambda found: bool(pa.types.is_large_string(found) or pa.types.is_string_view(found))),
    (pa.types.is_date, pa.types.is_date),
)
"""Wanted, then found: numbers stay numbers, times keep a zone (a naive one is refused), text stays text."""


def _may_become(found: pa.DataType, wanted: pa.DataType) -> bool:
    if found == wanted or pa.types.is_null(found):
        return True
    return any(is_wanted(wanted) and is_found(found) for is_wanted, is_found in _MAY_BECOME)


def _check_key(table: Table, fitted: pa.Table) -> None:
    if not table.key or fitted.num_rows == 0:
        return
    counts = fitted.group_by(list(table.key)).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))
    if twice.num_rows:
        row: dict[str, Any] = twice.select(list(table.key)).slice(0, 1).to_pylist()[0]
        key = ", ".join(f"{name}={value}" for name, value in row.items())
        raise FrameError(f"{table.name}: {twice.num_rows} keys stand more than once, the first is {key}")
