"""What the doctor hears of a real Airflow, in a process of its own: before and after `airflow db migrate`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headroom.config.settings import PROJECT_ROOT
from headroom.pipelines.doctor_installation import ask_airflow
from headroom.sandbox.process import SandboxProcess

pytestmark = pytest.mark.integration


def airflow(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "airflow", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)


def test_database_migrations_and_connection_are_told_as_they_are(tmp_path: Path, sandbox: SandboxProcess) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "HEADROOM_"))}
    environment = {
        **inherited,
        "PYTHONPATH": str(PROJECT_ROOT / "include"),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "HEADROOM_AWS_CONN_ID": "team_aws",
    }
    before = ask_airflow(environment)
    assert (before.executor, before.database) == ("LocalExecutor", "sqlite")
    assert before.database_error == f"there is no file at {tmp_path / 'airflow.db'}"
    assert not (tmp_path / "airflow.db").exists()  # being asked makes none

    airflow(environment, "db", "migrate")
    migrated = ask_airflow(environment)
    assert migrated.database_error == ""
    assert migrated.dags_folder == str(PROJECT_ROOT / "dags")
    assert not migrated.loads_examples
    assert "there is no Airflow Connection 'team_aws'" in migrated.connection_error

    extra = f'{{"region_name": "us-east-1", "endpoint_url": "{sandbox.url}"}}'
    connection = ("--conn-type", "aws", "--conn-login", "KEY", "--conn-password", "planted", "--conn-extra", extra)
    airflow(environment, "connections", "add", "team_aws", *connection)
    connected = ask_airflow(environment)
    assert connected.connection_error == ""
    assert connected.connection_arn.startswith("arn:aws:")
    assert "planted" not in repr(connected)
