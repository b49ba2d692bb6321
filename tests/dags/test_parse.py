import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PARSE_SECONDS = 2.0
HEAVY = {
    "pandas",
    "numpy",
    "pyarrow",
    "prophet",
    "lightgbm",
    "great_expectations",
    "boto3",
    "duckdb",
    "plotly",
    "scipy",
    "moto",
}

SCRIPT = """
import json, runpy, sys, time
from pathlib import Path

import airflow.sdk
import airflow.dag_processing.dagbag
import airflow.providers.standard.operators.hitl

began = time.process_time()
for path in sorted(Path("dags").glob("*.py")):
    runpy.run_path(str(path))
print(json.dumps({"seconds": time.process_time() - began, "modules": sorted({m.split(".")[0] for m in sys.modules})}))
"""


def test_all_dags_parse_quickly_and_import_nothing_heavy() -> None:
    environment = {**os.environ, "PYTHONPATH": "include"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert HEAVY & set(result["modules"]) == set()
    # Processor time, so that a busy machine does not matter.
    assert result["seconds"] < PARSE_SECONDS
