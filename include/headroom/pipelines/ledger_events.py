"""The ledger's events of a day as a mart, for SQL: who asked for what, when, and what came of it."""

from typing import Any

import pyarrow as pa

from headroom.actuation.ledger import Ledger
from headroom.domain.ledger import LedgerEvent
from headroom.domain.window import Window
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.at_once import at_once
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace

LEDGER_TABLE = "mart_action__ledger"
_ACTION_LISTS = ("wanted", "create", "replace", "applied")


def settle_ledger(workspace: Workspace, window: Window) -> int:
    """Write the day's ledger events, one row per event and action; return how many."""
    ledger = Ledger(workspace.lake)
    events = at_once(lambda fleet: list(ledger.events_in(fleet.id, window)), workspace.fleets)
    rows = [row for of_fleet in events for event in of_fleet for row in _rows(event)]
    table = TABLES[LEDGER_TABLE]
    frame = pa.Table.from_pylist(rows, schema=table.schema)
    replace_fleets(workspace, settled_path(LEDGER_TABLE, window.day), table, frame)
    return len(rows)


def _rows(event: LedgerEvent) -> list[dict[str, Any]]:
    reason = "; ".join(str(text) for text in event.detail.get("reasons", ()))
    row = {
        "push_id": event.push_id,
        "fleet_id": event.fleet_id,
        "sequence": event.sequence,
        "state": event.state.value,
        "at_utc": event.at_utc,
        "reason": reason or None,
    }
    names = sorted(
        {
            item["name"] if isinstance(item, dict) else str(item)
            for key in _ACTION_LISTS
            for item in event.detail.get(key, ())
        },
    )
    return [{**row, "action_name": name} for name in names] or [{**row, "action_name": None}]
