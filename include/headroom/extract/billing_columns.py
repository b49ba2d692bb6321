"""Typed columns out of a batch of a bill's Parquet file; what is missing or of another type is named, never guessed."""

import json
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from headroom.extract.errors import BadExport
from headroom.extract.exact_money import MONEY, money_from_doubles

_MOMENT: Final = pa.timestamp("us", tz="UTC")


class BillBatch:
    """A batch of rows of one file of an export."""

    def __init__(self, rows: pa.Table, *, file: str) -> None:
        self._rows = rows
        self._file = file
        self.row_count = rows.num_rows

    def fault(self, column: str, message: str) -> BadExport:
        """Return a BadExport that names file and column."""
        return BadExport(f"{self._file}: column {column}: {message}")

    def has(self, *names: str) -> bool:
        """Return whether the file has a column of one of these names."""
        return any(name in self._rows.column_names for name in names)

    def texts(self, *names: str, is_required: bool = False) -> pa.Array:
        """Return a text column under the first of the names that is there; an empty text is null."""
        column = self._column(names, is_required=is_required)
        if column is None:
            return pa.nulls(self.row_count, pa.string())
        self._expect(names[0], column, "a text", pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
        texts = self._cast(names[0], column, pa.string())
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def moments(self, name: str) -> pa.Array:
        """Return a required timestamp column in UTC; AWS writes its timestamps without a zone, in UTC."""
        column = self._column((name,), is_required=True)
        assert column is not None  # noqa: S101, is_required raises
        self._expect(name, column, "a timestamp", pa.types.is_timestamp)
        if column.type.tz is None:
            column = column.cast(pa.timestamp("us"), safe=False)
        return column.cast(_MOMENT, safe=False)

    def quantities(self, name: str, *, is_required: bool = False) -> pa.Array:
        """Return a column of quantities as doubles."""
        column = self._column((name,), is_required=is_required)
        if column is None:
            return pa.nulls(self.row_count, pa.float64())
        numeric = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
        self._expect(name, column, "a number", *numeric)
        return self._cast(name, column, pa.float64())

    def money(self, *names: str, is_required: bool = False) -> pa.Array:
        """Return a column of amounts as decimal(38,10), exactly; texts are read too, as CUR has some amounts so."""
        column = self._column(names, is_required=is_required)
        if column is None:
            return pa.nulls(self.row_count, MONEY)
        kinds = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_string)
        self._expect(names[0], column, "an amount (DOUBLE or DECIMAL)", *kinds)
        try:
            if pa.types.is_string(column.type):
                column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column).cast(pa.float64())
            if pa.types.is_floating(column.type):
                return money_from_doubles(column.cast(pa.float64()))
            if pa.types.is_integer(column.type):
                return column.cast(pa.decimal128(19, 0)).cast(MONEY)
            return pc.round(column, ndigits=MONEY.scale, round_mode="half_to_even").cast(MONEY)
        except (ValueError, pa.ArrowInvalid) as error:
            raise self.fault(names[0], f"expected amounts; {error}") from error

    def tags(self, name: str, *, own_prefix: str, is_required: bool = False) -> pa.Array:
        """Return tags as JSON objects with sorted keys, `own_prefix` being taken off the keys; null without a tag.

        Read are maps (what AWS writes), structs, and JSON texts.
        """
        column = self._column((name,), is_required=is_required)
        if column is None:
            return pa.nulls(self.row_count, pa.string())
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            encoded = pc.dictionary_encode(column.cast(pa.string()))
            canonical = [self._tags_from_text(name, text, own_prefix) for text in encoded.dictionary.to_pylist()]
            return pa.array(canonical, pa.string()).take(encoded.indices)
        self._expect(name, column, "a map or a JSON text", pa.types.is_map, pa.types.is_struct)
        written: dict[Any, str | None] = {}
        texts = []
        for entry in column.to_pylist():
            pairs = tuple(entry.items() if isinstance(entry, dict) else entry) if entry else ()
            if pairs not in written:
                written[pairs] = _canonical(dict(pairs), own_prefix)
            texts.append(written[pairs])
        return pa.array(texts, pa.string())

    def tags_from_columns(self, *, column_prefix: str, own_prefix: str) -> pa.Array:
        """Return tags that an export has as columns of their own (`resource_tags_user_fleet`), as `tags` does."""
        names = [name for name in self._rows.column_names if name.startswith(column_prefix)]
        keys = [name.removeprefix(column_prefix) for name in names]
        columns = [self.texts(name).to_pylist() for name in names]
        return pa.array(
            [_canonical(dict(zip(keys, row, strict=True)), own_prefix) for row in zip(*columns, strict=True)],
            pa.string(),
        )

    def _tags_from_text(self, name: str, text: str | None, own_prefix: str) -> str | None:
        if not text:
            return None
        try:
            parsed = json.loads(text)
        except json.JSONDecodeError as error:
            raise self.fault(name, f"expected JSON, found {text[:80]!r}: {error}") from error
        if not isinstance(parsed, dict):
            raise self.fault(name, f"expected a JSON object, found {text[:80]!r}")
        return _canonical(parsed, own_prefix)

    def _column(self, names: tuple[str, ...], *, is_required: bool) -> pa.Array | None:
        for name in names:
            if name in self._rows.column_names:
                column = self._rows[name].combine_chunks()
                return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        if is_required:
            raise self.fault(names[0], "is missing; the export must select it")
        return None

    def _expect(self, name: str, column: pa.Array, wanted: str, *kinds: Callable[[pa.DataType], bool]) -> None:
        if not pa.types.is_null(column.type) and not any(kind(column.type) for kind in kinds):
            raise self.fault(name, f"expected {wanted}, found {column.type}")

    def _cast(self, name: str, column: pa.Array, wanted: pa.DataType) -> pa.Array:
        try:
            return column.cast(wanted)
        except pa.ArrowInvalid as error:
            raise self.fault(name, f"expected {wanted}; {error}") from error


def _canonical(tags: dict[str, Any], own_prefix: str) -> str | None:
    present = {key.removeprefix(own_prefix): value for key, value in tags.items() if value is not None and value != ""}
    return json.dumps(present, sort_keys=True, ensure_ascii=False) if present else None


def instance_type_of(usage_types: pa.Array, *named: pa.Array) -> pa.Array:
    """Return the instance type a line is about: from its usage type, else from the first of `named` that gives one.

    `USE1-SpotUsage:g5.12xlarge` gives g5.12xlarge, `Host:ml.g5.2xlarge` gives ml.g5.2xlarge; a plain `BoxUsage` (which
    means m1.small) and storage, traffic and requests give null.
    """
    found = [_extracted(usage_types, _IN_USAGE_TYPE), *(_extracted(names, _AT_START) for names in named)]
    return pc.coalesce(*found)


_TYPE: Final = r"(?P<type>(?:ml\.)?[a-z][a-z0-9-]*\.[a-z0-9]+(?:-[a-z0-9]+)*)"
_IN_USAGE_TYPE: Final = (
    r"(?:^|-)(?:BoxUsage|SpotUsage|DedicatedUsage|HostBoxUsage|HeavyUsage|UnusedBox|UnusedDed|Host|Hst):" + _TYPE
)
_AT_START: Final = "^" + _TYPE


def _extracted(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(texts, pattern), "type")
