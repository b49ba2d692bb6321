"""Times the hour of a team: from an hour's close until the last push of its actions is read back and verified.

    PYTHONPATH=include .venv/bin/python -m tests.bench.long_run_hour --fleets 1000 --out var/hour.json

CeleryExecutor with two workers, PostgreSQL and Redis, the lake in the sandbox's S3. The first hour is that of fleets
whose members were never chosen, the ones after it are the everyday case; the clock is stopped while an hour is worked
on. Each hour is asked for at its close, as the schedule would a minute later.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.many_fleets import ManyFleets, memory_mib, parts_of, processor_seconds, stack_of

from headroom.domain.window import DAY, HOUR, Window, floor_day, floor_hour
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import DagRun
from headroom.sandbox.demo_chain import DAG_IDS, DemoCalendar, request_market_and_bills, wait_for

PUSH_TASK = "scale_chunk.push.push_chunk"
TIMEOUT_SECONDS = 3600.0
POLL_SECONDS = 2.0
READ_AT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--history-days", type=int, default=8)
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {"fleets": options.fleets, "history_days": options.history_days, "hours": []}
    with tempfile.TemporaryDirectory(prefix="headroom-long-run-") as folder:
        stack = stack_of(
            Path(folder) / "team", fleet_count=options.fleets, history_days=options.history_days, is_team=True
        )
        try:
            result["preparation_seconds"] = prepare(stack, history_days=options.history_days)
            for _ in range(options.hours):
                result["hours"].append(work_an_hour(stack))
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(result, indent=1) + "\n")
        finally:
            stack.stop()
    return 0


def prepare(stack: ManyFleets, *, history_days: int) -> float:
    """Start everything and settle the days before today; return how long it took."""
    began = time.monotonic()
    stack.prepare()
    stack.start_cloud()
    say(f"the cloud is up after {time.monotonic() - began:.0f} s")
    now_utc = stack.wait_for_cloud()
    last = floor_day(now_utc) - DAY
    stack.start_history((last - (history_days - 1) * DAY).date(), last.date())
    wait(stack, stack.is_history_done, "history", check=lambda: None)
    say(f"history is settled after {time.monotonic() - began:.0f} s")
    stack.start_airflow()
    stack.airflow.wait_until_ready(set(DAG_IDS))
    wait_for(
        stack.airflow.api,
        request_market_and_bills(stack.airflow.api, DemoCalendar(now_utc)),
        show=lambda *_: None,
        check_running=stack.check_running,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    say(f"prepared after {time.monotonic() - began:.0f} s")
    return round(time.monotonic() - began)


def work_an_hour(stack: ManyFleets) -> dict[str, Any]:
    """Let an hour close and be worked on; return how long it took until all pushes had ended, and what came of them."""
    clock = stack.cloud.clock()
    stack.cloud.advance(floor_hour(clock) + HOUR + timedelta(seconds=5) - clock)
    window = Window.hour_of(floor_hour(stack.cloud.clock()) - HOUR)
    sessions = parts_of(stack)
    used = {name: processor_seconds(leaders) for name, leaders in sessions.items()}
    highest: dict[str, float] = {}
    began = time.monotonic()
    stack.airflow.api.trigger("extract_utilization", key=window_key(window))
    steps: dict[str, float] = {}

    def is_pushed() -> bool:
        for name in ("airflow", "workers"):
            highest[name] = max(highest.get(name, 0.0), memory_mib(sessions[name]))
        for name, is_done in done_steps(stack, window).items():
            if is_done and name not in steps:
                steps[name] = round(time.monotonic() - began)
                say(f"{name} done after {steps[name]} s")
        return PUSH_TASK in steps

    wait(stack, is_pushed, "the pushes")
    verified = round(time.monotonic() - began)
    to_push = {name: round(processor_seconds(leaders) - used[name]) for name, leaders in sessions.items()}
    states = results(stack, window)
    load = os.getloadavg()
    wait(stack, lambda: is_ended(stack, window), "the run's end")
    ended = time.monotonic() - began
    say(f"{window_key(window)}: verified after {verified} s, ended after {ended:.0f} s, {dict(states)}")
    return {
        "hour": window_key(window),
        "close_to_verified_seconds": verified,
        "steps_done_after_seconds": steps,
        "run_ended_after_seconds": round(ended),
        "processor_seconds_until_verified": to_push,
        "processor_seconds_until_end": {n: round(processor_seconds(p) - used[n]) for n, p in sessions.items()},
        "memory_mib_highest": {name: round(held) for name, held in highest.items()},
        "load": load,
        "pushes": dict(states),
    }


def done_steps(stack: ManyFleets, window: Window) -> dict[str, bool]:
    """Return, for each task begun or to come in the hour's two runs, whether all of its instances have ended."""
    ended: dict[str, bool] = {}
    for run in runs_of(stack, "extract_utilization", window) + runs_of(stack, "scale_ahead", window):
        for task in tasks_of(stack, run):
            is_over = task["map_index"] >= 0 and task["state"] in ("success", "failed", "upstream_failed", "skipped")
            ended[task["task_id"]] = ended.get(task["task_id"], True) and is_over
    return ended


def tasks_of(stack: ManyFleets, run: DagRun) -> list[dict[str, Any]]:
    path = f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
    found: list[dict[str, Any]] = []
    while True:
        page = stack.airflow.api._get(path, limit=100, offset=len(found))  # noqa: SLF001, its tasks() tells the first page
        found += page["task_instances"]
        if not page["task_instances"] or len(found) >= page["total_entries"]:
            return found


def results(stack: ManyFleets, window: Window) -> Counter[str]:
    """Return how many fleets' pushes ended in each state."""
    files = stack.lake_files
    paths = files.list(f"pushes/hour={window_key(window)[:13]}")
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return Counter(json.loads(content)["state"] for content in pool.map(files.read_bytes, paths))


def runs_of(stack: ManyFleets, dag_id: str, window: Window) -> list[DagRun]:
    return [run for run in stack.airflow.api.runs(dag_id) if run.key == window_key(window)]


def is_ended(stack: ManyFleets, window: Window) -> bool:
    runs = [run for dag_id in ("extract_utilization", "scale_ahead") for run in runs_of(stack, dag_id, window)]
    return len(runs) > 1 and all(run.is_finished for run in runs)


def wait(
    stack: ManyFleets, condition: Callable[[], bool], wanted: str, *, check: Callable[[], None] | None = None
) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        (check or stack.check_running)()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {TIMEOUT_SECONDS:g} s: {wanted}")
        time.sleep(POLL_SECONDS)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
