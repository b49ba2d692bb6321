"""Bench of a team: wall time of an hour of 200 fleets, extract to push, with two workers and with one.

The first hour chooses and fits every fleet's members and is told apart. Both workers, the sandbox, the database and
Airflow itself share the machine: `processor_seconds` says who used it, and so what two workers can gain on it.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.long_run_hour import prepare, work_an_hour
from tests.bench.many_fleets import stack_of

from headroom.sandbox.prerequisites import missing_servers

FLEETS = 200
HISTORY_DAYS = 8


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return an hour's seconds to the last verified push, processor seconds and memory, by number of workers."""
    if is_quick:
        return {"skipped": "it starts a team's servers, which takes minutes; `make bench` measures it"}
    missing = missing_servers()
    if missing:
        return {"skipped": "; ".join(missing)}
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        stack = stack_of(Path(folder) / "team", fleet_count=FLEETS, history_days=HISTORY_DAYS, is_team=True)
        try:
            preparation_seconds = prepare(stack, history_days=HISTORY_DAYS)
            first, two = work_an_hour(stack), work_an_hour(stack)
            stack.airflow.stop_worker(2)
            one = work_an_hour(stack)
        finally:
            stack.stop()
    return {
        "fleets": FLEETS,
        "preparation_seconds": preparation_seconds,
        "first_hour_two_workers": _told(first),
        "two_workers": _told(two),
        "one_worker": _told(one),
        "one_worker_over_two": one["close_to_verified_seconds"] / two["close_to_verified_seconds"],
    }


def _told(hour: dict[str, Any]) -> dict[str, Any]:
    used = hour["processor_seconds_until_verified"]
    verified = hour["close_to_verified_seconds"]
    return {
        "close_to_verified_seconds": verified,
        "run_ended_after_seconds": hour["run_ended_after_seconds"],
        "processor_seconds": used,
        "processors_busy_fraction": sum(used.values()) / (verified * (os.cpu_count() or 1)),
        "workers_memory_mib": hour["memory_mib_highest"]["workers"],
        "pushes": hour["pushes"],
    }
