"""Which rollback a push stands undone by, as the ledger has it; one that was itself taken back undid nothing."""

from headroom.actuation.ledger import Ledger
from headroom.domain.ledger import INTENTS, LedgerEvent


def taken_back(push_id: str, ledger: Ledger) -> LedgerEvent | None:
    """Return the event that a rollback left at a push that stands undone; None where it stands, or stands again."""
    for event in reversed(ledger.events(push_id)):
        if event.undone_by:
            return None if taken_back(event.undone_by, ledger) else event
        if event.state in INTENTS:
            return None
    return None
