"""The kill switch that a person throws in the Airflow UI: the Variable `headroom_kill_switch`, for the running task.

A task runs in a process of its own, so the environment is the way in, as for credentials (aws_connection).
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from headroom.config.settings import KILL_SWITCH_VARIABLE
from headroom.domain.foreign_text import one_line

AIRFLOW_VARIABLE = "headroom_kill_switch"
MOST_BYTES = 100_000
"""Linux starts no program with a longer environment variable (MAX_ARG_STRLEN, 128 KiB), and forecasts start some."""


def use_kill_switch(
    _context: Mapping[str, Any] | None = None, *, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Hand the Variable's value to the running task; Airflow calls it before a task.

    Whatever keeps it from being read fails the task: somebody may have meant to stop something.
    """
    from airflow.sdk import Variable  # noqa: PLC0415, DAG files import this module

    value = Variable.get(AIRFLOW_VARIABLE, default=None)
    if value is not None:
        said = one_line(str(value)).strip()
        if len(said.encode()) > MOST_BYTES:
            said = f"the Airflow Variable {AIRFLOW_VARIABLE} has more than {MOST_BYTES:,} bytes: all is stopped"
        # an empty environment variable is none, an empty Airflow Variable was put there by somebody
        environment[KILL_SWITCH_VARIABLE] = said or f"the Airflow Variable {AIRFLOW_VARIABLE} is there"
