"""The series that `headroom forecast` and `headroom backtest` read: a Parquet file as a frame, its columns checked."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from headroom.forecasting.series_frames import COLUMNS
from headroom.pipelines.parquet_file import ParquetFileError, read_columns

if TYPE_CHECKING:
    import pandas as pd

_is_timestamp, _is_integer = pa.types.is_timestamp, pa.types.is_integer


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(_is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


_WANTED: Final[dict[str, tuple[str, Callable[[pa.DataType], bool]]]] = {
    "unique_id": ("text", _is_text),
    "ds": ("timestamps in UTC or whole numbers", lambda kind: _is_timestamp(kind) or _is_integer(kind)),
    "y": ("numbers", _is_number),
}


def read_series_file(file: Path) -> "pd.DataFrame":
    """Return `unique_id`, `ds` and `y` of every row, `y` as float64; ParquetFileError, naming the column, otherwise.

    Other columns are not read. What a frame's own index was is a column like the others.
    """
    table = read_columns(file, COLUMNS).replace_schema_metadata(None)
    if not len(table):
        raise ParquetFileError("there are no rows; expected at least one series")
    for name, (wanted, is_right) in _WANTED.items():
        column = table[name]
        if not is_right(column.type):
            raise ParquetFileError(f"{name}: expected {wanted}, found {column.type}")
        if name != "y" and column.null_count:
            raise ParquetFileError(f"{name}: expected a value in every row, found none in {column.null_count} rows")
    text = pc.cast(table["unique_id"], pa.large_string())
    numbers = pc.cast(table["y"], pa.float64(), safe=False)
    try:
        text.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ParquetFileError("unique_id: expected text in UTF-8, found other bytes") from error
    try:
        frame: pd.DataFrame = pa.table({"unique_id": text, "ds": table["ds"], "y": numbers}).to_pandas()
    except (KeyError, pa.ArrowInvalid) as error:  # a time zone that nobody knows
        raise ParquetFileError(f"ds: expected timestamps in UTC, found {table['ds'].type}") from error
    return frame
