"""The owner's word that a paused fleet may be pushed to again."""

from dataclasses import replace
from datetime import datetime

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.push_ids import push_id_for
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Baseline


def confirm_baseline(
    fleet_id: str,
    *,
    ledger: Ledger,
    now_utc: datetime,
    confirmed_by: str,
    note: str = "",
) -> Baseline:
    """End a fleet's pause and return the baseline it now has; confirming twice changes nothing.

    Raises ActuationError when the fleet was never adopted.
    """
    memory = ledger.memory(fleet_id, now_utc=now_utc)
    if memory is None:
        raise ActuationError(f"the ledger has no baseline for fleet {fleet_id}: there is nothing to confirm")
    if memory.paused_reason is not None:
        push_id = push_id_for(fleet_id, moment_utc=now_utc, content={"confirms": memory.revision})
        detail = {"confirmed_by": confirmed_by, "note": note, "paused_reason": memory.paused_reason}
        confirmed = replace(memory, revision=memory.revision + 1, paused_reason=None)
        ledger.append(push_id, LedgerState.CONFIRMED, at_utc=now_utc, detail=detail, memory=confirmed)
    return memory.baseline
