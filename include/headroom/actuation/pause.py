"""A push that finds the owner's edit: adopt it as the baseline, take our pending actions back, and wait."""

from dataclasses import replace
from typing import Final

from headroom.actuation.baseline import Adoption, OwnerEdit
from headroom.actuation.memory import FleetMemory
from headroom.actuation.outcome import PushOutcome, PushState, verdict_records
from headroom.actuation.records import baseline_record, setting_record
from headroom.actuation.restore import withdrawal
from headroom.actuation.running_push import RunningPush
from headroom.actuation.shown import Purpose
from headroom.actuation.write import end_half_done
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import TargetState, Verdict

KILL_SWITCH_RULE: Final = "kill_switch"
"""The guardrail that forbids every write, whatever it is for."""


def pause(push: RunningPush, adoption: Adoption, memory: FleetMemory) -> PushOutcome:
    """Record an owner's edit, and take back our pending actions so that none of them undoes it later."""
    request, state, reason = push.request, adoption.state, adoption.paused_reason or ""
    wanted = withdrawal(state, adoption.baseline, is_ours=request.is_ours)
    diff = request.diff(wanted, state)
    verdicts = (
        *request.guardrails(state, diff),
        Verdict(rule="owner_edit", is_passed=False, reason=reason),
    )
    # The guardrails judge the plan, which is not what is written here; only a kill switch stops a withdrawal.
    is_stopped = any(verdict.rule == KILL_SWITCH_RULE and not verdict.is_passed for verdict in verdicts)
    is_wanted = not is_stopped and not diff.is_empty
    shown = push.shown(state, diff, Purpose.WITHDRAWAL)
    moved = request.moved_since_approval(shown) if is_wanted else ()
    is_withdrawing = request.is_allowed_to_write and is_wanted and not moved
    if adoption.edit is None and diff.is_empty and not push.is_dry_run:
        _end_half_done(push, state, memory)
    if adoption.edit is None:
        push.note(LedgerState.REFUSED, {"reasons": [reason], "verdicts": verdict_records(verdicts)})
    only_paused = push.outcome(PushState.PAUSED, diff=diff, verdicts=verdicts, reasons=(reason,))
    if moved:
        asking = push.ask_again(moved, PushState.PAUSED, diff)
        only_paused = replace(asking, reasons=(reason, *asking.reasons))
    elif is_wanted and request.is_asked_about:
        only_paused = replace(only_paused, shown=shown)
    elif request.is_rejected:
        push.reject(diff, verdicts)
    if push.is_dry_run or (adoption.edit is None and not is_withdrawing):
        return only_paused
    seen = memory.seen(state, is_ours=request.is_ours)
    paused = replace(seen, baseline=adoption.baseline, paused_reason=reason)
    with push.lock.hold(request.push_id) as held:
        if adoption.edit is not None:
            _record_edit(push, adoption.edit, memory, paused)
        if not is_withdrawing:
            return only_paused
        push.note_approval()
        written = push.write_wanted(wanted, state, paused, held, {"withdraws_for": reason})
    return push.outcome(
        PushState.PAUSED if written.is_good else PushState(written.state.value),
        diff=diff,
        verdicts=verdicts,
        reasons=(reason, *written.reasons),
        written=written,
    )


def _end_half_done(push: RunningPush, state: TargetState, memory: FleetMemory) -> None:
    """Say that a withdrawal whose worker died before it could say so had taken back all there was."""
    request = push.request
    half_done = push.ledger.intents(request.fleet.id, now_utc=push.now_utc).half_done
    if not half_done:
        return
    with push.lock.hold(request.push_id):
        end_half_done(
            half_done,
            by=request.push_id,
            succeeded=LedgerState.VERIFIED,
            state=state,
            memory=memory.seen(state, is_ours=request.is_ours),
            ledger=push.ledger,
            now_utc=push.now_utc,
        )


def _record_edit(push: RunningPush, edit: OwnerEdit, before: FleetMemory, paused: FleetMemory) -> None:
    detail = {
        "reasons": [edit.reason],
        "found": setting_record(edit.found),
        "baseline_before": baseline_record(before.baseline),
        "baseline": baseline_record(paused.baseline),
    }
    push.ledger.append(
        push.request.push_id,
        LedgerState.OWNER_EDIT_SEEN,
        at_utc=push.now_utc,
        detail=detail,
        memory=paused,
    )
