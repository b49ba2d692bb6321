"""Airflow's home is a folder of ours, set before anything imports it, since that writes files; who shares servers."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.shared_servers import ByServers

AIRFLOW_HOME = Path(__file__).resolve().parents[1] / "var" / "tests" / "airflow"
AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
os.environ["AIRFLOW_HOME"] = str(AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(AIRFLOW_HOME / "logs")
os.environ.pop("HEADROOM_CLOCK", None)
settings.register_profile("same_every_time", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same_every_time"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServers | None:
    return ByServers(config, log) if config.getvalue("dist") == "loadscope" else None
