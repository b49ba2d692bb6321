"""Telling people: a failed task or a missed deadline becomes a log line and, with HEADROOM_ALERT_URL, a message.

The URL takes a POST of {"text": ...}, which Slack, Mattermost, Teams workflows and most alert routers accept.
"""

import json
import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from headroom.config.secrets import redact
from headroom.domain.foreign_text import chat_text, one_line
from headroom.domain.secrets import ALERT_URL as ALERT_URL_VARIABLE

DELIVERY_TIMEOUT_SECONDS = 10.0

log = logging.getLogger(__name__)


def send_alert(text: str, *, environment: Mapping[str, str] = os.environ) -> bool:
    """Log `text` as an error and post it to HEADROOM_ALERT_URL if set; return whether it was delivered.

    An alert that cannot be delivered is logged and never raised: it must not hide the failure it is about. Secrets are
    masked; names and causes can neither mention, link nor format anything where it is read.
    """
    text = one_line(redact(text, environment))
    log.error("alert: %s", text)
    url = environment.get(ALERT_URL_VARIABLE)
    if not url:
        return False
    if not url.startswith(("http://", "https://")):
        log.error("%s: expected an http or https URL", ALERT_URL_VARIABLE)
        return False
    request = Request(  # noqa: S310, the scheme was checked above
        url,
        data=json.dumps({"text": chat_text(text)}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with build_opener(_NoRedirects).open(request, timeout=DELIVERY_TIMEOUT_SECONDS):
            return True
    except (OSError, ValueError, HTTPException) as error:
        cause = one_line(redact(error, environment))
        log.error("the alert could not be delivered to %s: %s", ALERT_URL_VARIABLE, cause)  # noqa: TRY400, one line will do
        return False


class _NoRedirects(HTTPRedirectHandler):
    """A redirected POST would arrive elsewhere, as a GET without its message."""

    def redirect_request(self, *_: object) -> None:
        """Follow none: the answer becomes an HTTPError."""


class FailureNotifier(BaseNotifier):
    """Says which task of which run failed, for which window, and why."""

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Send the alert for the failed task of `context`."""
        task_instance = context["task_instance"]
        window = context.get("partition_key") or (context.get("params") or {}).get("window") or "no window"
        chunk = f"[{task_instance.map_index}]" if task_instance.map_index >= 0 else ""
        task = f"{task_instance.dag_id}.{task_instance.task_id}{chunk}"
        cause = context.get("exception") or "the task was ended from outside"
        send_alert(f"Headroom: {task} failed for {window}: {cause}")


def report_missed_deadline(minutes: float, context: Mapping[str, Any] | None = None, **_: object) -> None:
    """Say that a run is still going `minutes` after it was queued; Airflow calls it by name."""
    run = (context or {}).get("dag_run") or {}
    dag_id = run.get("dag_id", "a DAG") if isinstance(run, Mapping) else run.dag_id
    run_id = run.get("dag_run_id", "") if isinstance(run, Mapping) else run.run_id
    send_alert(f"Headroom: {dag_id} {run_id} is not done {minutes:g} minutes after it was queued")


def must_finish_within(limit: timedelta) -> DeadlineAlert:
    """Return a deadline alert: a run not done `limit` after it was queued is reported, and goes on."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=limit,
        callback=SyncCallback(report_missed_deadline, kwargs={"minutes": limit / timedelta(minutes=1)}),
    )
