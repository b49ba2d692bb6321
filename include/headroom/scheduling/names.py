"""Names of scheduled actions: the only mark of what Headroom owns at a target. Nothing here reads a target."""

import re
from datetime import UTC, datetime
from typing import Final

from headroom.domain.scaling import PresentAction
from headroom.domain.window import as_utc

_PREFIX: Final = "headroom"
_TIME_FORMAT: Final = "%Y%m%dT%H%MZ"
_TIME_PATTERN: Final = re.compile(r"[0-9]{8}T[0-9]{4}Z")
_DEPLOYMENT_PATTERN: Final = re.compile(r"[a-z0-9]+")


def action_name(*, deployment: str, fleet_id: str, starts_at_utc: datetime) -> str:
    """Return `headroom-<deployment>-<fleet>-<20261123T1405Z>`.

    ValueError when the start is not on a whole minute (the name could not tell it) or the deployment id holds anything
    but lower-case letters and digits (a hyphen would make names ambiguous).

    >>> action_name(deployment="main", fleet_id="chat", starts_at_utc=datetime(2026, 11, 23, 14, 5, tzinfo=UTC))
    'headroom-main-chat-20261123T1405Z'
    """
    start = as_utc(starts_at_utc)
    if start.second or start.microsecond:
        raise ValueError(f"an action starts on a whole minute, found {start.isoformat()}")
    if _DEPLOYMENT_PATTERN.fullmatch(deployment) is None:
        raise ValueError(f"a deployment id is lower-case letters and digits, found {deployment!r}")
    return f"{_PREFIX}-{deployment}-{fleet_id}-{start.strftime(_TIME_FORMAT)}"


def parse_action_name(name: str, *, deployment: str, fleet_id: str) -> datetime | None:
    """Return the start that `name` tells, or None when the whole name does not parse as ours for this fleet."""
    prefix = f"{_PREFIX}-{deployment}-{fleet_id}-"
    stamp = name.removeprefix(prefix)
    if stamp == name or _TIME_PATTERN.fullmatch(stamp) is None:
        return None
    try:
        return datetime.strptime(stamp, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:  # digits in the right places that are no date, such as month 13
        return None


def is_ours(action: PresentAction, *, deployment: str, fleet_id: str) -> bool:
    """Whether the action at the target is this deployment's own, for this fleet."""
    return parse_action_name(action.name, deployment=deployment, fleet_id=fleet_id) is not None
