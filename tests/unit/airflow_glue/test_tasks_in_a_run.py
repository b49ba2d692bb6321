"""What the glue does inside a running task, with the context that Airflow would give it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Variable
from airflow.sdk.definitions._internal.contextmanager import _CURRENT_CONTEXT
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headroom.airflow_glue.approval import ANSWER_VARIABLE, AskForApproval, answer_within, time_to_answer
from headroom.airflow_glue.assets import SETTLED_DAY, UTILIZATION_HOUR, announce
from headroom.airflow_glue.leaf import FAILED_STATES, check_outcomes
from headroom.airflow_glue.other_runs import count_still_to_come
from headroom.airflow_glue.run_window import day_of_run, day_param, hour_of_run, hour_param
from headroom.domain.window import Window
from headroom.pipelines import outcomes
from headroom.pipelines.outcomes import RunHasFailures
from headroom.pipelines.windows import WindowError

HOUR = Window.hour_of(datetime(2026, 11, 18, 5, tzinfo=UTC))


@contextmanager
def running(context: dict[str, Any]) -> Iterator[None]:
    _CURRENT_CONTEXT.append(context)  # type: ignore[arg-type]
    try:
        yield
    finally:
        _CURRENT_CONTEXT.pop()


def test_a_keyed_run_is_about_its_key() -> None:
    with running({"partition_key": "2026-11-18T05:00:00", "params": {"window": None}}):
        assert hour_of_run() == HOUR


def test_a_run_by_hand_is_about_its_param() -> None:
    with running({"partition_key": None, "params": {"window": "2026-11-17T00:00:00+00:00"}}):
        assert day_of_run() == Window.day_of(datetime(2026, 11, 17, tzinfo=UTC))


def test_a_run_without_a_window_says_what_to_give() -> None:
    with running({"params": {}}), pytest.raises(WindowError, match="give a partition key or the Param 'window'"):
        hour_of_run()


def test_the_params_of_runs_by_hand_may_stay_empty() -> None:
    assert hour_param().resolve() is None
    assert day_param().resolve() is None


class Events(dict[object, Any]):
    """Keeps the partition keys that a task records for an asset, as Airflow's accessor does."""

    def __missing__(self, asset: object) -> Any:
        class Event:
            keys: list[str]

            def __init__(self) -> None:
                self.keys = []

            def add_partitions(self, key: str) -> None:
                self.keys.append(key)

        self[asset] = Event()
        return self[asset]


def test_landing_announces_the_window_although_the_run_has_no_key() -> None:
    events = Events()
    with running({"outlet_events": events, "params": {"window": "2026-11-18T05:00:00"}}):
        assert announce(UTILIZATION_HOUR, hour_of_run()) == "2026-11-18T05:00:00"
    assert events[UTILIZATION_HOUR].keys == ["2026-11-18T05:00:00"]
    assert SETTLED_DAY not in events


class TaskInstance:
    """Knows the states of a run's tasks."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == "extract_utilization"
        return {run_ids[0]: self.states}


class Dag:
    dag_id = "extract_utilization"


def checked(states: dict[str, str], check: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(outcomes, "check_outcomes", check)
    with DAG("extract_utilization", schedule=None):
        task = check_outcomes(lambda: HOUR).operator
    with running({"dag": Dag(), "run_id": "r1", "task_instance": TaskInstance(states)}):
        return task.python_callable()


def served(**_: object) -> dict[str, int]:
    return {"served": 4}


def test_a_run_in_which_all_were_served_is_green(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked({"extract_hour_0": "success"}, served, monkeypatch) == {"served": 4}


@pytest.mark.parametrize("state", sorted(FAILED_STATES))
def test_a_run_with_a_failed_task_is_red_although_nobody_recorded_an_outcome(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowFailException, match="extract_hour_1"):
        checked({"extract_hour_0": "success", "extract_hour_1": state}, served, monkeypatch)


def test_a_run_with_a_failed_fleet_is_red_and_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> dict[str, int]:
        raise RunHasFailures("1 of 4 failed: extract of rerank: no answer")

    with pytest.raises(AirflowFailException, match="extract of rerank: no answer"):
        checked({}, failing, monkeypatch)


ASKED_AT = datetime(2026, 11, 18, 6, 6, tzinfo=UTC)
REQUEST = {
    "fleet_id": "chat-large",
    "plan_id": "plan-1",
    "shown": "0a1b",
    "chunk": 3,
    "subject": "Push 4 actions to chat-large?",
    "body": "| {{ start }} |",
}


def answered(choice: str, user: dict[str, str] | None, **entered: str | None) -> dict[str, Any]:
    operator = AskForApproval(task_id="ask", request=REQUEST)
    event = {
        "chosen_options": [choice],
        "params_input": entered,
        "responded_at": datetime(2026, 11, 18, 6, 10, tzinfo=UTC),
        "responded_by_user": user,
    }
    return operator.execute_complete({"ti": SimpleNamespace(start_date=ASKED_AT)}, event)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("choice", ["Approve", "Reject"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"note": "x" * 501}, "x" * 499 + "…"),
        ({"note": 4711}, "4711"),
        ({"note": ["seen", "twice"]}, '["seen", "twice"]'),
        ({"note": None}, ""),
        ({"Note": "seen"}, "Note: seen"),
        ({"note": "seen", "ticket": 4711}, "seen; ticket: 4711"),
        ({}, ""),
        (None, ""),
    ],
)
def test_words_that_no_form_would_send_leave_the_answer_as_it_was_given(choice: str, given: Any, kept: str) -> None:
    event = {
        "chosen_options": [choice],
        "params_input": given,
        "responded_at": ASKED_AT,
        "responded_by_user": {"id": "7", "name": "ada"},
    }
    context = {"ti": SimpleNamespace(start_date=ASKED_AT)}
    answer = AskForApproval(task_id="ask", request=REQUEST).execute_complete(context, event)  # type: ignore[arg-type]
    assert (answer["is_approved"], answer["by"], answer["note"]) == (choice == "Approve", "ada", kept)


def test_an_approval_says_who_why_and_when() -> None:
    assert answered("Approve", {"id": "7", "name": "ada"}, note="agreed with search") == {
        "fleet_id": "chat-large",
        "plan_id": "plan-1",
        "shown": "0a1b",
        "is_approved": True,
        "by": "ada",
        "note": "agreed with search",
        "asked_at_utc": "2026-11-18T06:06:00+00:00",
        "at_utc": "2026-11-18T06:10:00+00:00",
    }


def test_no_answer_in_time_is_a_rejection_by_nobody() -> None:
    answer = answered("Reject", None)
    assert (answer["is_approved"], answer["by"], answer["note"]) == (False, None, "")


def test_why_may_be_left_out() -> None:
    assert answered("Approve", {"id": "7", "name": "ada"})["note"] == ""
    assert answered("Approve", {"id": "7", "name": "ada"}, note=None)["note"] == ""


def test_the_form_asks_why_and_nothing_that_the_run_was_started_with() -> None:
    with DAG("scale_ahead", schedule=None, params={"window": hour_param()}):
        form = AskForApproval(task_id="ask", request=REQUEST).serialized_params
    assert list(form) == ["note"]
    assert form["note"]["schema"]["title"] == "Why"


def test_a_request_is_shown_as_it_is_and_never_taken_for_a_template() -> None:
    operator = AskForApproval(task_id="ask", request=REQUEST)
    assert operator.template_fields == ("request",)
    assert operator.defaults == ["Reject"]


def test_where_the_answer_held_nothing_is_asked_again() -> None:
    operator = AskForApproval(task_id="ask_again", request={})
    operator.request = None  # type: ignore[assignment]  # as Airflow fills it in from the push before it
    with pytest.raises(AirflowSkipException):
        operator.execute({})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("asked_at", "minutes"),
    [
        ("06:06", 50.0),  # at once
        ("06:26", 30.0),  # 20 of 50 minutes are gone
        ("06:55", 5.0),  # 49 are: never less than 5
    ],
)
def test_a_second_request_has_the_time_that_is_left_of_the_first(asked_at: str, minutes: float) -> None:
    request = {**REQUEST, "asked_first_at_utc": ASKED_AT.isoformat()}
    moment = datetime.fromisoformat(f"2026-11-18T{asked_at}:00+00:00")
    left = time_to_answer(request, asked_at=moment, within=timedelta(minutes=50))
    assert left == timedelta(minutes=minutes)
    assert time_to_answer(REQUEST, asked_at=moment, within=timedelta(minutes=50)) == timedelta(minutes=50)


def test_a_short_time_to_answer_is_not_made_longer_by_asking_again() -> None:
    request = {**REQUEST, "asked_first_at_utc": ASKED_AT.isoformat()}
    left = time_to_answer(request, asked_at=ASKED_AT + timedelta(minutes=1), within=timedelta(minutes=2))
    assert left == timedelta(minutes=2)


def with_variable(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(key: str, default: object) -> object:
        assert key == ANSWER_VARIABLE
        return default if value is None else value

    monkeypatch.setattr(Variable, "get", get)


@pytest.mark.parametrize(("value", "minutes"), [(None, 50.0), ("50", 50.0), ("20", 20.0), ("0.25", 0.25)])
def test_a_variable_shortens_the_time_to_answer(
    value: str | None, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_variable(value, monkeypatch)
    assert answer_within() == timedelta(minutes=minutes)


@pytest.mark.parametrize("value", ["0", "-5", "51", "nan", "inf", "soon", ""])
def test_a_time_to_answer_that_cannot_be_used_asks_nobody_and_names_the_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_variable(value, monkeypatch)
    with pytest.raises(AirflowFailException, match=f"{ANSWER_VARIABLE}: expected minutes above 0 and at most 50"):
        answer_within()


class AmongOthers:
    """Counts runs and task instances as Airflow's database would; `builds` are the states of other runs' tasks."""

    def __init__(self, *, active_runs: int, builds: list[str]) -> None:
        self.active_runs, self.builds = active_runs, builds

    def get_dr_count(self, *, dag_id: str, states: list[str]) -> int:
        assert (dag_id, set(states)) == ("settle_days", {"queued", "running"})
        return self.active_runs

    def get_ti_count(self, *, dag_id: str, task_ids: list[str], states: list[str]) -> int:
        assert (dag_id, task_ids) == ("settle_days", ["build_warehouse"])
        return sum(state in states for state in self.builds)


@pytest.mark.parametrize(
    ("active_runs", "builds", "expected"),
    [
        (1, [], 0),
        (3, ["null", "scheduled"], 2),
        (2, ["up_for_retry"], 1),
        (2, ["success", "failed", "upstream_failed", "skipped"], 0),  # the other run is at its last task
        (1, ["null"], 0),  # of a run that was given up before it came so far: nobody would ever do it
    ],
)
def test_the_last_of_several_runs_does_what_all_would(active_runs: int, builds: list[str], expected: int) -> None:
    with DAG("settle_days", schedule=None) as dag:
        pass
    others = AmongOthers(active_runs=active_runs, builds=builds)
    with running({"dag": dag, "task_instance": others}):
        assert count_still_to_come("build_warehouse") == expected
