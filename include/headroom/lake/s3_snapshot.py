"""S3 objects as DuckDB reads them: every object in the version that was there when a query first asked for it.

DuckDB opens a file several times a query, for its schema, its statistics and its rows. Read straight from S3, an object
that another task replaces meanwhile gives the footer of one version and the rows of another.
"""

import io
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError
from fsspec import AbstractFileSystem

MOST_BYTES_WHOLE: Final = 16 * 1024 * 1024
"""Objects up to this size are fetched whole: one request in place of a dozen. A lake's files have a few KiB to MiB."""
MOST_BYTES_KEPT: Final = 256 * 1024 * 1024
"""Objects fetched whole are kept for the query; beyond this sum, further ones are read in ranges."""
ABSENT_CODES: Final = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """One version of an object; `content` is None where it is read in ranges."""

    etag: str
    size_bytes: int
    modified_utc: datetime
    content: bytes | None


class S3Snapshot(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The objects of S3, each in the version first seen, for the queries of one session.

    Where an object read in ranges is replaced, S3 refuses the next range (If-Match) and the query fails with OSError:
    asked again with a new snapshot, it sees the new version.
    """

    protocol = "s3"
    cachable = False  # fsspec would hand the same snapshot to everybody

    def __init__(self, client: Any) -> None:  # noqa: ANN401, boto3 clients have no type
        super().__init__()
        self._client = client
        self._versions: dict[str, _Version] = {}
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def info(self, path: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401, fsspec's signature
        """Return name, size and kind; FileNotFoundError where the object is not there."""
        version = self._version(path)
        return {"name": self._strip_protocol(path), "size": version.size_bytes, "type": "file"}

    def modified(self, path: str) -> datetime:
        """Return when the version was written."""
        return self._version(path).modified_utc

    def glob(self, path: str, **_: Any) -> list[str]:  # noqa: ANN401, fsspec's signature
        """Return the path itself where it is there: the lake names its files one by one, without wildcards."""
        try:
            self._version(path)
        except FileNotFoundError:
            return []
        return [self._strip_protocol(path)]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.IOBase:  # noqa: ANN401, fsspec's signature
        if mode != "rb":
            raise ValueError(f"{path}: a snapshot is read only")
        version = self._version(path)
        if version.content is not None:
            return io.BytesIO(version.content)
        return _Ranges(self._client, self._strip_protocol(path), version)

    def _version(self, path: str) -> _Version:
        name = self._strip_protocol(path)
        with self._lock:  # two threads that fetch at once could see two versions
            if name not in self._versions:
                version = self._fetch(name)
                self._versions[name] = version
                self._kept_bytes += len(version.content or b"")
            return self._versions[name]

    def _fetch(self, name: str) -> _Version:
        bucket, _, key = name.partition("/")
        try:
            response = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in ABSENT_CODES:
                raise FileNotFoundError(f"s3://{name}") from error
            raise
        size = int(response["ContentLength"])
        is_whole = size <= MOST_BYTES_WHOLE and self._kept_bytes + size <= MOST_BYTES_KEPT
        with response["Body"] as body:
            content = body.read() if is_whole else None
        return _Version(etag=response["ETag"], size_bytes=size, modified_utc=response["LastModified"], content=content)


class _Ranges(io.RawIOBase):
    """One version of a large object, read in ranges."""

    def __init__(self, client: Any, name: str, version: _Version) -> None:  # noqa: ANN401, boto3 clients have no type
        super().__init__()
        self._client = client
        self._name = name
        self._version = version
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._version.size_bytes}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401, anything to write into; Buffer is Python 3.12's
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._version.size_bytes)
        if end <= self._position:
            return 0
        bucket, _, key = self._name.partition("/")
        try:
            response = self._client.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={self._position}-{end - 1}", IfMatch=self._version.etag
            )
        except ClientError as error:
            raise OSError(f"s3://{self._name} was replaced or removed while it was read: {error}") from error
        with response["Body"] as body:
            data = body.read()
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def error_code(error: ClientError) -> str:
    """Return S3's code of a refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))
