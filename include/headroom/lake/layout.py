"""Where a table's files stand in the lake; pure, and the only place that spells or reads these paths.

One task owns one file: `hour=<hour>/<part>.parquet` for an hour of a chunk of fleets, `day=<day>/settled.parquet` for a
settled day, which hides that day's hour files, and `period=<month>/assembly.parquet` for a billing period.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from headroom.domain.window import DAY, HOUR, Window, floor_hour
from headroom.lake.errors import PathError
from headroom.lake.tables import TABLES

CHUNK_COUNT: Final = 16
"""Fixed for the life of a lake: a fleet's chunk is in the names of its files."""

_SETTLED_FILE: Final = "/settled.parquet"
_HOUR_FORMAT: Final = "%Y-%m-%dT%H"
_LONGEST_LISTING_BY_DAY: Final = timedelta(days=8)


def chunk_of(fleet_id: str) -> int:
    """Return the chunk a fleet belongs to, by a hash of its id alone, so that adding a fleet moves no other.

    >>> chunk_of("chat-large") == chunk_of("chat-large")
    True
    """
    return int(hashlib.sha256(fleet_id.encode()).hexdigest()[:8], 16) % CHUNK_COUNT


def chunk_name(chunk: int) -> str:
    """Return the part name of a chunk.

    >>> chunk_name(7)
    'chunk=07'
    """
    if not 0 <= chunk < CHUNK_COUNT:
        raise PathError(f"chunk {chunk}: expected 0 to {CHUNK_COUNT - 1}")
    return f"chunk={chunk:02d}"


def table_folder(table: str) -> str:
    """Return the folder of a table; raise PathError for a table the lake does not have."""
    if table not in TABLES:
        raise PathError(f"no table {table!r} in the lake; known are {', '.join(sorted(TABLES))}")
    return f"{TABLES[table].layer}/{table}"


def hourly_path(table: str, hour_start_utc: datetime, part: str) -> str:
    """Return the path of one hour's file of a chunk (`part` as chunk_name gives it) or of the whole hour ("all").

    >>> hourly_path("metric_sample", datetime(2026, 11, 18, 5, tzinfo=UTC), "chunk=07")
    'raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet'
    """
    hour = floor_hour(hour_start_utc)
    if hour != hour_start_utc:
        raise PathError(f"{hour_start_utc.isoformat()} is not the start of an hour")
    if not part or "/" in part:
        raise PathError(f"part {part!r}: expected chunk_name(chunk) or 'all'")
    return f"{table_folder(table)}/hour={hour.strftime(_HOUR_FORMAT)}/{part}.parquet"


def settled_path(table: str, day: date) -> str:
    """Return the path of a settled day's file.

    >>> settled_path("metric_sample", date(2026, 11, 18))
    'raw/metric_sample/day=2026-11-18/settled.parquet'
    """
    return f"{table_folder(table)}/day={_plain_date(day).isoformat()}{_SETTLED_FILE}"


def daily_path(table: str, day: date, part: str) -> str:
    """Return the path of one chunk's file of a day, for tables that a mapped task writes by chunk (plans).

    >>> daily_path("mart_plan__rightsizing", date(2026, 11, 18), "chunk=07")
    'mart/mart_plan__rightsizing/day=2026-11-18/chunk=07.parquet'
    """
    if not part or "/" in part:
        raise PathError(f"part {part!r}: expected chunk_name(chunk)")
    return f"{table_folder(table)}/day={_plain_date(day).isoformat()}/{part}.parquet"


def period_path(table: str, period_start: date) -> str:
    """Return the path of a billing period's file; the period is the month `period_start` lies in.

    >>> period_path("billing_line", date(2026, 11, 1))
    'raw/billing_line/period=2026-11/assembly.parquet'
    """
    return f"{table_folder(table)}/period={_plain_date(period_start):%Y-%m}/assembly.parquet"


@dataclass(frozen=True, slots=True)
class Partition:
    """What a file's path says: the span of time it covers, and whether it is an hour's, a day's or a period's."""

    path: str
    grain: str
    span: Window


def parse_partition(path: str) -> Partition | None:
    """Return the partition that `path` names, or None for a file that is none of a table's."""
    if not path.endswith(".parquet"):
        return None
    folder = path.rsplit("/", 2)[-2] if path.count("/") >= 1 else ""
    grain, span = _grain_and_span(folder)
    return None if span is None else Partition(path, grain, span)


@lru_cache(maxsize=8192)
def _grain_and_span(folder: str) -> tuple[str, Window | None]:
    """Return what a partition folder's name says; many files share one, and reading its time is what costs."""
    grain, _, value = folder.partition("=")
    try:
        if grain == "hour":
            start = datetime.strptime(value, _HOUR_FORMAT).replace(tzinfo=UTC)
            return grain, Window(start, start + HOUR)
        if grain == "day":
            start = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
            return grain, Window(start, start + DAY)
        if grain == "period":
            start = datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC)
            return grain, Window(start, (start + 31 * DAY).replace(day=1))
    except (ValueError, OverflowError):  # the last day of the last year ends nowhere
        return grain, None
    return grain, None


def folder_prefixes(window: Window | None) -> tuple[str, ...]:
    """Return name prefixes of the partition folders that may hold rows of `window`: few for a short window.

    Listing by them keeps the reading of one hour from walking six weeks of files.
    """
    if window is None:
        return ("",)
    last = window.end_utc - timedelta(microseconds=1)
    months = _months(window.start_utc.date(), last.date())
    periods = tuple(f"period={month}" for month in months)
    if floor_hour(window.start_utc) == floor_hour(last):
        return (f"hour={last.strftime(_HOUR_FORMAT)}", f"day={last.date().isoformat()}", *periods)
    if window.end_utc - window.start_utc <= _LONGEST_LISTING_BY_DAY:
        days = [day.day.isoformat() for day in window.days()]
    else:
        days = list(months)
    return (*(f"{grain}={day}" for day in days for grain in ("hour", "day")), *periods)


def holds_fleets_of(path: str, chunks: Collection[int] | None) -> bool:
    """Whether the file may hold rows of fleets in `chunks`: every file but another chunk's; None means any chunk.

    >>> holds_fleets_of("raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet", {3})
    False
    >>> holds_fleets_of("raw/metric_sample/day=2026-11-18/settled.parquet", {3})
    True
    """
    name = path.rsplit("/", 1)[-1].removesuffix(".parquet")
    return chunks is None or not name.startswith("chunk=") or name in {chunk_name(chunk) for chunk in chunks}


def visible_partitions(paths: list[str], window: Window | None) -> list[str]:
    """Return the paths to read, sorted: those that touch `window`, without hour files of a day that is settled."""
    partitions = [partition for partition in map(parse_partition, paths) if partition is not None]
    settled = {partition.span.day for partition in partitions if partition.path.endswith(_SETTLED_FILE)}
    return sorted(
        partition.path
        for partition in partitions
        if not (partition.grain == "hour" and partition.span.day in settled)
        and (window is None or _overlap(partition.span, window))
    )


def _overlap(first: Window, second: Window) -> bool:
    return first.start_utc < second.end_utc and second.start_utc < first.end_utc


def _months(first: date, last: date) -> list[str]:
    month = first.replace(day=1)
    months = []
    while month <= last:
        months.append(f"{month:%Y-%m}")
        month = (month + timedelta(days=31)).replace(day=1)
    return months


def _plain_date(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day
