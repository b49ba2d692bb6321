"""Names of sessions of an assumed role, by which CloudTrail tells who did what; no call is made here."""

import re
from typing import Final

LONGEST: Final = 64
"""Of RoleSessionName, which has at least two characters, of [\\w+=,.@-] (AWS STS API Reference, AssumeRole)."""
LONGEST_DEPLOYMENT: Final = 16
"""What is kept of a deployment's id where the whole name would not fit: who it was matters more."""

_UNFIT: Final = re.compile(r"[^\w+=,.@-]+", re.ASCII)


def role_session_name(*, deployment: str, caller: str) -> str:
    """Return `headroom-<deployment>-<caller>` as AWS takes it; other characters become one dash.

    >>> role_session_name(deployment="prod", caller="rollback_scaling ada@acme.example")
    'headroom-prod-rollback_scaling-ada@acme.example'
    """
    who = _UNFIT.sub("-", caller).strip("-") or "unknown"
    name = f"headroom-{deployment}-{who}"
    if len(name) > LONGEST:
        name = f"headroom-{deployment[:LONGEST_DEPLOYMENT]}-{who}"
    return name[:LONGEST]
