"""What a push changed in all, where more than one of its tries wrote: a worker that died told nobody. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState

CHANGES: Final = ("create", "replace", "delete")


def has_begun_to_write(states: Iterable[LedgerState]) -> bool:
    """Whether a push in whose ledger these states stand has meant to write."""
    return not INTENTS.isdisjoint(states)


def whole_change(events: Iterable[LedgerEvent]) -> dict[str, list[str]]:
    """Return the names of the actions that a push created, replaced and deleted, from its events in order.

    Each try's intent says what it was to do to what it found. The first that names an action tells what became of it
    since the push began: what the first try had deleted and the second puts anew was replaced, and what a later try
    deletes that did not stand when the push began is gone again. What was withdrawn for an owner's edit is no part of
    the plan.
    """
    intents = [event for event in events if event.state in INTENTS and "withdraws_for" not in event.detail]
    stood = {_name_of(item) for intent in intents[:1] for item in intent.detail["before"]["ours"]}
    found: dict[str, str] = {}
    for intent in intents:
        for name in map(_name_of, intent.detail.get("delete", ())):
            if name in stood:
                found.setdefault(name, "delete")
            else:
                found.pop(name, None)
        for change in ("create", "replace"):
            for item in intent.detail.get(change, ()):
                found.setdefault(_name_of(item), change)
    return {change: sorted(name for name, kind in found.items() if kind == change) for change in CHANGES}


def cut_off_reason(events: Iterable[LedgerEvent]) -> str:
    """Say of a push whose earlier try began to write and did not end, and whose later one may not, what may stand."""
    changes = ", ".join(f"{len(names)} to {change}" for change, names in whole_change(events).items() if names)
    of_these = f"; of {changes} any may be done" if changes else ""
    return f"an earlier try of it was cut off while it wrote{of_these}"


def _name_of(item: Mapping[str, Any] | str) -> str:
    return item if isinstance(item, str) else str(item["name"])
