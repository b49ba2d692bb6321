"""The kill switch: why a fleet is not to be pushed to, by a file in the lake or by the environment."""

import json
from collections.abc import Collection
from typing import Final

from headroom.config.settings import KILL_SWITCH_VARIABLE
from headroom.domain.fleet import Fleet
from headroom.domain.foreign_text import one_line
from headroom.lake.errors import LakeError
from headroom.pipelines.workspace import Workspace

KILL_SWITCH_PATH: Final = "control/kill_switch.json"
"""While this file is in the lake nothing is pushed; {"fleets": [...]} stops only those, {"reason": "..."} is shown."""
MOST_REASON_CHARACTERS: Final = 500


def kill_switch_reason(workspace: Workspace, fleet: Fleet) -> str | None:
    """Return why a kill switch, the environment's or the lake's, stops this fleet, or None where none does.

    A switch that cannot be read, or names no fleet that there is, is thrown for all: somebody meant to stop something.
    """
    known = {item.id for item in workspace.fleets}
    if workspace.kill_switch:
        switch = _variable_switch(workspace.kill_switch)
        reason = _reason_of(switch, fleet, known, where=f"{KILL_SWITCH_VARIABLE} is set")
        if reason is not None:
            return reason
    try:
        switch = workspace.lake.read_json(KILL_SWITCH_PATH)
    except LakeError as error:
        return f"it cannot be read, so all is stopped ({error})"
    if switch is None and not workspace.lake.storage.exists(KILL_SWITCH_PATH):
        return None
    return _reason_of(switch, fleet, known, where=f"{KILL_SWITCH_PATH} is in the lake")


def _variable_switch(text: str) -> object:
    """Return what the variable says: JSON as in the lake's file, or any other text, which is the reason."""
    try:
        switch = json.loads(text)
    except (ValueError, RecursionError):
        return {"reason": text}
    return switch if isinstance(switch, dict) else {"reason": text}


def _reason_of(switch: object, fleet: Fleet, known: Collection[str], *, where: str) -> str | None:
    if not isinstance(switch, dict) or not isinstance(switch.get("fleets", []), list):
        return f"{where}, and names no list of fleets"
    if "fleets" in switch:
        unknown = [name for name in switch["fleets"] if not isinstance(name, str) or name not in known]
        if unknown or not switch["fleets"]:
            said = f"fleet {unknown[0]!r}, which fleets.yaml has not" if unknown else "no fleet"
            return _shown(f"{where}, and names {said}: all is stopped")
        if fleet.id not in switch["fleets"]:
            return None
    return _shown(str(switch.get("reason") or "").strip() or where)


def _shown(reason: str) -> str:
    """Return a reason as one line that is short enough for a ledger, a page and a message."""
    line = one_line(reason)
    return line if len(line) <= MOST_REASON_CHARACTERS else f"{line[:MOST_REASON_CHARACTERS]} …"
