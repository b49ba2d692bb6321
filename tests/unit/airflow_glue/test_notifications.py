from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.executors.executor_loader import ExecutorLoader
from tests.unit.airflow_glue.alert_inbox import Inbox

from headroom.airflow_glue import notifications
from headroom.airflow_glue.deadlines import WindowClosed
from headroom.airflow_glue.notifications import (
    FailureNotifier,
    RecoveryNotifier,
    must_finish_within,
    report_missed_deadline,
    runbook_place,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("HEADROOM_ALERT_URL", inbox.url)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")


def failed_task(*, map_index: int = -1, hour: int = 5, cause: str = "no answer", **other: Any) -> dict[str, Any]:
    task = SimpleNamespace(
        dag_id=other.pop("dag_id", "scale_ahead"), task_id="push_chunk", map_index=map_index, run_id=f"run {hour}"
    )
    context = {"task_instance": task, "partition_key": f"2026-11-18T{hour:02}:00:00", "exception": RuntimeError(cause)}
    return {**context, **other}


def test_a_failure_names_task_chunk_window_cause_run_and_remedy(inbox: Inbox) -> None:
    FailureNotifier().notify(failed_task(map_index=2))
    assert inbox.texts[0].splitlines() == [
        "[critical] Headroom: scale_ahead.push_chunk[2] failed for 2026-11-18T05:00:00: no answer",
        "run: https://airflow.example/dags/scale_ahead/runs/run%205",
        "runbook: docs/runbook.md#check_outcomes-is-red",
    ]


@pytest.mark.parametrize(
    ("dag_id", "anchor"),
    [("rollback_scaling", "roll-a-push-back"), ("watch_fleets", "an-hour-has-no-verified-actions")],
)
def test_a_failure_leads_to_the_part_of_the_runbook_about_its_dag(inbox: Inbox, dag_id: str, anchor: str) -> None:
    FailureNotifier().notify(failed_task(dag_id=dag_id))
    assert inbox.texts[0].splitlines()[-1] == f"runbook: docs/runbook.md#{anchor}"


def test_a_failure_of_a_run_by_hand_names_its_param(inbox: Inbox) -> None:
    context = {**failed_task(), "partition_key": None, "params": {"window": "2026-11-17T00:00:00+00:00"}}
    FailureNotifier().notify({**context, "exception": None})
    said = "scale_ahead.push_chunk failed for 2026-11-17T00:00:00: the task was ended from outside"
    assert said in inbox.texts[0]


def test_what_no_hours_capacity_waits_for_is_a_warning(inbox: Inbox) -> None:
    FailureNotifier().notify(failed_task(dag_id="settle_days"))
    assert inbox.texts[0].startswith("[warning] ")


def test_one_cause_is_one_message_over_chunks_and_hours_and_its_end_is_another(inbox: Inbox) -> None:
    for hour in (5, 6, 7):
        for chunk in (1, 2):
            FailureNotifier().notify(failed_task(map_index=chunk, hour=hour))
    RecoveryNotifier().notify(failed_task(hour=8))
    RecoveryNotifier().notify(failed_task(hour=9))
    assert len(inbox.texts) == 2
    assert inbox.texts[1].startswith("[info] Headroom: scale_ahead.push_chunk has recovered at ")
    assert inbox.texts[1].endswith("3 times")


def test_a_secret_in_a_cause_is_neither_told_nor_kept(inbox: Inbox, tmp_path: Path) -> None:
    FailureNotifier().notify(failed_task(cause="no answer from http://ada:hunter2hunter2@proxy:3128/"))
    kept = (tmp_path / "lake" / "alerts" / "scale_ahead" / "push_chunk.json").read_text()
    for text in (kept, inbox.texts[0]):
        assert "no answer from http://ada:***@proxy:3128/" in text


def test_another_cause_says_since_when_it_is_failing(inbox: Inbox) -> None:
    FailureNotifier().notify(failed_task())
    FailureNotifier().notify(failed_task(hour=6, cause="access denied"))
    assert ": access denied (still failing since 20" in inbox.texts[1]
    assert "Z, 2 times)" in inbox.texts[1]


def test_a_lake_that_does_not_answer_keeps_nobody_from_being_told(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADROOM_LAKE", str(tmp_path / "file"))
    FailureNotifier().notify(failed_task())
    FailureNotifier().notify(failed_task())
    RecoveryNotifier().notify(failed_task())
    assert len(inbox.texts) == 2


def test_a_missed_deadline_names_run_and_limit(inbox: Inbox) -> None:
    run = {"dag_id": "settle_days", "dag_run_id": "scheduled__1", "partition_key": "2026-11-17T00:00:00"}
    report_missed_deadline(minutes=10.0, context={"dag_run": run})
    report_missed_deadline(minutes=10.0, context={"dag_run": {**run, "partition_key": "2026-11-18T00:00:00"}})
    assert [text.splitlines() for text in inbox.texts] == [
        [
            "[warning] Headroom: settle_days scheduled__1: it is not done 10 minutes after its window closed",
            "run: https://airflow.example/dags/settle_days/runs/scheduled__1",
            "runbook: docs/runbook.md#an-alert-says-that-a-run-is-not-done",
        ]
    ]


def test_the_deadline_counts_from_the_close_of_the_window_and_carries_its_limit_to_the_callback() -> None:
    alert = must_finish_within(timedelta(minutes=70), window=timedelta(days=1))
    assert alert is not None
    assert alert.reference == WindowClosed(window_hours=24)
    assert alert.interval == timedelta(minutes=70)
    assert alert.callback.kwargs == {"minutes": 70.0}
    assert alert.callback.path == "headroom.airflow_glue.notifications.report_missed_deadline"


@pytest.mark.parametrize(
    ("executor", "has_deadline"),
    [
        ("LocalExecutor", True),
        ("airflow.providers.celery.executors.celery_executor.CeleryExecutor", True),
        ("CeleryExecutor,KubernetesExecutor", True),
        ("KubernetesExecutor", False),
        ("KubernetesExecutor,LocalExecutor", False),
    ],
)
def test_there_is_no_deadline_where_the_executor_would_refuse_its_callback(
    monkeypatch: pytest.MonkeyPatch, *, executor: str, has_deadline: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert (must_finish_within(timedelta(minutes=70)) is not None) == has_deadline


def test_which_executors_run_callbacks_is_what_airflow_says() -> None:
    known = {}
    for name, path in ExecutorLoader.executors.items():
        module, _, attribute = path.rpartition(".")
        known[name] = getattr(import_module(module), attribute).supports_callbacks
    assert {name for name, runs_callbacks in known.items() if runs_callbacks} == notifications.RUN_CALLBACKS
    assert known["KubernetesExecutor"] is False


def test_the_runbook_may_stand_elsewhere() -> None:
    assert runbook_place("x", environment={"HEADROOM_RUNBOOK_URL": "https://wiki/r"}) == "https://wiki/r#x"


def test_every_anchor_that_messages_lead_to_is_in_the_runbook() -> None:
    headings = [line.lstrip("# ").lower() for line in (ROOT / "docs/runbook.md").read_text().splitlines()]
    anchors = {"".join(c for c in line if c.isalnum() or c in "-_ ").replace(" ", "-") for line in headings}
    used = {value for name, value in vars(notifications).items() if name.endswith("_ANCHOR")}
    assert len(used) == 4
    assert used <= anchors
