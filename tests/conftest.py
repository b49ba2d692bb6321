"""Set before anything imports Airflow: its home is a folder of ours, since the import alone writes files there."""

import os
from pathlib import Path

AIRFLOW_HOME = Path(__file__).resolve().parents[1] / "var" / "tests" / "airflow"
AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
os.environ["AIRFLOW_HOME"] = str(AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(AIRFLOW_HOME / "logs")
os.environ.pop("HEADROOM_CLOCK", None)
