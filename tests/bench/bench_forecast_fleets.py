"""Bench of the time of forecasts: many fleets through the tasks' own functions, and the odd hourly series of M4.

Fleets: eight weeks of demand, hourly mean and peak, in a lake as production leaves it, two processes. The hourly update
and the daily refit of all, reading and writing included, at two sizes; the quick version takes a tenth of the fleets
and says what a thousand would take if time stays linear. M4: the series chosen for and refitted with calibrated
quantiles; skipped where the data is not there.
"""

import math
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.bench.fleets_lake import LAST_HOUR, open_fleets, write_fleets
from tests.bench.forecast_cells import DATA, HORIZON, Case, m4_cases

from headroom.forecasting import ensemble
from headroom.forecasting.series import prepare
from headroom.lake.layout import CHUNK_COUNT
from headroom.pipelines.forecasts import forecast_fleets, refit_fleets
from headroom.pipelines.outcomes import Outcome
from headroom.pipelines.workspace import Workspace

FLEETS = 1000
SIZES, QUICK_SIZES = (250, FLEETS), (100, 200)
SHAPES, QUICK_SHAPES = 10, 4
PROCESSES = 2
QUICK_EVERY = 26
MEBIBYTE_IN_KIBIBYTES = 1024
AIMS = {"update_seconds": 60.0, "refit_seconds": 1800.0, "memory_mib": 3072.0}
EXTENDED = ("update_processor_seconds", "refit_processor_seconds", "memory_mib")
"""Not the clock's seconds: what else the machine did meanwhile would be extended as well."""
M4_AIMS = {"select": 900.0, "refit": 180.0}


def measure(*, is_quick: bool) -> dict[str, Any]:
    sizes, shapes = (QUICK_SIZES, QUICK_SHAPES) if is_quick else (SIZES, SHAPES)
    small, large = (of_fleets(count, shapes) for count in sizes)
    found: dict[str, Any] = {
        "fleets": {str(item["fleets"]): item for item in (small, large)},
        "growth_exponent": {
            name: math.log(large[name] / small[name]) / math.log(sizes[1] / sizes[0])
            for name in ("update_processor_seconds", "refit_processor_seconds")
        },
        "m4": of_m4(QUICK_EVERY if is_quick else 1),
    }
    if is_quick:
        found["a_thousand_if_linear"] = {name: extended(small, large, name) for name in EXTENDED}
    return found


def extended(small: dict[str, float], large: dict[str, float], name: str) -> float:
    """Return what FLEETS fleets would take on the line through both sizes."""
    slope = (large[name] - small[name]) / (large["fleets"] - small["fleets"])
    return large[name] + slope * (FLEETS - large["fleets"])


def of_fleets(count: int, shapes: int) -> dict[str, float]:
    """Return seconds of the update and the refit, and the memory of both processes together, in MiB.

    Processor seconds stand beside those by the clock, which a busy machine makes longer; half of them, two cores for
    both processes, is what the clock would show on an idle one.
    """
    with tempfile.TemporaryDirectory() as folder:
        choice_seconds = write_fleets(Path(folder), count, shapes=shapes)
        update = all_chunks(Path(folder), forecast_fleets)
        refit = all_chunks(Path(folder), refit_fleets)
    return {
        "fleets": count,
        "choice_seconds_a_fleet": choice_seconds,
        "update_seconds": update.seconds,
        "update_processor_seconds": update.processor_seconds,
        "refit_seconds": refit.seconds,
        "refit_processor_seconds": refit.processor_seconds,
        "memory_mib": max(update.memory_mib, refit.memory_mib),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a task over every chunk: seconds by the clock, processor seconds, and memory of all processes in MiB."""

    seconds: float
    processor_seconds: float
    memory_mib: float


def all_chunks(folder: Path, task: Callable[..., list[Outcome]]) -> Cost:
    """Run a task over every chunk in two processes, their start included."""
    began = time.perf_counter()
    used: dict[int, float] = {}
    held: dict[int, float] = {}
    with ProcessPoolExecutor(max_workers=PROCESSES, mp_context=get_context("spawn")) as pool:
        for process, processor_seconds, memory_mib in pool.map(partial(one_chunk, folder, task), range(CHUNK_COUNT)):
            used[process] = max(used.get(process, 0.0), processor_seconds)
            held[process] = max(held.get(process, 0.0), memory_mib)
    seconds = time.perf_counter() - began
    return Cost(seconds=seconds, processor_seconds=sum(used.values()), memory_mib=sum(held.values()))


_OPENED: dict[Path, Workspace] = {}


def one_chunk(folder: Path, task: Callable[..., list[Outcome]], chunk: int) -> tuple[int, float, float]:
    """Run a task on a chunk; return this process, the processor seconds and the most memory it has used so far.

    What it started counts as well: of memory, the largest one.
    """
    warnings.simplefilter("ignore")
    if folder not in _OPENED:
        _OPENED[folder] = open_fleets(folder)
    outcomes = task(_OPENED[folder], LAST_HOUR, chunk)
    if bad := [item for item in outcomes if item.is_bad or item.status == "nothing_to_do"]:
        raise RuntimeError(f"{task.__name__} left {len(bad)} fleets, the first: {bad[0]}")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor_seconds = sum(item.ru_utime + item.ru_stime for item in used)
    return os.getpid(), processor_seconds, sum(item.ru_maxrss for item in used) / MEBIBYTE_IN_KIBIBYTES


def of_m4(every: int) -> dict[str, Any]:
    """Return wall seconds of choosing for, and of refitting and forecasting, every `every`-th odd series."""
    if not DATA.is_dir():
        return {"skipped": f"{DATA.name}: no such folder beside the checkout"}
    cases = m4_cases(DATA, every)
    with ProcessPoolExecutor(max_workers=PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(imported, range(PROCESSES)))
        began = time.perf_counter()
        chosen = list(pool.map(chosen_for, cases, chunksize=2))
        select = time.perf_counter() - began
        began = time.perf_counter()
        list(pool.map(refitted, cases, chosen, chunksize=2))
        refit = time.perf_counter() - began
    return {"series": len(cases), "select_seconds": select, "refit_seconds": refit}


def imported(_: int) -> None:
    """Import what a first fit would, which is no part of the time of series."""
    import prophet  # noqa: F401, PLC0415


def chosen_for(case: Case) -> ensemble.SeriesSelection:
    warnings.simplefilter("ignore")
    return ensemble.select(prepare(case.known), horizon_steps=HORIZON, seed=1)


def refitted(case: Case, chosen: ensemble.SeriesSelection) -> None:
    warnings.simplefilter("ignore")
    known = prepare(case.known)
    again = ensemble.refit(known, chosen, horizon_steps=HORIZON, seed=1)
    ensemble.forecast(known, again, horizon_steps=HORIZON, seed=1)


def lines(found: dict[str, Any]) -> list[str]:
    """What docs/benchmarks.md says of it."""
    m4, exponent = found["m4"], found["growth_exponent"]
    rows = [fleets_line(count, item) for count, item in found["fleets"].items()]
    if "a_thousand_if_linear" in found:
        rows.append(fleets_line(f"{FLEETS}, not run: on the line through both", found["a_thousand_if_linear"]))
    update, refit, memory = AIMS.values()
    of_update, of_refit = (exponent[f"{name}_processor_seconds"] for name in ("update", "refit"))
    return [
        "Eight weeks of demand, hourly mean and peak, two processes with their start, reading and writing the lake",
        "included. Processor seconds do not grow with what else the machine does; half of them is the least by the",
        "clock.",
        "",
        "| fleets | hourly update | processor | daily refit | processor | memory of both processes |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
        f"| at most, for {FLEETS} | {update:.0f} s | | {refit:.0f} s | | {memory:.0f} MiB |",
        "",
        f"From the smaller to the larger size processor time grows with the power {of_update:.2f} of the fleets in the",
        f"update and {of_refit:.2f} in the refit; 1 is linear.",
        "",
        m4_line(m4),
    ]


def fleets_line(fleets: str, item: dict[str, float]) -> str:
    clock = [f"{item[name]:.0f} s" if name in item else "" for name in ("update_seconds", "refit_seconds")]
    processor = [f"{item[name]:.0f} s" for name in ("update_processor_seconds", "refit_processor_seconds")]
    return f"| {fleets} | {clock[0]} | {processor[0]} | {clock[1]} | {processor[1]} | {item['memory_mib']:.0f} MiB |"


def m4_line(m4: dict[str, Any]) -> str:
    if "skipped" in m4:
        return f"The odd hourly series of M4 were skipped: {m4['skipped']}."
    return (
        f"{m4['series']} of the 207 odd hourly series of M4 take {m4['select_seconds']:.0f} s to choose for (207 at "
        f"most {M4_AIMS['select']:.0f} s) and {m4['refit_seconds']:.0f} s to refit with calibrated quantiles (at most "
        f"{M4_AIMS['refit']:.0f} s)."
    )
