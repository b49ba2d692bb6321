"""The lake: tables as Parquet files, one file per write, and small JSON documents, over a Storage."""

import io
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from headroom.domain.window import Window
from headroom.lake.errors import UnreadableFileError
from headroom.lake.frames import fit_frame, parquet_bytes
from headroom.lake.layout import (
    folder_prefixes,
    holds_fleets_of,
    parse_partition,
    settled_path,
    table_folder,
    visible_partitions,
)
from headroom.lake.storage import Storage
from headroom.lake.tables import SCHEMA_VERSION, Table

Read = TypeVar("Read")
MOST_JSON_BYTES = 32 * 1024 * 1024
"""Far above a report of a thousand fleets; a larger document is not ours, and would fill a task's memory."""
QUARANTINE_FOLDER = "quarantine"
"""Where refused and damaged files are kept: no view of the lake looks there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What a write did; `is_changed` is False when the very bytes were already there and nothing was written."""

    path: str
    row_count: int
    is_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata:
    """What a table file says of itself."""

    schema_version: int
    fingerprint: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file that was set aside: where it stood, where it is kept ("" where it could not be moved), what is wrong."""

    path: str
    kept: str
    reason: str

    def __str__(self) -> str:
        kept = f"kept as {self.kept}, and" if self.kept else "it stays where it is, and is"
        return f"{self.reason}; {kept} treated as missing until it is made anew"


class Lake:
    """Tables and documents under one storage root; `damaged` are the files set aside since it was opened."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.damaged: list[DamagedFile] = []

    def write_table(self, path: str, table: Table, frame: pa.Table, *, fingerprint: str) -> WriteResult:
        """Replace the table file at `path` by `frame`, fitted to the table's schema and sorted by its key.

        `fingerprint` names the source's version (assembly id, ETags). Raise FrameError when the frame does not fit.
        """
        fitted = fit_frame(table, frame)
        is_changed = self._write_if_different(path, parquet_bytes(fitted, fingerprint=fingerprint))
        return WriteResult(path=path, row_count=fitted.num_rows, is_changed=is_changed)

    def read_table(self, path: str) -> pa.Table | None:
        """Return the rows of one file, or None when it is not there; a damaged one is set aside first.

        Raise UnreadableFileError for a file that a newer headroom wrote in another way.
        """
        rows = self._read_parquet(path, pq.read_table)
        if rows is None:
            return None
        check_version(path, rows.schema)
        return rows.replace_schema_metadata(None)

    def read_metadata(self, path: str) -> FileMetadata | None:
        """Return what the file says of itself, or None when it is not there; for skipping a source already read.

        A damaged file is set aside, as in read_table; UnreadableFileError for Parquet that another program or a newer
        headroom wrote.
        """
        schema = self._read_parquet(path, pq.read_schema)
        if schema is None:
            return None
        check_version(path, schema)
        metadata = schema.metadata or {}
        try:
            return FileMetadata(
                schema_version=int(metadata[b"headroom.schema_version"]),
                fingerprint=metadata[b"headroom.fingerprint"].decode(),
                row_count=int(metadata[b"headroom.row_count"]),
            )
        except KeyError as error:
            raise UnreadableFileError(f"{path}: not a file of the lake, metadata {error} is missing") from error

    def has_settled(self, table_name: str, day: date) -> bool:
        """Whether the day's settled file is there."""
        return self.storage.exists(settled_path(table_name, day))

    def table_files(
        self,
        table_name: str,
        *,
        window: Window | None = None,
        chunks: Collection[int] | None = None,
    ) -> list[str]:
        """Return the files a reader of the table must read: settled days hide their hours.

        `window` and the `chunks` of the fleets that are asked about prune by path.
        """
        folder = table_folder(table_name)
        found = {path for prefix in folder_prefixes(window) for path in self.storage.list(folder, name_prefix=prefix)}
        return [path for path in visible_partitions(sorted(found), window) if holds_fleets_of(path, chunks)]

    def delete_hidden_hours(self, table_name: str, day: date) -> int:
        """Delete the hour files that the day's settled file hides; return how many. Without one, delete none."""
        if not self.has_settled(table_name, day):
            return 0
        hidden = [
            path
            for path in self.storage.list(table_folder(table_name), name_prefix=f"hour={day.isoformat()}")
            if (partition := parse_partition(path)) is not None and partition.grain == "hour"
        ]
        for path in hidden:
            self.storage.delete(path)
        return len(hidden)

    def write_json(self, path: str, obj: object) -> bool:
        """Replace a JSON document, keys sorted; return whether anything changed. NaN is refused: say None."""
        return self._write_if_different(path, json_bytes(obj))

    def write_json_once(self, path: str, obj: object) -> bool:
        """Create a JSON document; return False, leaving it as it is, when it is already there."""
        return self.storage.write_bytes_if_absent(path, json_bytes(obj))

    def read_json(self, path: str) -> Any:  # noqa: ANN401, a JSON document is any plain value
        """Return the document, or None when it is not there; raise UnreadableFileError when it is not JSON."""
        try:
            data = self.storage.read_bytes(path, most_bytes=MOST_JSON_BYTES)
        except FileNotFoundError:
            return None
        try:
            return json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise UnreadableFileError(f"{path}: not a JSON document: {error}") from error

    def _write_if_different(self, path: str, data: bytes) -> bool:
        try:
            if self.storage.read_bytes(path) == data:
                return False
        except FileNotFoundError:
            pass
        self.storage.write_bytes(path, data)
        return True

    def _read_parquet(self, path: str, read: Callable[[io.BytesIO], Read]) -> Read | None:
        try:
            data = self.storage.read_bytes(path)
        except FileNotFoundError:
            return None
        try:
            return read(io.BytesIO(data))
        except (pa.ArrowException, OSError) as error:
            self.set_aside(path, data, f"not a whole Parquet file: {' '.join(str(error).split())}")
            return None

    def set_aside(self, path: str, data: bytes, reason: str) -> None:
        """Move the file whose content is `data` into quarantine, the reason beside it, and note it in `damaged`.

        What another task has put in its place meanwhile stays.
        """
        kept = f"{QUARANTINE_FOLDER}/{path}.damaged"
        self.storage.write_bytes(kept, data)
        self.write_json(f"{kept}.json", {"meant_for": path, "reason": reason})
        try:
            is_same = self.storage.read_bytes(path) == data
        except FileNotFoundError:
            is_same = False
        if is_same:
            self.storage.delete(path)
        self.damaged.append(DamagedFile(path=path, kept=kept, reason=reason))

    def leave_out(self, path: str, reason: str) -> None:
        """Note in `damaged` a file that can be neither used nor moved."""
        self.damaged.append(DamagedFile(path=path, kept="", reason=reason))


def check_version(path: str, schema: pa.Schema) -> None:
    """Raise UnreadableFileError where a newer headroom wrote the file; an older one's only lacks what came later."""
    found = (schema.metadata or {}).get(b"headroom.schema_version", b"0")
    if found.isdigit() and int(found) > SCHEMA_VERSION:
        raise UnreadableFileError(
            f"{path}: written by a newer headroom, schema version {int(found)}; this one knows {SCHEMA_VERSION}: "
            "upgrade it, or go back with docs/upgrading.md",
        )


def json_bytes(obj: object) -> bytes:
    """Return canonical JSON: sorted keys, UTF-8, times in ISO 8601, decimals as text; ValueError for NaN."""
    text = json.dumps(obj, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    return (text + "\n").encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a JSON document of the lake")
