"""Ids of pushes: whose, of which moment, and a hash of what was wanted; equal in, equal out."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from headroom.actuation.errors import NoSuchPushError
from headroom.actuation.records import action_record
from headroom.domain.scaling import Action
from headroom.domain.window import as_utc

_PUSH_ID = re.compile(r"(?P<fleet>[a-z0-9-]{1,100})-(?P<label>[0-9]{8}T[0-9]{4}Z)-(?P<hash>[0-9a-f]{8})")
_SHOWN: Final = 140


def push_id_for(fleet_id: str, *, moment_utc: datetime, content: object) -> str:
    """Return the id of a push: fleet, moment (the window's end) and a hash of its content; equal in, equal out."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
    return f"{fleet_id}-{as_utc(moment_utc):%Y%m%dT%H%MZ}-{digest}"


def plan_push_id(fleet_id: str, *, window_end_utc: datetime, wanted: Sequence[Action]) -> str:
    """Return the id of the push of `wanted`, made from the window that ended at `window_end_utc`."""
    return push_id_for(fleet_id, moment_utc=window_end_utc, content=[action_record(action) for action in wanted])


def fleet_of(push_id: str) -> str:
    """Return the fleet a push id belongs to; raise NoSuchPushError when it is no push id."""
    return _parse(push_id)["fleet"]


def moment_of(push_id: str) -> datetime:
    """Return the moment in a push id; raise NoSuchPushError when it is no push id."""
    try:
        return datetime.strptime(_parse(push_id)["label"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _no_push_id(push_id) from error


def is_push_id(text: str) -> bool:
    """Whether `text` has the form of a push id."""
    return _PUSH_ID.fullmatch(text) is not None


def _parse(push_id: str) -> re.Match[str]:
    match = _PUSH_ID.fullmatch(push_id)
    if match is None:
        raise _no_push_id(push_id)
    return match


def _no_push_id(push_id: str) -> NoSuchPushError:
    shown = repr(push_id[:_SHOWN]) + ("…" if len(push_id) > _SHOWN else "")
    return NoSuchPushError(f"{shown} is no push id; expected one such as chat-large-20261118T0600Z-0a1b2c3d")
