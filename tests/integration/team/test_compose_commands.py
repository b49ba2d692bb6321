"""What docker-compose.yaml runs inside its containers, run here: health checks, the init job, Redis's start."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NotReadyError
from tests.integration.end_to_end.demo_under_test import Demo
from tests.unit.deployment.compose_file import command_of, example_values, health_check_of, services

from headroom.airflow_glue.team_accounts import PASSWORD_VARIABLE
from headroom.sandbox.airflow_api import AirflowApi
from headroom.sandbox.airflow_process import USER
from headroom.sandbox.ports import LOOPBACK, find_free_ports
from headroom.sandbox.prerequisites import POSTGRES_FOLDERS
from headroom.sandbox.process_group import StartedProcess, end_session
from headroom.sandbox.team_airflow import worker_name
from headroom.sandbox.team_stack import TeamStack

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

SERVICES = services()
TIMEOUT_SECONDS = 120
CHECKED = sorted(name for name, service in SERVICES.items() if "healthcheck" in service)

ELSEWHERE = {
    "api-server": {"PORT": "1"},
    "dag-processor": {"AIRFLOW__CORE__HOSTNAME_CALLABLE": "platform.system"},
    "postgres": {"PGPORT": "1"},
    "redis": {"REDISCLI_AUTH": "not-the-password"},
    "sandbox": {"PORT": "1"},
    "scheduler": {"AIRFLOW__CORE__HOSTNAME_CALLABLE": "platform.system"},
    "triggerer": {"AIRFLOW__CORE__HOSTNAME_CALLABLE": "platform.system"},
    "worker": {"HOSTNAME": "worker-of-another-host"},
}
"""For each service what makes its check look where it does not run, or not get in."""


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )


def password_in(url: str) -> str:
    return url.split(":", 2)[2].split("@", maxsplit=1)[0]


def check(name: str, stack: TeamStack, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a service's health check beside the process that does its work here, with ports put in."""
    environment = dict(stack.airflow._environment)  # noqa: SLF001, what its processes get
    ports = {"api-server": stack.airflow.port, "sandbox": int(stack.cloud.url.rsplit(":", 1)[1])}
    environment |= {
        "HOSTNAME": worker_name(1),
        "PATH": os.pathsep.join([environment["PATH"], *map(str, POSTGRES_FOLDERS)]),
        "PGPORT": str(stack.database.port),
        "REDISCLI_AUTH": password_in(stack.queue.url),
        "PORT": str(ports.get(name, "")),
        **changes,
    }
    command = health_check_of(SERVICES[name], example_values())
    command = [re.sub(r"(?<=127\.0\.0\.1:)(8080|5000)\b", environment["PORT"], part) for part in command]
    return run([part.replace("redis-cli ", f"redis-cli -p {stack.queue.port} ") for part in command], environment)


@pytest.mark.parametrize("name", CHECKED)
def test_a_health_check_passes_where_its_service_runs(name: str, team: tuple[Demo, TeamStack]) -> None:
    done = check(name, team[1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CHECKED)
def test_a_health_check_fails_where_its_service_does_not(name: str, team: tuple[Demo, TeamStack]) -> None:
    assert check(name, team[1], **ELSEWHERE[name]).returncode != 0


def test_the_init_job_may_run_again_and_leaves_the_admins_password_alone(team: tuple[Demo, TeamStack]) -> None:
    _, stack = team
    environment = {**stack.airflow._environment, PASSWORD_VARIABLE: "another"}  # noqa: SLF001, as above
    done = run(command_of(SERVICES["init"], {}), environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert AirflowApi(stack.airflow.url, user=USER, password=stack.airflow.password).dag_ids()


def test_redis_takes_its_password_out_of_sight_and_keeps_the_queue(tmp_path: Path) -> None:
    (port,) = find_free_ports(1)
    (tmp_path / "data").mkdir()
    command = [
        part.replace("/tmp/redis.conf", f"'{tmp_path}/redis.conf'").replace("/data", f"'{tmp_path}/data'")  # noqa: S108, what the file says
        for part in command_of(SERVICES["redis"], example_values())
    ]
    command[-1] += f" --port {port} --bind {LOOPBACK}"
    environment = {**os.environ, "REDISCLI_AUTH": "of-the-queue"}
    log = tmp_path / "redis.log"
    server = StartedProcess(command, name="redis", log_path=log, environment=environment, folder=tmp_path)
    try:
        client = Redis(host=LOOPBACK, port=port, password="of-the-queue")
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                client.rpush("queue", "task")
                break
            except NotReadyError:
                server.check_running()
                assert time.monotonic() < deadline, log.read_text()
        with pytest.raises(AuthenticationError):
            Redis(host=LOOPBACK, port=port).ping()
        arguments = Path(f"/proc/{server.process_id}/cmdline").read_bytes()
        assert arguments.startswith(b"redis-server")  # the shell has become the server: it gets the signals
        assert b"of-the-queue" not in arguments
        assert list((tmp_path / "data").rglob("*.aof"))
    finally:
        end_session(server.process_id)
