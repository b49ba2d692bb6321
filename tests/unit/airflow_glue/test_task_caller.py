"""Who a task acts for at AWS: DAG, window, and the person who started the run."""

from types import SimpleNamespace
from typing import Any

import pytest

from headroom.airflow_glue.task_caller import name_caller
from headroom.config.caller import session_name


def context(dag_id: str, *, person: str | None = None, **other: Any) -> dict[str, Any]:
    run = SimpleNamespace(triggering_user_name=person)
    return {"task_instance": SimpleNamespace(dag_id=dag_id), "dag_run": run, **other}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (context("scale_ahead", partition_key="2026-11-18T05:00:00"), "headroom-prod-scale_ahead-20261118T05"),
        (
            context("scale_ahead", person="ada", params={"window": "2026-11-18T05:00:00+00:00"}),
            "headroom-prod-scale_ahead-20261118T05-ada",
        ),
        (
            context("rollback_scaling", person="ada@acme.example", params={"push_id": "x"}),
            "headroom-prod-rollback_scaling-ada@acme.example",
        ),
    ],
    ids=["on the clock", "an hour by hand", "by hand"],
)
def test_a_tasks_sessions_name_dag_window_and_person(given: dict[str, Any], expected: str) -> None:
    environment = {"HEADROOM_DEPLOYMENT": "prod"}
    name_caller(given, environment=environment)
    assert session_name(environment) == expected


def test_a_shells_sessions_name_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert session_name({}) == "headroom-default-cli-ada"
