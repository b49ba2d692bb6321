"""Bench of the DAG files: processor seconds to parse all of them, airflow's own import aside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, runpy, time
from pathlib import Path

import airflow.sdk
import airflow.dag_processing.dagbag
import airflow.providers.standard.operators.hitl

seconds = {}
for path in sorted(Path("dags").glob("*.py")):
    began = time.process_time()
    runpy.run_path(str(path))
    seconds[path.stem] = time.process_time() - began
print(json.dumps(seconds))
"""


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return the seconds of the fastest of some repetitions, in all and by DAG."""
    runs = [_parse_all() for _ in range(1 if is_quick else 5)]
    fastest = min(runs, key=lambda run: sum(run.values()))
    return {"total_seconds": sum(fastest.values()), "by_dag_seconds": fastest}


def _parse_all() -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": "include", "AIRFLOW_HOME": str(PROJECT / "var" / "bench" / "airflow")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds
