"""Runs the benchmarks of this folder and writes what they measured to one JSON file.

A benchmark is a module bench_NAME.py with `measure(*, is_quick: bool) -> dict[str, Any]`; what it returns stands under
NAME, with the seconds it took. One that needs data which is not there returns {"skipped": why}.
"""

import argparse
import json
import platform
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent
PREFIX = "bench_"


def load(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version of each")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--only", help="name of one benchmark")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for path in sorted(FOLDER.glob(f"{PREFIX}*.py")):
        name = path.stem.removeprefix(PREFIX)
        if options.only not in (None, name):
            continue
        sys.stderr.write(f"{name} ...\n")
        began = time.perf_counter()
        measured = load(path).measure(is_quick=options.quick)
        results[name] = {**measured, "took_seconds": round(time.perf_counter() - began, 2)}
    machine = {"python": platform.python_version(), "system": platform.platform(), "is_quick": options.quick}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"machine": machine, "benchmarks": results}, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(options.out.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
