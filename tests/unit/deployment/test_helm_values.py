"""deploy/helm/values.yaml against the chart's keys, Airflow's options and docker-compose.yaml."""

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
from tests.unit.deployment.compose_file import ROOT, services

VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())

CHART_KEYS = {
    "airflowVersion": set[str](),
    "apiSecretKeySecretName": set[str](),
    "apiServer": {"replicas", "args", "serviceAccount", "resources", "startupProbe", "livenessProbe", "readinessProbe"},
    "config": set[str](),  # sections of airflow.cfg
    "createUserJob": {"enabled"},
    "dagProcessor": {"resources", "livenessProbe", "logGroomerSidecar"},
    "dags": {"persistence", "gitSync"},
    "data": {"metadataSecretName"},
    "env": set[str](),
    "executor": set[str](),
    "extraEnvFrom": set[str](),
    "fernetKeySecretName": set[str](),
    "images": {"airflow", "pod_template", "migrationsWaitTimeout"},
    "ingress": {"apiServer"},
    "jwtSecretName": set[str](),
    "postgresql": {"enabled"},
    "redis": {"enabled"},
    "scheduler": {"replicas", "resources", "livenessProbe", "logGroomerSidecar"},
    "securityContexts": {"pod", "containers"},
    "statsd": {"enabled"},
    "triggerer": {"resources", "livenessProbe", "logGroomerSidecar", "persistence"},
    "volumeMounts": set[str](),
    "volumes": set[str](),
    "workers": {"kubernetes"},
}
"""Of chart/values.yaml and chart/files/pod-template-file in apache/airflow, read on 2026-11-25 (the chart for Airflow
3.1.3), and of the release notes of charts 1.21 and 1.22, which moved `workers.*` to `workers.kubernetes.*`."""

NOT_OF_THIS_EXECUTOR = {"CORE__EXECUTOR", "CORE__PARALLELISM"}
ELSEWHERE = re.compile(r"^CELERY|URL$|FERNET|SECRET|SQL_ALCHEMY|BASE_LOG_FOLDER")
"""Celery's own; addresses, secrets and folders, which the chart sets from what it is given."""


def scalars(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from scalars(value, f"{path}.{key}")
    elif isinstance(node, list):
        for value in node:
            yield from scalars(value, path)
    else:
        yield path, node


def test_every_key_is_one_that_the_chart_takes() -> None:
    assert set(VALUES) == set(CHART_KEYS)
    for key, known in CHART_KEYS.items():
        if known:
            assert set(VALUES[key]) == known, key


def test_every_setting_is_one_that_airflow_knows() -> None:
    known = conf.configuration_description
    unknown = [
        f"{section}.{option}"
        for section, options in VALUES["config"].items()
        for option in options
        if option not in known.get(section, {}).get("options", {})
    ]
    assert unknown == []


def test_airflow_is_set_as_docker_compose_sets_it() -> None:
    ours = {
        f"{section}__{option}".upper(): value
        for section, options in VALUES["config"].items()
        for option, value in options.items()
    }
    theirs = {
        name.removeprefix("AIRFLOW__"): value
        for name, value in services()["worker"]["environment"].items()
        if name.startswith("AIRFLOW__")
    }
    same = {name for name in theirs if not ELSEWHERE.search(name)} - NOT_OF_THIS_EXECUTOR
    assert {name: ours.get(name) for name in same} == {name: theirs[name] for name in same}
    assert "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT" in same


def test_headroom_is_given_what_docker_compose_gives_it() -> None:
    given = {item["name"] for item in VALUES["env"]}
    wanted = {name for name in services()["worker"]["environment"] if name.startswith("HEADROOM_")}
    optional = {"HEADROOM_ALERT_URL", "HEADROOM_ALERT_SNS_TOPIC", "HEADROOM_RUNBOOK_URL", "HEADROOM_AWS_CONN_ID"}
    assert wanted - given == optional  # the first is a secret: extraEnvFrom


def test_no_secret_stands_in_the_values() -> None:
    secret = re.compile(r"(password|secret|token|fernetKey|connection)$", re.IGNORECASE)
    assert [path for path, value in scalars(VALUES) if secret.search(path) and value] == []
    assert not [value for _, value in scalars(VALUES) if re.search(r"://[^/\s]*:[^/\s]*@", str(value))]


def test_the_image_is_pinned_and_of_the_airflow_in_the_lock() -> None:
    images = VALUES["images"]
    assert images["airflow"] == images["pod_template"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", images["airflow"]["tag"])
    assert VALUES["airflowVersion"] == importlib.metadata.version("apache-airflow")


def test_the_images_folders_and_user_are_those_of_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    core = VALUES["config"]["core"]
    assert f"AIRFLOW__CORE__DAGS_FOLDER={core['dags_folder']} " in dockerfile
    assert f"AIRFLOW__CORE__PLUGINS_FOLDER={core['plugins_folder']} " in dockerfile
    pod = VALUES["securityContexts"]["pod"]
    assert f"USER {pod['runAsUser']}:{pod['runAsGroup']}\n" in dockerfile


@pytest.mark.parametrize("part", [("apiServer",), ("scheduler",), ("dagProcessor",), ("triggerer",)])
def test_every_lasting_part_is_limited_and_probed(part: tuple[str]) -> None:
    found = VALUES[part[0]]
    assert set(found["resources"]) == {"requests", "limits"}
    assert found["livenessProbe"]["periodSeconds"] >= found["livenessProbe"]["timeoutSeconds"]


def test_nothing_is_started_that_our_image_lacks() -> None:
    """The groomers run /clean-logs, which is in Airflow's own image only; its probes call /entrypoint."""
    groomers = [VALUES[part]["logGroomerSidecar"] for part in ("scheduler", "dagProcessor", "triggerer")]
    assert groomers == [{"enabled": False}] * 3
    assert "> /entrypoint" in (ROOT / "Dockerfile").read_text()


def test_every_volume_is_mounted_and_every_mount_has_its_volume() -> None:
    assert {volume["name"] for volume in VALUES["volumes"]} == {mount["name"] for mount in VALUES["volumeMounts"]}
    folders = {mount["mountPath"] for mount in VALUES["volumeMounts"]}
    environment = {item["name"]: item["value"] for item in VALUES["env"]}
    assert environment["HEADROOM_CONFIG"] in folders
    assert str(Path(environment["HEADROOM_WAREHOUSE"]).parent) in folders


def test_the_api_server_is_started_with_options_that_it_has() -> None:
    command = VALUES["apiServer"]["args"][-1].removeprefix("exec airflow ").split()
    assert get_parser().parse_args(command).proxy_headers is True
