"""Why a minimum is what it is, in words: the action that set it, or why the owner's own stands. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from headroom.actuation.held import Held, Source
from headroom.actuation.in_force import InForce
from headroom.actuation.outcome import PushState
from headroom.domain.fleet import Mode
from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState
from headroom.domain.scaling import ActionPurpose

_ENDS: Final = {
    LedgerState.REFUSED: "was refused",
    LedgerState.RECOMMENDED: "was only recommended, as the fleet's mode is",
    LedgerState.PLANNED: "was planned and not written",
    LedgerState.REJECTED: "was rejected",
    LedgerState.ASKED_AGAIN: "was not written, as what was approved had moved since",
    LedgerState.FAILED: "failed",
    LedgerState.VERIFICATION_FAILED: "was written, and the target still differed when read back",
    LedgerState.VERIFIED: "was written and read back",
    LedgerState.APPLIED: "was written and not read back: its process died",
    LedgerState.PARTIALLY_APPLIED: "was written in part and not read back: its process died",
    LedgerState.INTENDED: "died before it told what it had written",
    LedgerState.ROLLBACK_INTENDED: "died before it told what it had written",
    LedgerState.ROLLED_BACK: "was rolled back",
    LedgerState.REPAIRED: "was finished or replaced by a later push",
    LedgerState.OWNER_EDIT_SEEN: "found an owner's edit",
    LedgerState.CONFIRMED: "ended the pause",
    LedgerState.FOREIGN_SEEN: "found what it wanted, and the owner's actions changed",
    LedgerState.APPROVED: "was approved and not written: its process died",
    LedgerState.BASELINE_CAPTURED: "captured the owner's baseline and died",
}
_UNWRITTEN: Final = {
    LedgerState.REFUSED: "refused",
    LedgerState.RECOMMENDED: "recommended",
    LedgerState.PLANNED: "planned",
    LedgerState.REJECTED: "rejected",
    LedgerState.ASKED_AGAIN: "asked_again",
    LedgerState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The reason as a fixed word and in a sentence; `event` is the intent that put the action, where one did."""

    code: str
    text: str
    event: LedgerEvent | None = None


def why_in_force(held: Held, found: InForce, known: Sequence[LedgerEvent]) -> Why:
    """Return why `held`, the minimum or the maximum of `found`, is what it is; `known` are the events up to then."""
    since = moment_text(held.since_utc)
    if held.source is Source.OURS:
        return _why_ours(held)
    if held.source is Source.OTHERS:
        name = held.action.name if held.action else "an action"
        return Why(code="foreign_action", text=f"{name}, a scheduled action that is not ours, set it at {since}")
    if held.source is Source.OWNER_EDIT:
        between = f" (not before {moment_text(held.not_before_utc)})" if held.not_before_utc else ""
        return Why(
            code="owner_edit", text=f"the owner edited it; seen at {since}{between} and taken as the new baseline"
        )
    if held.source is Source.UNKNOWN:
        text = f"it was seen at {since}, and no action that the ledger knows set it: somebody did, or one was missed"
        return Why(code="unknown", text=text)
    return _why_baseline(found, known)


def why_maximum(found: InForce, known: Sequence[LedgerEvent]) -> Why:
    """Return why the maximum is what it is, which our actions mostly leave alone."""
    if found.maximum.source is Source.ADOPTED and found.minimum.source is not Source.ADOPTED:
        captured = moment_text(found.memory.baseline.captured_at_utc)
        text = f"the owner's baseline, captured at {captured}; our actions leave it alone"
        return Why(code="baseline", text=text)
    return why_in_force(found.maximum, found, known)


def _why_ours(held: Held) -> Why:
    since = moment_text(held.since_utc)
    if held.asked is None or held.action is None:
        return Why(code="our_action", text=f"an action of ours set it before {since}; its push is no longer told of")
    name, intent = held.action.name, held.asked.put_by
    if intent.state is LedgerState.ROLLBACK_INTENDED:
        by = f" by {intent.detail['requested_by']}" if intent.detail.get("requested_by") else ""
        reason = f" ({intent.detail['reason']})" if intent.detail.get("reason") else ""
        undone = intent.detail.get("rolls_back", "an earlier push")
        return Why(
            code="rolled_back",
            text=f"{undone} was rolled back{by}{reason}; {name} put it back at {since}",
            event=intent,
        )
    if held.asked.purpose is not ActionPurpose.RESTORE:
        did = "raised" if held.asked.purpose is ActionPurpose.RAISE else "lowered"
        return Why(code="our_action", text=f"our scheduled action {name} {did} it at {since}", event=intent)
    if intent.detail.get("withdraws_for"):
        text = f"{name} gave the owner's baseline back at {since}: {intent.detail['withdraws_for']}"
        return Why(code="withdrawn", text=text, event=intent)
    text = f"the pushed horizon ended, and {name} gave the owner's baseline back at {since}; no later push took over"
    return Why(code="horizon_ended", text=text, event=intent)


def _why_baseline(found: InForce, known: Sequence[LedgerEvent]) -> Why:
    captured = f"the owner's baseline, captured at {moment_text(found.memory.baseline.captured_at_utc)}"
    intents = [event for event in known if event.state in INTENTS]
    ours = {
        record["name"] for event in intents for key in ("create", "replace") for record in event.detail.get(key, ())
    }
    ahead = [action for action in found.to_come if action.name in ours and action.starts_at_utc is not None]
    undone = [event for event in known if event.undone_by]
    if ahead and ahead[0].starts_at_utc is not None:
        text = f"{captured}: the first of our scheduled actions, {ahead[0].name}, starts at "
        return Why(code="before_first_action", text=text + moment_text(ahead[0].starts_at_utc), event=intents[-1])
    if undone and found.latest.push_id in (undone[-1].push_id, undone[-1].undone_by):
        return Why(code="rolled_back", text=f"{captured}: {event_text(undone[-1])}")
    return why_nothing(known, None, None, text=captured)


def why_nothing(
    known: Sequence[LedgerEvent], result: dict[str, Any] | None, mode: Mode | None, *, text: str = ""
) -> Why:
    """Return why nothing of ours is in force, from the newest event, the hour's result, or the fleet's mode."""
    told = text or "the owner's own bounds: Headroom has not written to this target"
    if result is not None and result["state"] == PushState.OBSERVED:
        return Why(code="observed", text=f"{told}; the fleet's mode was observe")
    if known:
        code = _UNWRITTEN.get(known[-1].state, "nothing_pushed")
        return Why(code=code, text=f"{told}; {event_text(known[-1])}")
    if mode is Mode.OBSERVE:
        return Why(code="observed", text=f"{told}; the fleet's mode is observe")
    reasons = f": {'; '.join(result['reasons'])}" if result and result.get("reasons") else ""
    ended = f"; the hour's push ended as {result['state']}{reasons}" if result else ""
    return Why(code="nothing_pushed", text=told + ended)


def event_text(event: LedgerEvent) -> str:
    """Return in a few words what an event says of its push, with who and why where it tells."""
    detail = event.detail
    reasons = [str(reason) for reason in detail.get("reasons", ())]
    for key in ("approved_by", "rejected_by", "confirmed_by", "requested_by"):
        if detail.get(key):
            reasons.insert(0, f"by {detail[key]}")
    if event.state is LedgerState.REJECTED and not detail.get("rejected_by"):
        reasons.insert(0, "nobody answered in time")
    reasons += [str(detail[key]) for key in ("note", "reason") if detail.get(key)]
    because = f": {'; '.join(reasons)}" if reasons else ""
    is_end_of_rollback = event.state is LedgerState.ROLLED_BACK and not event.undone_by
    ended = "took an earlier push back" if is_end_of_rollback else _ENDS[event.state]
    return f"push {event.push_id} {ended} at {moment_text(event.at_utc)}{because}"


def moment_text(moment_utc: datetime) -> str:
    """Return a moment as people read it, in UTC to the minute.

    >>> from datetime import UTC
    >>> moment_text(datetime(2026, 11, 18, 6, 5, tzinfo=UTC))
    '2026-11-18 06:05Z'
    """
    return f"{moment_utc:%Y-%m-%d %H:%MZ}"
