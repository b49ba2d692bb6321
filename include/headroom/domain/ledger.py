"""Ledger: the record of what was planned, approved, pushed, verified, rolled back and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class LedgerState(StrEnum):
    """The states a push goes through; each is one create-once event file."""

    BASELINE_CAPTURED = "baseline_captured"
    PLANNED = "planned"
    RECOMMENDED = "recommended"
    REFUSED = "refused"
    APPROVED = "approved"
    REJECTED = "rejected"
    """A person rejected the plan, or nobody answered in time."""
    ASKED_AGAIN = "asked_again"
    """A person approved, but what they were shown had moved since: nothing was written."""
    INTENDED = "intended"
    APPLIED = "applied"
    PARTIALLY_APPLIED = "partially_applied"
    VERIFIED = "verified"
    VERIFICATION_FAILED = "verification_failed"
    ROLLBACK_INTENDED = "rollback_intended"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    OWNER_EDIT_SEEN = "owner_edit_seen"
    CONFIRMED = "confirmed"
    REPAIRED = "repaired"
    """A later push finished or replaced what this one left half done."""
    FOREIGN_SEEN = "foreign_seen"
    """The owner's own scheduled actions changed while ours did not."""


INTENTS: Final = frozenset({LedgerState.INTENDED, LedgerState.ROLLBACK_INTENDED})
"""A push in one of these meant to write: it stands in the ledger before the first call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """One event of one push; `detail` is JSON-ready and says what stood before, what was asked, and why."""

    push_id: str
    sequence: int
    fleet_id: str
    state: LedgerState
    at_utc: datetime
    detail: dict[str, Any]

    @property
    def undone_by(self) -> str:
        """The rollback that left this event at the push it undid; empty of any other, its own good end among them."""
        return str(self.detail["by"]) if self.state is LedgerState.ROLLED_BACK and "by" in self.detail else ""
