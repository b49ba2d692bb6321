"""Telling people: what failed for good, what is not done in time, and when it is over; a cause once while it lasts."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from headroom.airflow_glue.channels import Message, Severity, send
from headroom.airflow_glue.deadlines import WindowClosed
from headroom.config.secrets import redact

RUNBOOK_VARIABLE = "HEADROOM_RUNBOOK_URL"
RUNBOOK = "docs/runbook.md"
FAILED_ANCHOR = "check_outcomes-is-red"
LATE_RUN_ANCHOR = "an-alert-says-that-a-run-is-not-done"
LATE_PUSH_ANCHOR = "an-hour-has-no-verified-actions"
ROLLBACK_ANCHOR = "roll-a-push-back"
ANCHORS_OF_DAGS = {"watch_fleets": LATE_PUSH_ANCHOR, "rollback_scaling": ROLLBACK_ANCHOR}
"""Where the runbook tells of DAGs that have no check_outcomes, or one that says something else."""

KEY_LENGTH = len("2026-11-18T05:00:00")

URGENT_DAGS = frozenset({"extract_utilization", "scale_ahead", "watch_fleets", "rollback_scaling"})
"""What stands between the close of an hour and its capacity; the others can wait for the day."""

RUN_CALLBACKS = frozenset({"CeleryExecutor", "LocalExecutor"})
"""Executors that run the callback of a missed deadline (Airflow 3.3.2); KubernetesExecutor refuses it."""

log = logging.getLogger(__name__)


class FailureNotifier(BaseNotifier):
    """Says which task of which run failed for good, for which window, and why; once per cause while it lasts."""

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell of the failed task of `context`."""
        task_instance = context["task_instance"]
        dag_id, window = task_instance.dag_id, window_of(context)
        chunk = f"[{task_instance.map_index}]" if task_instance.map_index >= 0 else ""
        # Masked here: the cause is kept in the lake, too.
        cause = redact(context.get("exception") or "the task was ended from outside")
        _tell_failure(
            dag_id,
            task_instance.task_id,
            window=window,
            cause=cause,
            text=f"{dag_id}.{task_instance.task_id}{chunk} failed for {window or 'no window'}: {cause}",
            run_url=run_url(dag_id, getattr(task_instance, "run_id", None)),
            anchor=ANCHORS_OF_DAGS.get(dag_id, FAILED_ANCHOR),
        )


class RecoveryNotifier(BaseNotifier):
    """Says what is over, when the last task of a run has found everybody served."""

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell of what the good end of the run has closed."""
        dag_id = context["task_instance"].dag_id

        def close(now_utc: datetime) -> None:
            from headroom.pipelines.incidents import note_success  # noqa: PLC0415, too slow for the parse of a DAG
            from headroom.pipelines.workspace import open_lake  # noqa: PLC0415, as above

            for incident in note_success(open_lake(), dag_id=dag_id, window=window_of(context)):
                lasted = f"was failing since {incident.since_utc:%Y-%m-%d %H:%M}Z, {incident.count} times"
                text = f"{dag_id}.{incident.task_id} has recovered at {now_utc:%Y-%m-%d %H:%M}Z; it {lasted}"
                send(Message(severity=Severity.INFO, text=text))

        without_raising(close)


def report_missed_deadline(minutes: float, context: Mapping[str, Any] | None = None, **_: object) -> None:
    """Say that a run is still going `minutes` after its window closed; Airflow calls it by name."""
    # Airflow gives the run as its REST API describes it.
    run: Mapping[str, Any] = (context or {}).get("dag_run") or {}
    dag_id, run_id = run.get("dag_id") or "a DAG", run.get("dag_run_id")
    cause = f"it is not done {minutes:g} minutes after its window closed"
    _tell_failure(
        dag_id,
        "deadline",
        window=run.get("partition_key"),
        cause=cause,
        text=f"{dag_id} {run_id or ''}: {cause}",
        run_url=run_url(dag_id, run_id),
        anchor=LATE_RUN_ANCHOR,
    )


def must_finish_within(limit: timedelta, *, window: timedelta = timedelta(hours=1)) -> DeadlineAlert | None:
    """Return a deadline alert: a run not done `limit` after its window closed is reported, and goes on.

    `window` is how long the windows of the DAG are. A run about a past window has `limit` from its own creation.
    None where the executor runs no callbacks: there the first missed deadline would end the scheduler, again and again.
    """
    if _default_executor() not in RUN_CALLBACKS:
        return None
    return DeadlineAlert(
        reference=WindowClosed(window_hours=window // timedelta(hours=1)),
        interval=limit,
        callback=SyncCallback(report_missed_deadline, kwargs={"minutes": limit / timedelta(minutes=1)}),
    )


def _default_executor() -> str:
    """Return the class name of the executor that Airflow gives callbacks to, the first where several are named."""
    first = re.split("[,;]", conf.get("core", "executor"))[0]
    return first.strip().rpartition(".")[2]


def _tell_failure(
    dag_id: str, task_id: str, *, window: str | None, cause: str, text: str, run_url: str, anchor: str
) -> None:
    severity = Severity.CRITICAL if dag_id in URGENT_DAGS else Severity.WARNING
    message = Message(severity=severity, text=text, run_url=run_url, runbook=runbook_place(anchor))

    def tell(now_utc: datetime) -> None:
        from headroom.pipelines.incidents import Failure, note_failure  # noqa: PLC0415, too slow for the parse of a DAG
        from headroom.pipelines.workspace import open_lake  # noqa: PLC0415, as above

        failure = Failure(dag_id=dag_id, task_id=task_id, window=window, cause=cause)
        incident = note_failure(open_lake(), failure, now_utc=now_utc)
        if incident is None:
            log.error("told before, and not told again: %s", text)
        elif incident.is_new:
            send(message)
        else:
            lasting = f"still failing since {incident.since_utc:%Y-%m-%d %H:%M}Z, {incident.count} times"
            send(Message(severity=severity, text=f"{text} ({lasting})", run_url=run_url, runbook=message.runbook))

    if not without_raising(tell):
        send(message)  # a lake that does not answer keeps nobody from being told


def without_raising(act: Callable[[datetime], None]) -> bool:
    """Act now; whatever it raises is logged by its name. Return whether it went well."""
    try:
        act(datetime.now(UTC))
    except Exception as error:  # noqa: BLE001, whatever is wrong with the lake, the failure itself must be told
        log.error("what was told before could not be looked up: %s", type(error).__name__)  # noqa: TRY400, one line
        return False
    return True


def runbook_place(anchor: str, *, environment: Mapping[str, str] = os.environ) -> str:
    """Return where the runbook says what to do, under HEADROOM_RUNBOOK_URL where that is set."""
    return f"{environment.get(RUNBOOK_VARIABLE) or RUNBOOK}#{anchor}"


def window_of(context: Mapping[str, Any]) -> str | None:
    """Return the key of the run's window, as partition keys spell it; a Param has an offset behind it."""
    window = context.get("partition_key") or (context.get("params") or {}).get("window")
    return str(window)[:KEY_LENGTH] if window else None


def run_url(dag_id: str, run_id: str | None) -> str:
    """Return where the UI shows a run; empty where its address or the run is not known."""
    base = conf.get("api", "base_url", fallback=None)
    if not base or not run_id:
        return ""
    return f"{base.rstrip('/')}/dags/{quote(dag_id)}/runs/{quote(run_id)}"
