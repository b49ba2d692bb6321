"""Which processes a try-out has started, on disk, so that another command, or the next try-out, can end them."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from headroom.sandbox.process_group import end_session

START_TOLERANCE_SECONDS = 2.0


class RunningRecord:
    """The file that lists, by process id and start time, what runs and who started it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, process_ids: Iterable[int]) -> None:
        """Record the sessions whose leaders are `process_ids`, and this process as their starter."""
        record = {"starter": _identify(os.getpid()), "sessions": [_identify(process_id) for process_id in process_ids]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(record))
        beside.replace(self.path)

    def living_starter(self) -> int | None:
        """Return the process that started what is recorded, if it still runs and is another than this one."""
        starter = self._read()["starter"]
        if starter is None or starter["process_id"] == os.getpid():
            return None
        return int(starter["process_id"]) if _is_same(starter) else None

    def end_all(self) -> int:
        """End every recorded session and forget them; return how many there were."""
        sessions = [entry for entry in self._read()["sessions"] if entry and (_is_same(entry) or _is_gone(entry))]
        for entry in sessions:
            end_session(entry["process_id"])
        self.path.unlink(missing_ok=True)
        return len(sessions)

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {"starter": None, "sessions": []}
        record: dict[str, Any] = json.loads(self.path.read_text())
        return record


def _identify(process_id: int) -> dict[str, float] | None:
    with suppress(psutil.NoSuchProcess):
        return {"process_id": process_id, "started_at": psutil.Process(process_id).create_time()}
    return None


def _is_same(entry: dict[str, float]) -> bool:
    with suppress(psutil.NoSuchProcess):
        started_at: float = psutil.Process(int(entry["process_id"])).create_time()
        return abs(started_at - entry["started_at"]) < START_TOLERANCE_SECONDS
    return False


def _is_gone(entry: dict[str, float]) -> bool:
    """Whether the leader ended since the machine started; while its session has members its id is not reused."""
    return entry["started_at"] > psutil.boot_time() and not psutil.pid_exists(int(entry["process_id"]))
