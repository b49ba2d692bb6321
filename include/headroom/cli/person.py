"""Who runs a command, for the ledger and for CloudTrail: the user of the operating system, and nothing that proves it."""

import getpass
from typing import Final

NOBODY_KNOWN: Final = "somebody"


def os_user() -> str:
    """Return the operating system's name of the user; a container may run under a number that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return NOBODY_KNOWN


def person_at_the_shell() -> str:
    """Return who gave a command, as the ledger keeps it."""
    return f"{os_user()} at the command line"
