"""Who a running task acts for: its DAG, its window and the person who started the run, told to AWS in session names.

A task runs in a process of its own, so the environment is the way in, as for credentials (aws_connection).
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from headroom.config.caller import CALLER_VARIABLE


def name_caller(
    context: Mapping[str, Any] | None = None, *, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Put who the task acts for into `environment`; Airflow calls it before a task."""
    if context is not None and "task_instance" in context:
        environment[CALLER_VARIABLE] = caller_of(context)


def caller_of(context: Mapping[str, Any]) -> str:
    """Return DAG, window and person of a task's context, those that there are: `scale_ahead-20261118T05-ada`."""
    window = context.get("partition_key") or (context.get("params") or {}).get("window") or ""
    hour = str(window).replace("-", "")[: len("20261118T05")]
    person = str(getattr(context.get("dag_run"), "triggering_user_name", None) or "")
    parts = (str(context["task_instance"].dag_id), hour, person)
    return "-".join(part for part in parts if part)
