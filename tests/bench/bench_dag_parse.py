"""Bench of the DAG files: processor seconds to parse all of them, beside those of importing airflow alone."""

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

began = time.process_time()
import airflow.sdk
import airflow.dag_processing.dagbag
import airflow.providers.standard.operators.hitl

seconds = {"airflow": time.process_time() - began}
for path in sorted(Path("dags").glob("*.py")):
    began = time.process_time()
    runpy.run_path(str(path))
    seconds[path.stem] = time.process_time() - began
print(json.dumps(seconds))
"""


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return the seconds of the fastest of some repetitions: of all DAGs, by DAG, and of airflow's own import."""
    runs = [_parse_all() for _ in range(1 if is_quick else 5)]
    fastest = min(runs, key=lambda run: sum(run.values()))
    airflow = fastest.pop("airflow")
    total = sum(fastest.values())
    return {
        "parse_seconds": total,
        "airflow_import_seconds": airflow,
        "parse_over_airflow_import": total / airflow,
        "by_dag_seconds": fastest,
    }


def _parse_all() -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": "include", "AIRFLOW_HOME": str(PROJECT / "var" / "bench" / "airflow")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds
