"""docker-compose.yaml says what docs/team.md promises, and what `make team` runs with."""

import re
from pathlib import Path
from typing import Any

import pytest
from airflow.configuration import conf
from tests.unit.deployment.compose_file import (
    ROOT,
    VARIABLE,
    command_of,
    example_lines,
    example_values,
    handed_on,
    load_compose,
    put_in,
    secret_names,
    services,
    texts_in,
    variables_of,
)

from headroom.airflow_glue import team_accounts
from headroom.sandbox.airflow_process import COMPONENTS
from headroom.sandbox.team_airflow import TEAM_ACCOUNTS, TeamAirflow

SERVICES = services()
AIRFLOW_SERVICES = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
ONE_SHOT = {"init"}
COMPOSES_OWN = {"COMPOSE_PROFILES"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|FERNET|TOKEN|AUTH$|_CONN$|BROKER_URL|RESULT_BACKEND")

each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_lasting_service = pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))


def airflow_environment(name: str = "worker") -> dict[str, str]:
    """A service's AIRFLOW__ variables, put in, without the prefix."""
    found = SERVICES[name]["environment"].items()
    prefix = "AIRFLOW__"
    return {key.removeprefix(prefix): put_in(value, example_values()) for key, value in found if key.startswith(prefix)}


def test_the_parts_of_the_team_set_up_are_there() -> None:
    assert set(SERVICES) == {"postgres", "redis", "sandbox"} | AIRFLOW_SERVICES
    assert put_in(str(SERVICES["worker"]["deploy"]["replicas"]), example_values()) == "2"
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["sandbox"]


@each_lasting_service
def test_a_service_that_lasts_is_checked_and_started_again(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_a_job_that_ends_is_not_started_again() -> None:
    assert {name for name, service in SERVICES.items() if service["restart"] == "no"} == ONE_SHOT


@each_service
def test_a_service_is_limited_and_its_log_is_rotated(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


@each_service
def test_a_service_runs_without_root_and_without_rights_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d+:\d+", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "pid", "ipc", "network_mode", "devices"} & set(service)


@each_service
def test_an_image_is_pinned_to_a_version_or_built_here(name: str) -> None:
    service = SERVICES[name]
    repository, _, tag = put_in(service["image"], example_values()).partition(":")
    if "build" in service:
        assert (repository, tag) in {("headroom", "local"), ("headroom-sandbox", "local")}
    else:
        assert re.match(r"\d+\.\d+", tag)  # a major version alone would move


@each_service
def test_what_is_published_is_published_on_loopback_unless_asked_otherwise(name: str) -> None:
    ports = [put_in(port, example_values()) for port in SERVICES[name].get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert bool(ports) == (name in {"api-server", "sandbox"})


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if SECRET_NAME.search(key) and value is not None:
                assert variables_of(value) & secret_names(), f"{name}: {key}"
        assert secret_names() & variables_of(service.get("command", [])) == set()


def test_without_its_secrets_nothing_starts() -> None:
    asked = {
        (found["name"], found["kind"])
        for text in texts_in(load_compose())
        for found in VARIABLE.finditer(text)
        if found["name"] in secret_names()
    }
    assert {name for name, _ in asked} == secret_names()
    assert {kind for _, kind in asked} == {"?"}


def test_every_variable_is_documented_and_every_documented_variable_is_read() -> None:
    documented = {name for name, _, _ in example_lines()}
    read = variables_of(load_compose()).union(*map(handed_on, SERVICES.values()))
    assert documented == read | COMPOSES_OWN


def test_a_worker_can_be_given_every_variable_of_ours_that_is_documented() -> None:
    table = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `(HEADROOM_\w+)` \|", table, re.MULTILINE))
    assert documented - set(SERVICES["worker"]["environment"]) == {"HEADROOM_SANDBOX_DEMAND"}  # not of a task


def test_a_default_in_the_file_is_the_one_that_is_documented() -> None:
    documented = {name: value for name, value, is_set in example_lines() if is_set}
    defaults = {
        (found["name"], found["text"])
        for text in texts_in(load_compose())
        for found in VARIABLE.finditer(text)
        if found["kind"] == "-" and found["name"] in documented
    }
    assert defaults == {(name, documented[name]) for name, _ in defaults}


@each_service
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        condition = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wanted == {"condition": condition}
    if name in AIRFLOW_SERVICES - ONE_SHOT:
        assert {"init", "redis"} <= set(SERVICES[name]["depends_on"])


def test_database_and_queue_are_reached_by_airflow_only() -> None:
    assert load_compose()["networks"]["data"] == {"internal": True}
    in_data = {name for name, service in SERVICES.items() if "data" in service["networks"]}
    assert in_data == AIRFLOW_SERVICES | {"postgres", "redis"}
    assert {SERVICES[name]["networks"][0] for name in ("postgres", "redis")} == {"data"}


def test_only_those_that_read_the_cloud_get_its_credentials() -> None:
    holders = {name for name in SERVICES if "AWS_SECRET_ACCESS_KEY" in handed_on(SERVICES[name])}
    assert holders == {"api-server", "worker"}
    admins = {name for name in SERVICES if team_accounts.PASSWORD_VARIABLE in SERVICES[name].get("environment", {})}
    assert admins == {"init"}


def test_the_configuration_is_read_only_and_never_made_by_docker() -> None:
    for name in AIRFLOW_SERVICES:
        (bind,) = [volume for volume in SERVICES[name]["volumes"] if volume["type"] == "bind"]
        assert (bind["target"], bind["read_only"]) == (SERVICES[name]["environment"]["HEADROOM_CONFIG"], True)
        assert bind["bind"] == {"create_host_path": False}


@pytest.mark.parametrize("name", sorted(set(COMPONENTS) - {"worker"}))
def test_a_service_starts_what_make_team_starts(name: str) -> None:
    assert command_of(SERVICES[name], {}) == ["airflow", *COMPONENTS[name]]


def test_workers_and_the_init_job_start_as_they_do_in_make_team() -> None:
    assert command_of(SERVICES["worker"], {}) == ["airflow", *COMPONENTS["worker"]]
    assert command_of(SERVICES["init"], {}) == ["python", "-m", *TEAM_ACCOUNTS]


ELSEWHERE = {
    "CORE__EXECUTION_API_SERVER_URL",
    "CORE__FERNET_KEY",
    "DATABASE__SQL_ALCHEMY_CONN",
    "CELERY__BROKER_URL",
    "CELERY__RESULT_BACKEND",
    "API__BASE_URL",
    "API__SECRET_KEY",
    "API_AUTH__JWT_SECRET",
    "LOGGING__BASE_LOG_FOLDER",
}
"""Addresses, folders and secrets: set in both, to each one's own."""

OF_THE_IMAGE = {"CORE__DAGS_FOLDER", "CORE__PLUGINS_FOLDER"}

OF_THE_TRY_OUT = {
    "API__HOST",  # loopback; a container's ports are published by choice
    "API__PORT",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION",  # a team unpauses when it is ready
    "CORE__MP_START_METHOD",  # LocalExecutor's
    "CORE__MP_FORKSERVER_PRELOAD",
    "CORE__SIMPLE_AUTH_MANAGER_USERS",  # SimpleAuthManager's
    "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH",
}


def team_options(tmp_path: Path) -> dict[str, str]:
    team = TeamAirflow(home=tmp_path, environment={}, database_url="postgresql://", broker_url="redis://")
    known: dict[str, Any] = team._environment  # noqa: SLF001, what its processes get
    return {key.removeprefix("AIRFLOW__"): value for key, value in known.items() if key.startswith("AIRFLOW__")}


def test_airflow_is_set_as_make_team_sets_it(tmp_path: Path) -> None:
    team, ours = team_options(tmp_path), airflow_environment()
    same = set(team) - ELSEWHERE - OF_THE_IMAGE - OF_THE_TRY_OUT
    assert {key: ours.get(key) for key in same} == {key: team[key] for key in same}
    assert set(ours) == same | ELSEWHERE
    assert set(team) >= ELSEWHERE | OF_THE_IMAGE | OF_THE_TRY_OUT  # none is exempt that is not there


@pytest.mark.parametrize("name", sorted(AIRFLOW_SERVICES))
def test_every_airflow_service_has_the_same_settings(name: str) -> None:
    assert airflow_environment(name) == airflow_environment("worker")


def test_every_setting_is_one_that_airflow_knows() -> None:
    known = conf.configuration_description
    unknown = []
    for name in set(airflow_environment()) - {"CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"}:  # Celery's own
        section, option = name.lower().split("__")
        if option not in known.get(section, {}).get("options", {}):
            unknown.append(name)
    assert unknown == []


def test_as_many_tasks_run_as_the_workers_can_take() -> None:
    size = {name: int(value) for name, value in example_values().items() if value.isdecimal()}
    assert size["HEADROOM_PARALLELISM"] == size["HEADROOM_WORKERS"] * size["HEADROOM_WORKER_CONCURRENCY"]


def test_addresses_name_services_that_are_there() -> None:
    found = airflow_environment()
    for key in ("CORE__EXECUTION_API_SERVER_URL", "DATABASE__SQL_ALCHEMY_CONN", "CELERY__BROKER_URL"):
        host = re.search(r"(?:@|://)([a-z-]+):\d+", found[key])
        assert host is not None
        assert host[1] in SERVICES
        assert host[1] in SERVICES["worker"]["environment"]["NO_PROXY"].split(",")
