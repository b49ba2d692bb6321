"""The kill switch that a person throws in the Airflow UI: the Variable `headroom_kill_switch`, for the running task.

A task runs in a process of its own, so the environment is the way in, as for credentials (aws_connection).
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from headroom.config.settings import KILL_SWITCH_VARIABLE
from headroom.domain.foreign_text import one_line

AIRFLOW_VARIABLE = "headroom_kill_switch"


def use_kill_switch(
    _context: Mapping[str, Any] | None = None, *, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Hand the Variable's value to the running task; Airflow calls it before a task.

    Whatever keeps it from being read fails the task: somebody may have meant to stop something.
    """
    from airflow.sdk import Variable  # noqa: PLC0415, DAG files import this module

    value = Variable.get(AIRFLOW_VARIABLE, default=None)
    if value is not None:
        # an empty environment variable is none, an empty Airflow Variable was put there by somebody
        environment[KILL_SWITCH_VARIABLE] = (
            one_line(str(value)).strip() or f"the Airflow Variable {AIRFLOW_VARIABLE} is there"
        )
