"""Which paths the lake takes: the one guard that every storage asks, whatever a name was made from.

A path names a file below the root, on a disk and in S3 alike, and means the same to DuckDB, which reads `*` and `[` as
patterns. What others named (a bill's file) goes through `file_name` first.
"""

import re
from typing import Final

from headroom.lake.errors import PathError

LONGEST_NAME_BYTES: Final = 200
"""Disks take 255; a write under way adds 34."""
LONGEST_PATH_BYTES: Final = 900
"""S3 takes 1,024, the lake's own prefix included."""

_HOSTILE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\*?\[\]{}\u2028\u2029]|%(?:2e|2f|5c|00)", re.IGNORECASE)
_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._=-]+")
_SHOWN: Final = 80


def checked_path(path: str) -> str:
    """Return `path`; raise PathError when it is empty, absolute, too long, or could name anything outside the root.

    >>> checked_path("raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet")
    'raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet'
    """
    parts = path.split("/")
    # A name that starts with a dot is a write under way, which nobody lists; that covers "." and "..".
    if any(not part or part.startswith(".") for part in parts) or _HOSTILE.search(path) or not _is_utf8(path):
        expected = "expected a relative path inside the lake, without '..', hidden or empty parts and patterns"
        raise PathError(f"path {path[:_SHOWN]!r}: {expected}")
    longest = max(len(part.encode()) for part in parts)
    if longest > LONGEST_NAME_BYTES or len(path.encode()) > LONGEST_PATH_BYTES:
        limits = f"names of at most {LONGEST_NAME_BYTES} bytes in a path inside the lake of at most"
        raise PathError(f"path {path[:_SHOWN]!r}…: expected {limits} {LONGEST_PATH_BYTES}")
    return path


def file_name(foreign: str) -> str:
    """Return a name for a file of the lake made from one that others chose; equal names in, equal names out.

    >>> file_name("../bill 00001.snappy.parquet")
    '_bill_00001.snappy.parquet'
    """
    return _UNSAFE_IN_NAMES.sub("_", foreign).lstrip(".")[-LONGEST_NAME_BYTES // 2 :] or "_"


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # half a surrogate pair: no disk and no S3 takes it
        return False
    return True
