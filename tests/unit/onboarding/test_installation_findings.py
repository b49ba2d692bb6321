from dataclasses import replace

import pytest

from headroom.onboarding.findings import Finding, Level, Topic
from headroom.onboarding.installation_findings import (
    AirflowSetting,
    airflow_findings,
    connection_finding,
    environment_findings,
    fleets_finding,
    lake_finding,
    no_airflow_finding,
    silent_airflow_finding,
    unloadable_finding,
    warehouse_finding,
)

GOOD = AirflowSetting(
    executor="LocalExecutor",
    database="postgresql",
    database_error="",
    dags_folder="/srv/headroom/dags",
    plugins_folder="/srv/headroom/plugins",
    loads_examples=False,
    is_open_to_all=False,
    parallelism=4,
)
ARN = "arn:aws:sts::123456789012:assumed-role/headroom/worker"


def findings(**changes: object) -> list[Finding]:
    found = airflow_findings(replace(GOOD, **changes), project_root="/srv/headroom", cpu_count=2)
    return [item for item in found if item.level is not Level.OK]


def test_a_good_airflow_has_an_executor_and_a_database_in_order() -> None:
    found = airflow_findings(GOOD, project_root="/srv/headroom", cpu_count=2)
    assert [(item.level, item.message) for item in found] == [
        (Level.OK, "LocalExecutor on postgresql"),
        (Level.OK, "postgresql answers and has every migration"),
    ]


@pytest.mark.parametrize(
    ("changes", "level", "remedy"),
    [
        ({"executor": "SequentialExecutor"}, Level.WARNING, "LocalExecutor, CeleryExecutor, KubernetesExecutor"),
        ({"executor": "CeleryExecutor", "database": "sqlite"}, Level.PROBLEM, "PostgreSQL"),
        ({"database_error": "no such table: alembic_version"}, Level.PROBLEM, "airflow db migrate"),
        ({"dags_folder": "/home/me/dags"}, Level.WARNING, "AIRFLOW__CORE__DAGS_FOLDER=/srv/headroom/dags"),
        ({"plugins_folder": "/home/me/p"}, Level.WARNING, "AIRFLOW__CORE__PLUGINS_FOLDER=/srv/headroom/plugins"),
        ({"loads_examples": True}, Level.WARNING, "AIRFLOW__CORE__LOAD_EXAMPLES=False"),
        ({"is_open_to_all": True}, Level.PROBLEM, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=False"),
        ({"parallelism": 32}, Level.WARNING, "AIRFLOW__CORE__PARALLELISM"),
    ],
)
def test_what_is_amiss_with_airflow_has_one_line_with_its_remedy(
    changes: dict[str, object], level: Level, remedy: str
) -> None:
    (found,) = findings(**changes)
    assert found.level is level
    assert remedy in found.remedy


def test_celery_may_have_any_parallelism_and_a_shared_database() -> None:
    assert findings(executor="airflow.providers.celery.executors.celery_executor.CeleryExecutor", parallelism=32) == []


def test_an_executor_may_be_named_by_its_module() -> None:
    assert findings(executor="airflow.executors.local_executor.LocalExecutor", database="sqlite") == []


def test_an_airflow_that_is_not_set_up_is_a_warning_and_one_that_is_silent_is_unknown() -> None:
    assert no_airflow_finding("there is no folder").level is Level.WARNING
    assert silent_airflow_finding("no module").level is Level.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "own_arn", "level"),
    [
        ({}, ARN, Level.OK),
        ({"connection_id": "aws", "connection_arn": ARN}, ARN, Level.OK),
        ({"connection_id": "aws", "connection_arn": ARN}, None, Level.OK),
        ({"connection_id": "aws", "connection_arn": f"{ARN}-2"}, ARN, Level.OK),  # another session of the same role
        ({"connection_id": "aws", "connection_arn": ARN}, "arn:aws:iam::123456789012:user/me", Level.WARNING),
        ({"connection_id": "aws", "connection_error": "there is no Connection"}, ARN, Level.PROBLEM),
    ],
)
def test_the_airflow_connection_is_told_to_be_unset_working_somebody_else_or_broken(
    changes: dict[str, str], own_arn: str | None, level: Level
) -> None:
    assert connection_finding(replace(GOOD, **changes), own_arn=own_arn).level is level


def test_variables_that_are_set_are_not_spoken_of() -> None:
    names = ("HEADROOM_DEPLOYMENT", "HEADROOM_ALERT_URL", "HEADROOM_LAKE", "HEADROOM_WAREHOUSE")
    assert environment_findings(dict.fromkeys(names, "x"), deployment="x") == []
    found = environment_findings({}, deployment="default")
    assert [item.subject for item in found] == list(names)
    assert {item.level for item in found} == {Level.WARNING}


def test_a_topic_alone_tells_of_failures() -> None:
    topic = {"HEADROOM_ALERT_SNS_TOPIC": "arn:aws:sns:us-east-1:123456789012:headroom"}
    assert "HEADROOM_ALERT_URL" not in [item.subject for item in environment_findings(topic, deployment="default")]


def test_a_configuration_without_a_fleet_is_a_problem() -> None:
    assert fleets_finding(0, path="fleets.yaml").level is Level.PROBLEM
    assert fleets_finding(2, path="fleets.yaml").level is Level.OK
    assert unloadable_finding("fleets.yaml", "line 3").topic is Topic.CONFIGURATION


def test_lake_and_warehouse_are_in_order_or_a_problem_with_the_cause() -> None:
    assert lake_finding("var/lake", None).level is Level.OK
    assert lake_finding("s3://x", "NoSuchBucket").message == "cannot be used: NoSuchBucket"
    assert warehouse_finding("w", None).level is Level.OK
    assert warehouse_finding("w", "is a folder").level is Level.PROBLEM
