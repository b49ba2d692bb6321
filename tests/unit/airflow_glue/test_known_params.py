"""Keys that a run was started with and its DAG does not know: no task begins, instead of a run of another kind."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow._shared.observability.traces import TASK_SPAN_DETAIL_LEVEL_KEY

from headroom.airflow_glue import task_defaults
from headroom.airflow_glue.known_params import refuse_unknown_params
from headroom.config import ConfigError


def context(conf: dict[str, Any] | None, *params: str, dag_id: str = "rollback_scaling") -> dict[str, Any]:
    return {
        "dag_run": SimpleNamespace(conf=conf),
        "dag": SimpleNamespace(dag_id=dag_id, params=dict.fromkeys(params)),
    }


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        (
            {"push_id": "x", "dry_runn": False},
            "Param 'dry_runn' of rollback_scaling: unknown; did you mean 'dry_run'?; known are dry_run, push_id",
        ),
        ({"push_id": "x", "Reason": "y"}, "Param 'Reason' of rollback_scaling: unknown; did you mean 'reason'?"),
        ({"push_id": "x", "": 1}, "Param '' of rollback_scaling: unknown; known are dry_run, push_id, reason"),
        ({"x" * 5000: 1}, "Param 'xxx"),
    ],
)
def test_a_key_that_the_dag_does_not_know_is_named_with_what_it_may_have_meant(conf: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_unknown_params(context(conf, "push_id", "dry_run", "reason"))
    assert str(caught.value).startswith(told)
    assert len(str(caught.value)) < 300


def test_a_fleet_named_where_the_dag_works_on_all_is_refused() -> None:
    given = context({"window": "2026-11-18T05:00:00Z", "fleet": "chat-large"}, "window", dag_id="scale_ahead")
    with pytest.raises(ConfigError, match="Param 'fleet' of scale_ahead: unknown; known are window"):
        refuse_unknown_params(given)


@pytest.mark.parametrize("conf", [None, {}, {"push_id": "x"}, {"push_id": "x", "dry_run": False, "reason": ""}])
def test_known_keys_and_none_pass(conf: dict[str, Any] | None) -> None:
    refuse_unknown_params(context(conf, "push_id", "dry_run", "reason"))


def test_what_airflow_itself_reads_from_a_run_is_no_param() -> None:
    refuse_unknown_params(context({TASK_SPAN_DETAIL_LEVEL_KEY: 2, "push_id": "x"}, "push_id"))


def test_a_dag_without_params_takes_no_key() -> None:
    with pytest.raises(ConfigError, match="the DAG takes none"):
        refuse_unknown_params(context({"a": 1}))


def test_it_is_asked_before_credentials_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(task_defaults, "use_aws_connection", lambda _context: asked.append("credentials"))
    with pytest.raises(ConfigError):
        task_defaults.task_defaults()["pre_execute"](context({"a": 1}))
    assert asked == []
