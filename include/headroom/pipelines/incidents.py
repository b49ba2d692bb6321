"""What people were told already: one file per failing task in the lake, so that a cause is told once while it lasts.

`alerts/<dag>/<task>.json`, created once by the first of several that fail together, gone when the DAG is well again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from headroom.lake.lake import Lake

FOLDER: Final = "alerts"
TELL_AGAIN_AFTER: Final = timedelta(hours=24)
"""A cause that lasts this long is told once more, lest it is forgotten."""
DEADLINE: Final = "deadline"
"""The task under which a run that is not done in time is kept: only a later window's good end closes it."""
LEAF: Final = "check_outcomes"

_VARYING = re.compile(
    r"""\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:?\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?  # a day or moment
      | \b\d{1,2}:\d{2}Z?                              # a time of day
      | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b      # a request's id
      | \b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b                # a hash
      | (?<![\w-])\d+(?:\.\d+)?(?![\w-])               # a count, but no part of a name
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task that failed for good, or a run not done in time; `window` is its key, None for a run without one."""

    dag_id: str
    task_id: str
    window: str | None
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is to be told: since when, and how often up to now."""

    task_id: str
    since_utc: datetime
    count: int

    @property
    def is_new(self) -> bool:
        """Whether this is its first failure."""
        return self.count == 1


def note_failure(lake: Lake, failure: Failure, *, now_utc: datetime) -> Incident | None:
    """Keep a failure; return what to tell of it, or None where people know.

    A failure without a window is of something a person started, and is always told. What the last task of a run says
    is not told where the tasks it is about have said it.
    """
    if failure.window is None:
        return Incident(task_id=failure.task_id, since_utc=now_utc, count=1)
    if failure.task_id == LEAF and _is_told_by_tasks(lake, failure):
        return None
    path, cause = _path(failure.dag_id, failure.task_id), _fingerprint(failure.cause)
    opened: dict[str, Any] = {
        "since_utc": now_utc.isoformat(),
        "window": failure.window,
        "cause": failure.cause,
        "count": 1,
        "told_utc": {cause: now_utc.isoformat()},
    }
    if lake.write_json_once(path, opened):
        return Incident(task_id=failure.task_id, since_utc=now_utc, count=1)
    known: dict[str, Any] = lake.read_json(path) or opened
    told = known["told_utc"].get(cause)
    is_due = told is None or now_utc - datetime.fromisoformat(told) >= TELL_AGAIN_AFTER
    count = known["count"] + (known["window"] != failure.window)
    told_utc = {**known["told_utc"], cause: now_utc.isoformat()} if is_due else known["told_utc"]
    newest = max(known["window"], failure.window)
    lake.write_json(path, {**known, "window": newest, "cause": failure.cause, "count": count, "told_utc": told_utc})
    if not is_due:
        return None
    since_utc = datetime.fromisoformat(known["since_utc"])
    return Incident(task_id=failure.task_id, since_utc=since_utc, count=max(count, 2))


def note_success(lake: Lake, *, dag_id: str, window: str | None) -> list[Incident]:
    """Close what a run of `dag_id` about `window` has shown to be over; return it.

    A run about an earlier window proves nothing. A run that was late ends well all the same, so only a later one shows
    that lateness is over.
    """
    closed = []
    for path in lake.storage.list(f"{FOLDER}/{dag_id}") if window is not None else []:
        task_id = path.rsplit("/", 1)[-1].removesuffix(".json")
        known = lake.read_json(path)
        is_over = known is not None and (
            window > known["window"] or (window == known["window"] and task_id != DEADLINE)
        )
        if is_over:
            lake.storage.delete(path)
            since_utc = datetime.fromisoformat(known["since_utc"])
            closed.append(Incident(task_id=task_id, since_utc=since_utc, count=known["count"]))
    return closed


def _is_told_by_tasks(lake: Lake, failure: Failure) -> bool:
    """Whether every part of what the last task says was told by the tasks of the same run."""
    others: list[Mapping[str, Any]] = [
        known
        for path in lake.storage.list(f"{FOLDER}/{failure.dag_id}")
        if not path.endswith((f"/{LEAF}.json", f"/{DEADLINE}.json"))
        and (known := lake.read_json(path)) is not None
        and known["window"] == failure.window
    ]
    causes = [str(known["cause"]) for known in others]
    if not causes:
        return False
    if failure.cause.startswith("tasks failed"):
        return True
    _, _, listed = failure.cause.partition(" failed: ")
    for cause in causes:
        listed = listed.replace(cause, "")
    # What is left are the steps and subjects whose causes were told.
    return all(part.rstrip().endswith(":") for part in listed.split("; "))


def _fingerprint(cause: str) -> str:
    """Return `cause` without what differs each time it comes: moments, counts, ids of requests."""
    return " ".join(_VARYING.sub("#", cause).split())


def _path(dag_id: str, task_id: str) -> str:
    return f"{FOLDER}/{dag_id}/{task_id}.json"
