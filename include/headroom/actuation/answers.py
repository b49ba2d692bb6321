"""What the ledger keeps of a person's answer, or of nobody's. Pure."""

from typing import Any

from headroom.actuation.request import PushRequest


def approval_detail(request: PushRequest) -> dict[str, Any]:
    """Return who approved, why, and what they had been shown."""
    shown = {"shown": request.shown.digest} if request.shown else {}
    return {"approved_by": request.approved_by, "note": request.answer_note, **shown}


def asked_again_detail(request: PushRequest, moved: tuple[str, ...]) -> dict[str, Any]:
    """Return who approved what, and what had moved since."""
    return {**approval_detail(request), "plan_id": request.plan_id, "reasons": list(moved)}


def rejection_detail(request: PushRequest) -> dict[str, Any]:
    """Return who rejected the plan and why; None where nobody answered in time."""
    return {"rejected_by": request.rejected_by or None, "note": request.answer_note, "plan_id": request.plan_id}


def rejection_reason(request: PushRequest) -> str:
    """Return in words that somebody said no, or that nobody said anything in time, which means no."""
    by, note = request.rejected_by, request.answer_note
    reason = f"{by} rejected the plan" if by else "nobody approved the plan in time"
    return f"{reason}: {note}" if note else reason
