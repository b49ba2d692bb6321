"""Bench of pushes: a thousand targets on the sandbox cloud over loopback, through the tasks' own functions.

A quarter each are made after the demo's fleets: two kinds of Auto Scaling groups, an ECS service, a SageMaker variant.
The first push of a plan writes, reads back and keeps the ledger; then the same plan is pushed again, which must make no
write call. As many processes as a team's two workers have slots share the chunks, their start included. The sandbox
shares the processors: its seconds stand beside ours.
"""

import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.bench.fleets_lake import DAYS, END, LAST_HOUR, write_demand, write_record

from headroom.domain.demand import Floats
from headroom.lake.layout import CHUNK_COUNT
from headroom.pipelines.forecasts import HORIZON_HOURS
from headroom.pipelines.pushes import push_chunk, result_path
from headroom.pipelines.schedules import schedule_chunk
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.sandbox.process import SandboxProcess
from headroom.sandbox.scenarios.many import many_scenario

FLEETS, QUICK_FLEETS = 1000, 40
PROCESSES = 4
FIRST_SECONDS, UNCHANGED_SECONDS = 120.0, 60.0
KNOWN_DAYS = 3
RECORD = range(49)
"""The forecast of the window, and of the two days before: guardrails ask how they did."""
START_TIMEOUT_SECONDS = 900.0


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return seconds, calls and outcomes of the first push of a plan and of the same push again."""
    count = QUICK_FLEETS if is_quick else FLEETS
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as name:
        folder = Path(name)
        sandbox = SandboxProcess(
            folder / "cloud",
            now_utc=END + timedelta(minutes=1),
            scenario=f"many:{count}",
            extra_arguments=("--history-days", "2", "--no-bills"),
            start_timeout_seconds=START_TIMEOUT_SECONDS,
        )
        with sandbox, _environment(sandbox, folder / "lake"):
            workspace = open_workspace()
            _write_lake(workspace, count)
            _timed(sandbox, workspace, schedule_chunk)
            first = _timed(sandbox, workspace, partial(push_chunk, approvals={}))
            again = _timed(sandbox, workspace, partial(push_chunk, approvals={}))
    if again["write_calls"] or set(again["pushes"]) != {"unchanged"} or set(first["pushes"]) != {"verified"}:
        raise AssertionError(f"expected all verified, then all unchanged without a write: {first}, {again}")
    return {"fleets": count, "processes": PROCESSES, "first": first, "again": again}


def lines(found: dict[str, Any]) -> list[str]:
    """Return the table of docs/benchmarks.md."""
    rows = [
        f"| {name} | {part['seconds']:.0f} s | {limit:.0f} s | {part['calls']:,} | {part['write_calls']:,} "
        f"| {part['processor_seconds']:.0f} | {part['sandbox_processor_seconds']:.0f} | {part['load']:.0f} |"
        for name, part, limit in (
            ("first push, read back", found["first"], FIRST_SECONDS),
            ("the same again", found["again"], UNCHANGED_SECONDS),
        )
    ]
    return [
        f"{found['fleets']:,} targets, half of them Auto Scaling groups, a quarter each ECS services and SageMaker",
        f"variants; {found['processes']} processes.",
        "",
        "| push | took | at most | AWS calls | of them writes | our processor seconds | the sandbox's | load |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


@contextmanager
def _environment(sandbox: SandboxProcess, lake: Path) -> Iterator[None]:
    """Let this process and those it starts work with the sandbox, its configuration, and a lake of their own."""
    before = dict(os.environ)
    os.environ.update(sandbox.environment())
    os.environ.update(HEADROOM_CONFIG=str(sandbox.config_folder), HEADROOM_LAKE=str(lake), HEADROOM_DEPLOYMENT="bench")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _write_lake(workspace: Workspace, count: int) -> None:
    """Write demand and forecasts after each fleet's own day: its hours, its size."""
    lives = many_scenario(count).lives
    names = sorted(lives)
    hours = np.arange(24 * DAYS + HORIZON_HOURS) % 24
    shapes: list[Floats] = []
    for name in names:
        shape = lives[name].demand
        shapes.append(shape.busy_per_second * np.maximum(np.array(shape.hours), 0.05)[hours])
    demand = np.array(shapes)
    write_demand(workspace, names, demand, days=KNOWN_DAYS)
    write_record(workspace, names, demand, ago=RECORD)


def _timed(sandbox: SandboxProcess, workspace: Workspace, task: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Run a task over every chunk; return what it took and made of the fleets."""
    sandbox.clear_calls()
    cloud = psutil.Process(sandbox.pid)
    cloud_began, began = sum(cloud.cpu_times()[:2]), time.perf_counter()
    with ProcessPoolExecutor(max_workers=PROCESSES, mp_context=get_context("spawn")) as pool:
        used = sum(pool.map(partial(_one_chunk, task), range(CHUNK_COUNT)))
    took = time.perf_counter() - began
    calls = sandbox.calls()
    results = [workspace.lake.read_json(result_path(fleet.id, LAST_HOUR)) for fleet in workspace.fleets]
    return {
        "seconds": took,
        "load": os.getloadavg()[0],
        "processor_seconds": used,
        "sandbox_processor_seconds": sum(cloud.cpu_times()[:2]) - cloud_began,
        "calls": len(calls),
        "write_calls": sum(call["is_write"] for call in calls),
        "pushes": dict(Counter(result["state"] for result in results if result is not None)),
    }


def _one_chunk(task: Callable[..., dict[str, Any]], chunk: int) -> float:
    """Run a task on a chunk; return the processor seconds it has used."""
    warnings.simplefilter("ignore")
    began = time.process_time()
    task(LAST_HOUR, chunk)
    return time.process_time() - began
