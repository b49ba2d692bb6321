"""The kill switch as an Airflow Variable: every task hands it to the pipelines, which read the environment."""

from typing import Any

import pytest
from airflow.sdk import Variable

from headroom.airflow_glue import task_defaults
from headroom.airflow_glue.kill_switch import AIRFLOW_VARIABLE, use_kill_switch
from headroom.config.settings import KILL_SWITCH_VARIABLE

TOO_LONG = "the Airflow Variable headroom_kill_switch has more than 100,000 bytes: all is stopped"


def airflow_has(monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any]) -> None:
    def get(key: str, *, default: object) -> object:
        return variables.get(key, default)

    monkeypatch.setattr(Variable, "get", staticmethod(get))


def test_the_variable_reaches_the_task_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has(monkeypatch, {AIRFLOW_VARIABLE: '{"fleets": ["chat-large"]}'})
    environment: dict[str, str] = {}
    use_kill_switch(environment=environment)
    assert environment == {KILL_SWITCH_VARIABLE: '{"fleets": ["chat-large"]}'}


@pytest.mark.parametrize(
    ("value", "handed_on"),
    [
        ("", "the Airflow Variable headroom_kill_switch is there"),
        (" \n", "the Airflow Variable headroom_kill_switch is there"),
        (None, None),
        (False, "False"),
        ("stop\x00\ud800", "stop\\x00\\ud800"),
        ("x" * 100_001, TOO_LONG),
        (
            '{"fleets": ["' + "é" * 50_001 + '"]}',
            TOO_LONG,
        ),
        ('{\n\t"fleets": ["chat-large"]\n}', '{ "fleets": ["chat-large"] }'),
    ],
)
def test_whatever_somebody_put_there_is_a_switch(
    monkeypatch: pytest.MonkeyPatch, value: object, handed_on: str | None
) -> None:
    airflow_has(monkeypatch, {AIRFLOW_VARIABLE: value})
    environment: dict[str, str] = {}
    use_kill_switch(environment=environment)
    assert environment.get(KILL_SWITCH_VARIABLE) == handed_on


def test_without_the_variable_what_the_environment_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has(monkeypatch, {})
    environment = {KILL_SWITCH_VARIABLE: "incident 4711"}
    use_kill_switch(environment=environment)
    assert environment == {KILL_SWITCH_VARIABLE: "incident 4711"}


def test_an_airflow_that_cannot_say_lets_no_task_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> object:
        raise ConnectionError("the API server does not answer")

    monkeypatch.setattr(Variable, "get", staticmethod(unreachable))
    with pytest.raises(ConnectionError):
        use_kill_switch(environment={})


def test_every_task_asks_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(task_defaults, "use_aws_connection", lambda _context: asked.append("credentials"))
    monkeypatch.setattr(task_defaults, "use_kill_switch", lambda _context: asked.append("kill switch"))
    task_defaults.task_defaults()["pre_execute"]({})
    assert asked == ["credentials", "kill switch"]
