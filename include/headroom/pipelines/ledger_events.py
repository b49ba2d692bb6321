"""The ledger's events of a day as a mart, for SQL: who asked for what, what stood before and after, what came of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from headroom.actuation.ledger import Ledger
from headroom.domain.ledger import LedgerEvent
from headroom.domain.window import Window
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.one_fleet import at_each
from headroom.pipelines.outcomes import Outcome
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace

LEDGER_TABLE = "mart_action__ledger"
_ASKED: Final = ("wanted", "create", "replace")
_WHO: Final = ("approved_by", "rejected_by", "confirmed_by", "requested_by")
_SETTING: Final = ("min_instances", "max_instances", "desired_instances")


def settle_ledger(workspace: Workspace, window: Window) -> list[Outcome]:
    """Write the day's ledger events, one row per event and action; return how it failed of the fleets it failed of.

    Rows of a fleet whose ledger cannot be read stay as they are.
    """
    ledger = Ledger(workspace.lake)
    found, failed = at_each(
        lambda fleet: ledger_rows(ledger.events_in(fleet.id, window)), workspace.fleets, step="ledger"
    )
    rows = [row for of_fleet in found.values() for row in of_fleet]
    table = TABLES[LEDGER_TABLE]
    frame = pa.Table.from_pylist(rows, schema=table.schema)
    replace_fleets(workspace, settled_path(LEDGER_TABLE, window.day), table, frame)
    return failed


def ledger_rows(events: Iterable[LedgerEvent]) -> list[dict[str, Any]]:
    """Return the rows of events that stand push by push, in order; what an intent says holds for what follows it."""
    rows: list[dict[str, Any]] = []
    push = _Push("")
    for event in events:
        if event.push_id != push.push_id:
            push = _Push(event.push_id)
        rows += push.rows(event)
    return rows


class _Push:
    """One push's events: plan, inputs, who and the actions' settings are told once and belong to every later row."""

    def __init__(self, push_id: str) -> None:
        self.push_id = push_id
        self._plan_id: str | None = None
        self._inputs_hash: str | None = None
        self._who: str | None = None
        self._before: dict[str, str] = {}
        self._after: dict[str, str] = {}

    def rows(self, event: LedgerEvent) -> list[dict[str, Any]]:
        detail = event.detail
        self._learn(detail)
        reason = "; ".join(str(text) for text in detail.get("reasons", ()))
        of_push = {
            "push_id": event.push_id,
            "fleet_id": event.fleet_id,
            "sequence": event.sequence,
            "state": event.state.value,
            "at_utc": event.at_utc,
            "plan_id": self._plan_id,
            "inputs_hash": self._inputs_hash,
            "who": self._who,
            "reason": reason or None,
        }
        results = dict(_results(detail))
        if not results:
            before, after = _target_settings(detail)
            return [{**of_push, "action_name": None, "setting_before": before, "setting_after": after, "result": None}]
        return [
            {
                **of_push,
                "action_name": name,
                "setting_before": self._before.get(name),
                "setting_after": self._after.get(name),
                "result": result,
            }
            for name, result in sorted(results.items())
        ]

    def _learn(self, detail: Mapping[str, Any]) -> None:
        self._plan_id = detail.get("plan_id") or self._plan_id
        self._inputs_hash = detail.get("inputs_hash") or self._inputs_hash
        names = [str(detail[key]) for key in _WHO if detail.get(key)]
        if names:
            self._who = names[0]
        elif detail.get("mode") == "auto":
            self._who = "mode auto"
        for item in detail.get("before", {}).get("ours", ()):
            self._before[item["name"]] = _setting(item)
        for name in detail.get("delete", ()):
            self._after.pop(name, None)
        for key in _ASKED:
            self._after |= {item["name"]: _setting(item) for item in detail.get(key, ())}


def _results(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each action that an event tells of, with what is asked of it or what came of it."""
    for key in _ASKED:
        yield from ((item["name"], key) for item in detail.get(key, ()))
    yield from ((str(name), "delete") for name in detail.get("delete", ()))
    yield from ((str(name), "applied") for name in detail.get("applied", ()))
    yield from ((item["name"], f"failed: {item['reason']}") for item in detail.get("failures", ()))


def _target_settings(detail: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return what an event of the push as a whole says of the target: an owner's edit, or what was read back."""
    before, after = (
        detail.get("baseline_before"),
        detail.get("found") or detail.get("setting") or detail.get("baseline"),
    )
    return (_setting(before) if before else None, _setting(after) if after else None)


def _setting(record: Mapping[str, Any]) -> str:
    return json.dumps({field: record[field] for field in _SETTING})
