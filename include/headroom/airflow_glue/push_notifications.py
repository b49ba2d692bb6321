"""Telling people of pushes: one message a run that lists fleets, one for each rollback; quiet where nothing changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from airflow.sdk import BaseNotifier

from headroom.airflow_glue.channels import Message, Severity, send
from headroom.airflow_glue.notifications import ROLLBACK_ANCHOR, run_url, runbook_place, window_of, without_raising

REFUSED_ANCHOR: Final = "a-push-was-refused"
EDITED_ANCHOR: Final = "paused-after-an-owners-edit"
ASKED_ANCHOR: Final = "an-approval-was-not-answered"


class PushNotifier(BaseNotifier):
    """Says what a run of scale_ahead pushed, was refused, found changed and wants approved, as far as not told before.

    It is called after the run's first pushes, and again at the run's end, when the answers are known.
    """

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell of the run of `context`; where the lake does not answer nothing is told, and the log says so."""

        def tell(now_utc: datetime) -> None:
            from headroom.insight.push_news import LASTING, NewsKind, news_text  # noqa: PLC0415, too slow for the parse of a DAG
            from headroom.pipelines.push_news import tell_news  # noqa: PLC0415, as above
            from headroom.pipelines.windows import hour_window  # noqa: PLC0415, as above
            from headroom.pipelines.workspace import open_workspace  # noqa: PLC0415, as above

            window = window_of(context)
            chosen = tell_news(open_workspace(), hour_window(window), now_utc=now_utc)
            if not chosen:
                return
            kinds = {item.kind for item in chosen}
            is_urgent = not kinds.isdisjoint({*LASTING, NewsKind.APPROVAL_WANTED})
            anchor = next((anchor for kind, anchor in _ANCHORS if kind in kinds), "")
            task_instance = context["task_instance"]
            message = Message(
                severity=Severity.WARNING if is_urgent else Severity.INFO,
                text=f"{task_instance.dag_id} of {window}: {news_text(chosen)}",
                run_url=run_url(task_instance.dag_id, getattr(task_instance, "run_id", None)),
                runbook=runbook_place(anchor) if anchor else "",
            )
            send(message)

        without_raising(tell)


_ANCHORS: Final = (("approval wanted", ASKED_ANCHOR), ("drifted", EDITED_ANCHOR), ("refused", REFUSED_ANCHOR))


class RollbackNotifier(BaseNotifier):
    """Says that a push was rolled back, by whom and why, or that it was refused; a dry run is told nobody."""

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell what came of the task of `context`, whose result is the rollback's outcome."""
        task_instance, params = context["task_instance"], context.get("params") or {}
        outcome = task_instance.xcom_pull(task_ids=task_instance.task_id)
        if not isinstance(outcome, Mapping):
            return
        person = getattr(context.get("dag_run"), "triggering_user_name", None) or ""
        if text := rollback_text(outcome, params, person=person):
            url = run_url(task_instance.dag_id, getattr(task_instance, "run_id", None))
            send(Message(severity=Severity.WARNING, text=text, run_url=url, runbook=runbook_place(ROLLBACK_ANCHOR)))


def rollback_text(outcome: Mapping[str, Any], params: Mapping[str, Any], *, person: str) -> str:
    """Return what is told of a rollback's outcome, empty where nothing changed and nothing was refused."""
    is_changed = bool(outcome["write_calls"] or outcome.get("whole"))
    is_refused = outcome["state"] == "refused"
    if not is_changed and not is_refused:
        return ""
    reasons = "; ".join(outcome["reasons"])
    did = f"refused: {reasons}" if is_refused else outcome["state"].replace("_", " ")
    why = f" ({params['reason']})" if params.get("reason") else ""
    return f"{outcome['fleet_id']}: {params.get('push_id')}, asked by {person or 'somebody'}{why}, {did}"
