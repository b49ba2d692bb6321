"""Who acts: a task of a DAG, by what Airflow set for it, or the user of the operating system at a shell."""

import getpass
import os
from collections.abc import Mapping
from typing import Final

from headroom.domain.session_names import role_session_name

CALLER_VARIABLE: Final = "HEADROOM_CALLER"
"""Who acts, for the names of sessions; airflow_glue/task_caller.py sets it for a task."""
NOBODY_KNOWN: Final = "somebody"


def os_user() -> str:
    """Return the operating system's name of the user; a container may run under a number that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return NOBODY_KNOWN


def person_at_the_shell() -> str:
    """Return who gave a command, as the ledger keeps it; nothing proves it."""
    return f"{os_user()} at the command line"


def session_name(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the sessions in which this process enters accounts."""
    caller = environment.get(CALLER_VARIABLE) or f"cli-{os_user()}"
    return role_session_name(deployment=environment.get("HEADROOM_DEPLOYMENT") or "default", caller=caller)
