"""Columns of a user's Parquet file, opened with care; errors say what was found and expected, callers name the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

_MOST_NAMED: Final = 20


class ParquetFileError(ValueError):
    """A file is no Parquet file, or lacks a column."""


def read_columns(file: Path, names: Sequence[str], *, optional: Sequence[str] = ()) -> pa.Table:
    """Read the columns `names`, and those of `optional` that are there, in that order; ParquetFileError."""
    try:
        if file.is_dir():
            raise ParquetFileError("expected a Parquet file, found a folder")
        if file.exists() and not file.is_file():
            raise ParquetFileError("expected a Parquet file, found no regular file")
        with file.open("rb") as handle:
            parquet = pq.ParquetFile(handle)
            found = parquet.schema_arrow.names
            wanted = [*names, *(name for name in optional if name in found)]
            for name in wanted:
                if found.count(name) != 1:
                    said = "is missing" if name not in found else "is there more than once"
                    raise ParquetFileError(f"{name}: the column {said}; found {_listed(found)}")
            return parquet.read(columns=wanted)
    except FileNotFoundError as error:
        raise ParquetFileError("there is no such file") from error
    except pa.ArrowException as error:
        raise ParquetFileError(f"not a Parquet file: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise ParquetFileError(f"cannot be read: {error.strerror or error}") from error


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED]) or 'none'}{more}"
