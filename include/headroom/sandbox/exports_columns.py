"""Columns of a bill's Parquet file: one value for all lines, one a template, or one a line."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from headroom.domain.window import Window
from headroom.sandbox.billing_lines import AMOUNT_DIGITS, BillLines, LineTemplate
from headroom.sandbox.world_interface import Floats
from headroom.units import SECONDS_PER_HOUR

Mask = npt.NDArray[np.bool_]
MOMENT: Final = pa.timestamp("ms")
"""AWS writes timestamps in milliseconds and without a zone; they are in UTC."""
TEXT_MAP: Final = pa.map_(pa.string(), pa.string())


class LineColumns:
    """Builds columns for `lines`, in the order given by `rows` (indices into the lines, which may repeat)."""

    def __init__(self, lines: BillLines, rows: npt.NDArray[np.int64], period: Window) -> None:
        self._lines = lines
        self._rows = rows
        self._template = lines.template[rows]
        self._period = period

    def __len__(self) -> int:
        return len(self._rows)

    def same(self, value: str | None) -> pa.Array:
        """One text for all lines; None gives nulls."""
        if value is None:
            return pa.nulls(len(self), pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(self), dtype=np.int32)), pa.array([value]))

    def period(self) -> tuple[pa.Array, pa.Array]:
        """Start and end of the billing period."""
        return self._moment(self._period.start_utc), self._moment(self._period.end_utc)

    def _moment(self, moment: datetime) -> pa.Array:
        return pa.repeat(pa.scalar(moment.replace(tzinfo=None), MOMENT), len(self))

    def hours(self) -> tuple[pa.Array, pa.Array]:
        """Start and end of each line's hour."""
        starts = self._lines.hours[self._rows]
        ends = starts + np.timedelta64(SECONDS_PER_HOUR, "s")
        return pa.array(starts).cast(MOMENT), pa.array(ends).cast(MOMENT)

    def intervals(self) -> pa.Array:
        """Each line's hour as CUR writes an interval, `2026-11-01T00:00:00Z/2026-11-01T01:00:00Z`."""
        hours, place = np.unique(self._lines.hours[self._rows], return_inverse=True)
        texts = [f"{hour}Z/{hour + np.timedelta64(SECONDS_PER_HOUR, 's')}Z" for hour in hours]
        return pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int32)), pa.array(texts))

    def identities(self, suffix: Sequence[str]) -> pa.Array:
        """An id for each line: its template's fingerprint, its hour, and a suffix where a line is told twice."""
        hours = self._lines.hours[self._rows].astype(np.int64) // SECONDS_PER_HOUR
        prints = [template.fingerprint for template in self._lines.templates]
        parts = zip(self._template.tolist(), hours.tolist(), suffix, strict=True)
        return pa.array([f"{prints[template]}{hour:08x}{part}" for template, hour, part in parts])

    def texts(self, of: Callable[[LineTemplate], str | None]) -> pa.Array:
        """A text that the template decides."""
        values = pa.array([of(template) for template in self._lines.templates], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(self._template.astype(np.int32)), values).cast(pa.string())

    def maps(self, of: Callable[[LineTemplate], dict[str, str] | None]) -> pa.Array:
        """A map of texts that the template decides."""
        values = [of(template) for template in self._lines.templates]
        pairs = [None if value is None else list(value.items()) for value in values]
        return pa.array(pairs, TEXT_MAP).take(pa.array(self._template))

    def numbers(self, of: Callable[[LineTemplate], float]) -> Floats:
        """A number that the template decides."""
        return np.array([of(template) for template in self._lines.templates])[self._template]

    def quantity(self) -> Floats:
        """Hours used."""
        return self._lines.quantity[self._rows]

    def used_usd(self) -> Floats:
        """What was used of the commitment, in fee lines."""
        return self._lines.used_usd[self._rows]


def texts_where(mask: Mask, yes: str | None, no: str | None) -> pa.Array:
    """Return `yes` where the mask is set and `no` elsewhere."""
    return pa.array([no, yes], pa.string()).take(pa.array(mask.astype(np.int8)))


def amounts(values: Floats, *, there: Mask | None = None) -> pa.Array:
    """Return amounts as AWS delivers them, DOUBLE of ten digits; null where `there` is False."""
    rounded = np.round(values, AMOUNT_DIGITS)
    return pa.array(rounded, pa.float64(), mask=None if there is None else ~there)


def parquet_bytes(columns: dict[str, pa.Array]) -> bytes:
    """Return the columns as a snappy Parquet file without Arrow's own schema, as another writer would leave it."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="snappy", store_schema=False)
    return bytes(sink.getvalue().to_pybytes())
