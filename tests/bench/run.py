"""Runs the benchmarks of this folder and writes what they measured to one JSON file.

A benchmark is a module bench_NAME.py with `measure(*, is_quick: bool) -> dict[str, Any]`; what it returns stands under
NAME, with the seconds it took and the most memory its process held. Figures that compare us with something else are
ratios taken in one run, since machines differ and are noisy. One that needs data which is not there returns
{"skipped": why}. Each runs in a process of its own. One with `lines(found) -> list[str]` has its place in
docs/benchmarks.md, which is written anew unless it was quick or skipped.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench import record

# Two processes work side by side, and the threads of one BLAS only wait for those of the other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
FOLDER = Path(__file__).parent
PREFIX = "bench_"
KIBIBYTES_PER_MEBIBYTE = 1024


def names() -> list[str]:
    return sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f"{PREFIX}*.py"))


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"{PREFIX}{name}", FOLDER / f"{PREFIX}{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def run_one(name: str, *, is_quick: bool) -> dict[str, Any]:
    began = time.perf_counter()
    measured = load(name).measure(is_quick=is_quick)
    took = time.perf_counter() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {**measured, "took_seconds": round(took, 2), "peak_memory_mib": round(peak / KIBIBYTES_PER_MEBIBYTE)}


def in_own_process(name: str, *, is_quick: bool) -> dict[str, Any]:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run_one, name, is_quick=is_quick).result()


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def write_down(name: str, found: dict[str, Any]) -> None:
    module = load(name)
    if hasattr(module, "lines"):
        today = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
        made = [f"{today}, a load of {os.getloadavg()[2]:.0f} beside it; {found['took_seconds']:.0f} s.", ""]
        page = record.PAGE.read_text(encoding="utf-8")
        record.PAGE.write_text(record.recorded(page, name, [*made, *module.lines(found)]), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version of each")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--only", choices=names(), help="name of one benchmark")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in [options.only] if options.only else names():
        sys.stderr.write(f"{name} ...\n")
        results[name] = rounded(in_own_process(name, is_quick=options.quick))
        if not options.quick and "skipped" not in results[name]:
            write_down(name, results[name])
        sys.stdout.write(f"{name}\n")
        for key, value in results[name].items():
            sys.stdout.write(f"  {key:<32} {json.dumps(value) if isinstance(value, dict) else value}\n")
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "is_quick": options.quick}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"machine": machine, "benchmarks": results}, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"wrote {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
