"""What the push of an hour leaves in the lake beside the ledger: its newest result, and what a person was shown."""

from collections.abc import Mapping
from typing import Any, Final

from headroom.actuation.outcome import PushState
from headroom.actuation.shown import Shown, shown_from
from headroom.actuation.whole_change import CHANGES
from headroom.domain.window import Window
from headroom.lake.errors import LakeError
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace

_STATES: Final = frozenset(PushState)
_NAMES: Final = ("reasons", "delete")
_ACTIONS: Final = ("create", "replace", "keep")


def result_path(fleet_id: str, window: Window) -> str:
    """Return where the newest push result of a fleet's plan stands in the lake."""
    return f"{_folder(window)}/fleet={fleet_id}.json"


def read_result(workspace: Workspace, fleet_id: str, window: Window) -> dict[str, Any] | None:
    """Return the newest push result of a fleet's plan; None where there is none, or what is there is none.

    A result is told from and asked about, and the ledger has all that is in it: a damaged one hides one fleet's hour
    from a page, and stops nothing.
    """
    try:
        record = workspace.lake.read_json(result_path(fleet_id, window))
    except LakeError:
        return None
    if not isinstance(record, dict) or record.get("fleet_id") != fleet_id or not _is_result(record):
        return None
    return dict(record)


def _is_result(record: Mapping[str, Any]) -> bool:
    """Whether all that is told from a result is there; of some of it an earlier version knew nothing."""
    whole = record.get("whole", {})
    return (
        record.get("state") in _STATES
        and isinstance(record.get("push_id"), str)
        and type(record.get("write_calls")) is int
        and all(_is_list(record.get(key), str) for key in _NAMES)
        and all(_is_list(record.get(key), dict) for key in _ACTIONS)
        and _is_list(record.get("verdicts"), dict)
        and all({"rule", "is_passed", "reason"} <= verdict.keys() for verdict in record["verdicts"])
        and all(_is_list(record.get(key, []), str) for key in ("overdue", "moved"))
        and isinstance(record.get("shown"), str | None)
        and (whole == {} or (isinstance(whole, dict) and all(_is_list(whole.get(key), str) for key in CHANGES)))
    )


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def shown_path(fleet_id: str, window: Window, digest: str) -> str:
    """Return where stands what a person was shown of a fleet."""
    return f"{_folder(window)}/shown/fleet={fleet_id}/{digest}.json"


def keep_shown(workspace: Workspace, fleet_id: str, window: Window, shown: Shown) -> None:
    """Keep what a person is shown; it is never rewritten."""
    workspace.lake.write_json_once(shown_path(fleet_id, window, shown.digest), shown.record())


def read_shown(workspace: Workspace, fleet_id: str, window: Window, digest: str | None) -> Shown | None:
    """Return what a person was shown, or None where nothing was, or what is on record is not that."""
    if not digest:
        return None
    try:
        record = workspace.lake.read_json(shown_path(fleet_id, window, digest))
        shown = None if record is None else shown_from(record)
    except (LakeError, KeyError, TypeError, ValueError):
        return None
    return shown if shown is not None and shown.digest == digest else None


def _folder(window: Window) -> str:
    return f"pushes/hour={window_key(window)[:13]}"
