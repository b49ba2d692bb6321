"""Settles many days of many fleets through a real Airflow, once in order and once shuffled, and compares the lakes.

    PYTHONPATH=include .venv/bin/python -m tests.bench.long_run_settle --days 90 --fleets 50 --out var/settle.json

The first pass is `airflow backfill create` (LocalExecutor, lake on a disk), the second asks for the same days one by
one in a shuffled order, into a lake of its own. plan_fleets is paused; the warehouse builds itself once at the end.
Written down: wall time, processor seconds, memory over time, how long a day took at the beginning and at the end, how
long listing the lake takes as days accumulate, and the SHA-256 of every file of both lakes. Exits 1 where they differ.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.many_fleets import ManyFleets, memory_mib, processor_seconds, stack_of

from headroom.domain.window import DAY, Window, floor_day
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.demand_history import HISTORY_DAYS
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import AirflowApi, AirflowApiError
from headroom.sandbox.demo_chain import (
    DAG_IDS,
    ChainError,
    DemoCalendar,
    describe_failure,
    request_market_and_bills,
    wait_for,
)

CONCURRENT_DAYS = 2
POLL_SECONDS = 10.0
TRIES = 5
TIMEOUT_SECONDS = 4 * 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--fleets", type=int, default=50)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="headroom-long-run-") as folder:
        passes, lakes = {}, []
        for order in ("forward", "shuffled"):
            stack = stack_of(
                Path(folder) / order, fleet_count=options.fleets, history_days=options.days + 1, is_team=False
            )
            try:
                passes[order] = settle(stack, day_count=options.days, is_shuffled=order == "shuffled")
            finally:
                stack.stop()
            lakes.append(hashes(stack.lake_folder))
            result = {"days": options.days, "fleets": options.fleets, "load": os.getloadavg(), "passes": passes}
            write(options.out, result)
    first, second = lakes
    different = sorted(path for path in {*first, *second} if first.get(path) != second.get(path))
    write(options.out, {**result, "files": len(first), "files_that_differ": different})
    sys.stdout.write(f"{len(first)} files, {len(different)} differ {different[:5]}\n")
    return 1 if different else 0


def write(out: Path, result: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")


def hashes(lake: Path) -> dict[str, str]:
    files = (path for path in sorted(lake.rglob("*")) if path.is_file())
    return {str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def settle(stack: ManyFleets, *, day_count: int, is_shuffled: bool) -> dict[str, Any]:
    """Settle the last `day_count` days; return what it took."""
    stack.prepare()
    stack.start_cloud()
    stack.start_airflow()
    api = stack.airflow.api
    calendar = DemoCalendar(stack.wait_for_cloud())
    stack.airflow.wait_until_ready(set(DAG_IDS))
    api.pause("plan_fleets")
    market = [item for item in request_market_and_bills(api, calendar) if item.dag_id != "extract_spot_prices"]
    wait_for(api, market, show=lambda *_: None, check_running=stack.check_running, timeout_seconds=TIMEOUT_SECONDS)
    days = [Window.day_of(floor_day(calendar.now_utc) - number * DAY) for number in range(day_count, 0, -1)]
    leaders = list(stack.airflow.sessions().values())
    used, began = processor_seconds(leaders), time.monotonic()
    ask_for(stack, days, is_shuffled=is_shuffled)
    seen = follow(stack, days, leaders)
    wall = time.monotonic() - began
    durations = durations_of(stack)
    tenth = max(len(durations) // 10, 1)
    return {
        "wall_seconds": round(wall),
        "airflow_processor_seconds": round(processor_seconds(leaders) - used),
        "load": os.getloadavg(),
        "settle_day_seconds_first_tenth": round(statistics.median(durations[:tenth]), 1),
        "settle_day_seconds_last_tenth": round(statistics.median(durations[-tenth:]), 1),
        **seen,
    }


def ask_for(stack: ManyFleets, days: list[Window], *, is_shuffled: bool) -> None:
    api = stack.airflow.api
    if not is_shuffled:
        first, last = days[0].day, days[-1].day
        api.backfill("settle_days", first_day=first, last_day=last, max_active_runs=CONCURRENT_DAYS)
        return
    for day in random.Random(0).sample(days, len(days)):  # noqa: S311, an order and no secret
        trigger(api, window_key(day))


def trigger(api: AirflowApi, key: str) -> None:
    """Ask for a day; while the scheduler writes, SQLite refuses now and then, and is asked again."""
    for _ in range(TRIES):
        try:
            api.trigger("settle_days", key=key)
        except AirflowApiError as error:
            sys.stderr.write(f"{key}: {error}\n")
            time.sleep(POLL_SECONDS)
        else:
            return
    raise ChainError(f"Airflow would not take {key}")


def follow(stack: ManyFleets, days: list[Window], leaders: list[int]) -> dict[str, Any]:
    """Wait for all runs; return memory of Airflow (MiB, by thirds of the time) and how long listing takes (ms)."""
    memory, listing = [], []
    lake = Lake(LocalStorage(stack.lake_folder))
    history = Window(days[-1].end_utc - HISTORY_DAYS * DAY, days[-1].end_utc)
    wanted = {(dag_id, window_key(day)) for day in days for dag_id in ("settle_days", "report_savings")}
    done: set[tuple[str, str | None]] = set()
    while not wanted <= done:
        time.sleep(POLL_SECONDS)
        stack.check_running()
        runs = stack.airflow.api.runs_of(("settle_days", "report_savings"))
        failed = [run for run in runs if run.state == "failed"]
        if failed:
            raise ChainError(describe_failure(stack.airflow.api, failed[0]))
        done = {(run.dag_id, run.key) for run in runs if run.state == "success"}
        memory.append(memory_mib(leaders))
        began = time.perf_counter()
        count = len(lake.table_files("mart_demand__hourly_by_fleet", window=history))
        listing.append((time.perf_counter() - began) * 1000)
        sys.stderr.write(f"{len(done)} of {len(wanted)} runs, {memory[-1]:.0f} MiB, {count} days\n")
    third = max(len(memory) // 3, 1)
    return {
        "memory_mib_by_third": [round(statistics.median(memory[at : at + third])) for at in (0, third, 2 * third)],
        "memory_mib_highest": round(max(memory)),
        "listing_a_history_ms_first_and_last": [round(listing[0], 2), round(listing[-1], 2)],
    }


def durations_of(stack: ManyFleets) -> list[float]:
    """Return how long each settle_day task ran, in the order in which they began."""
    page = stack.airflow.api._get("dags/settle_days/dagRuns/~/taskInstances", limit=500, task_id="settle_day")  # noqa: SLF001
    spans = [
        (datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"]))
        for task in page["task_instances"]
        if task["task_id"] == "settle_day" and task["end_date"]
    ]
    return [(end - start).total_seconds() for start, end in sorted(spans)]


if __name__ == "__main__":
    sys.exit(main())
