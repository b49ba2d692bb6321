"""Tending the lake: deleting what its policy no longer keeps, and measuring what is left."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from headroom.domain.window import Window
from headroom.lake.retention import expired
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc, read_clock_utc
from headroom.pipelines.on_call import LAKE_SIZE_PATH
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.workspace import Workspace

DAG_ID = "tend_lake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """By folder (a table's, or the first one of the path): files and bytes that go, and those that stay."""

    going_files: dict[str, int]
    going_bytes: dict[str, int]
    kept_files: dict[str, int]
    kept_bytes: dict[str, int]


def tend_lake(window: Window) -> dict[str, Any]:
    """Delete what is no longer kept by the cloud's clock; `window` names the run that asks."""

    def step(workspace: Workspace) -> list[Outcome]:
        closed_at_utc(workspace, window)
        tended = tend(workspace, is_dry_run=False)
        deleted = f"{sum(tended.going_files.values())} files, {sum(tended.going_bytes.values()):,} bytes deleted"
        return [Outcome(step="tend", subject="lake", status=OutcomeStatus.OK, cause=deleted)]

    return run_step(dag_id=DAG_ID, window=window, part="tend", step=step)


def tend(workspace: Workspace, *, is_dry_run: bool) -> Tended:
    """Delete what the policy no longer keeps, unless it is a dry run; say what goes and what stays.

    Files are deleted one by one, oldest path first; broken off anywhere, the next time goes on.
    """
    storage = workspace.lake.storage
    sizes = storage.sizes("")
    going = expired(list(sizes), now_utc=read_clock_utc(workspace))
    if not is_dry_run:
        at_once(storage.delete, going)
    gone = set(going)
    kept = {path: size for path, size in sizes.items() if path not in gone}
    tended = Tended(
        going_files=_count(dict.fromkeys(going, 1)),
        going_bytes=_count({path: sizes[path] for path in going}),
        kept_files=_count(dict.fromkeys(kept, 1)),
        kept_bytes=_count(kept),
    )
    if not is_dry_run:
        workspace.lake.write_json(LAKE_SIZE_PATH, {"bytes": tended.kept_bytes, "files": tended.kept_files})
    return tended


def _count(values: dict[str, int]) -> dict[str, int]:
    """Sum by folder; StatsD takes no slash, so a table goes by its own name."""
    found: Counter[str] = Counter()
    for path, value in values.items():
        parts = path.split("/")
        found[parts[1] if parts[0] in ("raw", "mart") and len(parts) > 2 else parts[0]] += value
    return dict(sorted(found.items()))
