"""One fleet's push: look, tell whose setting stands there, compare, check, and only then write; twice is once."""

from dataclasses import replace
from datetime import datetime

from headroom.actuation.baseline import adopt
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import STALE_AFTER, Ledger, is_unfinished
from headroom.actuation.lock import LockError, Locks, lock_verdict
from headroom.actuation.memory import FleetMemory, first_memory, foreign_to_come
from headroom.actuation.outcome import PushOutcome, PushState, diff_record, overdue_actions, verdict_records
from headroom.actuation.pause import pause
from headroom.actuation.push_ids import moment_of
from headroom.actuation.records import action_record, baseline_record, present_records, setting_record
from headroom.actuation.request import PushRequest
from headroom.actuation.restore import restore_problem, restore_verdicts, still_owed
from headroom.actuation.running_push import RunningPush, failed_reasons
from headroom.actuation.shown import Purpose
from headroom.actuation.target import ScalingTarget, read_as_of_its_end
from headroom.actuation.whole_change import cut_off_reason, has_begun_to_write, whole_change
from headroom.actuation.write import mark_repaired
from headroom.domain.fleet import Mode
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict


def push_fleet(
    request: PushRequest,
    *,
    target: ScalingTarget,
    ledger: Ledger,
    locks: Locks,
    now_utc: datetime,
    is_dry_run: bool = False,
    is_second_try: bool = False,
) -> PushOutcome:
    """Make the fleet's target hold the wanted actions, as far as mode, guardrails, lock and pause allow.

    Never raises for what happens at the cloud: the outcome says it. A dry run shows the diff and the verdicts, whatever
    the mode and whoever has the lock, and writes neither to the target nor to the ledger. `now_utc` is the cloud's
    clock. While another push or rollback has the fleet's lock nothing is done: the next run makes up for it.
    `is_second_try`: whoever had this very push is known to be dead, so that its lock is taken over.
    """
    if request.fleet.mode is Mode.OBSERVE and not is_dry_run:
        reasons = ("the fleet's mode is observe",)
        return PushOutcome(
            fleet_id=request.fleet.id, push_id=request.push_id, state=PushState.OBSERVED, reasons=reasons
        )
    # before anything else is read, so that what is read is not outdated unnoticed
    lock = locks.look(request.fleet.id, left_by=request.push_id if is_second_try else None)
    push = RunningPush(request, target, ledger, lock, now_utc, is_dry_run)
    stale_reason = _stale_reason(push)
    if stale_reason is not None:
        detail = {"reasons": [stale_reason], "wanted": [action_record(action) for action in request.wanted]}
        push.note(LedgerState.PLANNED, detail)
        return push.outcome(PushState.PLANNED, reasons=(stale_reason,))
    if lock.held_reason is not None and not is_dry_run:
        return push.refuse((lock_verdict(lock.held_reason),), None)
    try:
        state = read_as_of_its_end(target, locks.clock, now_utc=now_utc)
    except ActuationError as error:
        push.note(LedgerState.FAILED, {"reasons": [str(error)]})
        return push.outcome(PushState.FAILED, reasons=(str(error),))
    has_begun = has_begun_to_write(ledger.states(request.push_id))
    try:
        outcome = _push_at(push, state)
    except LockError as error:
        outcome = push.refuse((lock_verdict(str(error)),), None)
    if has_begun and outcome.state in (PushState.VERIFIED, PushState.UNCHANGED):
        outcome = replace(outcome, whole=whole_change(ledger.events(request.push_id)))
    elif has_begun and outcome.is_refused and not outcome.lacks_lock and is_unfinished(ledger.states(request.push_id)):
        outcome = replace(outcome, reasons=(*outcome.reasons, cut_off_reason(ledger.events(request.push_id))))
    return replace(outcome, overdue=overdue_actions(state, is_ours=request.is_ours))


def _stale_reason(push: RunningPush) -> str | None:
    """Return why the window's plan is no longer to be pushed, or None."""
    window_end, push_id = push.request.window_end_utc, push.request.push_id
    if push.now_utc - window_end > STALE_AFTER:
        return f"the window ended at {window_end:%Y-%m-%d %H:%M}Z, long before {push.now_utc:%Y-%m-%d %H:%M}Z"
    newest = push.ledger.intents(push.request.fleet.id, now_utc=push.now_utc).newest
    if newest is not None and moment_of(newest) > window_end:
        return f"{newest} is newer than this window"
    if LedgerState.ROLLED_BACK in push.ledger.states(push_id):
        return "this push was rolled back; the plan of a later window may be pushed"
    return None


def _push_at(push: RunningPush, state: TargetState) -> PushOutcome:
    """Go on, knowing what stands at the target."""
    request = push.request
    memory = push.ledger.memory(request.fleet.id, now_utc=push.now_utc)
    adoption = adopt(state, memory, is_ours=request.is_ours)
    if memory is not None and adoption.paused_reason is not None:
        return pause(push, adoption, memory)
    wanted = request.wanted or still_owed(state, adoption.baseline, is_ours=request.is_ours)
    diff = request.diff(wanted, state)
    moved = () if diff.is_empty else request.moved_since_approval(push.shown(state, diff, Purpose.PLAN))
    if moved:
        return push.ask_again(moved, PushState.AWAITING_APPROVAL, diff)
    problem = adoption.problem or restore_problem(request.wanted, adoption.baseline)
    if problem is not None:
        return push.refuse((Verdict(rule="baseline", is_passed=False, reason=problem),), None)
    verdicts = (*request.guardrails(state, diff), *restore_verdicts(diff))
    return _decide(push, wanted, state, diff, verdicts, memory=memory)


def _decide(
    push: RunningPush,
    wanted: tuple[Action, ...],
    state: TargetState,
    diff: ActionDiff,
    verdicts: tuple[Verdict, ...],
    *,
    memory: FleetMemory | None,
) -> PushOutcome:
    if push.is_dry_run:
        return push.outcome(PushState.DRY_RUN, diff=diff, verdicts=verdicts, reasons=failed_reasons(verdicts))
    if diff.is_empty:
        return _leave(push, state, diff, verdicts, memory)
    if not all(verdict.is_passed for verdict in verdicts):
        return push.refuse(verdicts, diff)
    if not push.request.is_allowed_to_write:
        return _hold(push, state, diff, verdicts)
    return _write(push, wanted, state, diff, verdicts, memory=memory)


def _write(
    push: RunningPush,
    wanted: tuple[Action, ...],
    state: TargetState,
    diff: ActionDiff,
    verdicts: tuple[Verdict, ...],
    *,
    memory: FleetMemory | None,
) -> PushOutcome:
    with push.lock.hold(push.request.push_id) as held:
        push.note_approval()
        memory = memory or _capture_baseline(push, state)
        written = push.write_wanted(wanted, state, memory, held, {"verdicts": verdict_records(verdicts)})
    return push.outcome(
        PushState(written.state.value),
        diff=diff,
        verdicts=verdicts,
        reasons=written.reasons,
        written=written,
    )


def _capture_baseline(push: RunningPush, state: TargetState) -> FleetMemory:
    memory = first_memory(state)
    push.ledger.append(
        push.request.push_id,
        LedgerState.BASELINE_CAPTURED,
        at_utc=push.now_utc,
        detail={"baseline": baseline_record(memory.baseline)},
        memory=memory,
    )
    return memory


def _leave(
    push: RunningPush,
    state: TargetState,
    diff: ActionDiff,
    verdicts: tuple[Verdict, ...],
    memory: FleetMemory | None,
) -> PushOutcome:
    """The target already holds what is wanted: close what an earlier run left open; otherwise stay quiet."""
    request = push.request
    half_done = push.ledger.intents(request.fleet.id, now_utc=push.now_utc).half_done
    is_open = request.push_id in half_done
    has_new_foreign = memory is not None and any(
        foreign_to_come(state.actions, is_ours=request.is_ours, now_utc=push.now_utc)
        ^ foreign_to_come(memory.actions, is_ours=request.is_ours, now_utc=push.now_utc)
    )
    if half_done or has_new_foreign:
        with push.lock.hold(request.push_id):
            mark_repaired(half_done, by=request.push_id, ledger=push.ledger, now_utc=push.now_utc)
            if memory is not None and (is_open or has_new_foreign):
                _record_seen(push, state, diff, memory, is_open=is_open)
    return push.outcome(PushState.UNCHANGED, diff=diff, verdicts=verdicts)


def _record_seen(
    push: RunningPush, state: TargetState, diff: ActionDiff, memory: FleetMemory, *, is_open: bool
) -> None:
    finished = {"is_repaired": False, "setting": setting_record(state.setting)}
    push.ledger.append(
        push.request.push_id,
        LedgerState.VERIFIED if is_open else LedgerState.FOREIGN_SEEN,
        at_utc=push.now_utc,
        detail=finished if is_open else {"foreign": present_records(diff.foreign)},
        memory=memory.seen(state, is_ours=push.request.is_ours),
    )


def _hold(push: RunningPush, state: TargetState, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
    """The mode does not let it write: say what would be."""
    is_approve = push.request.fleet.mode is Mode.APPROVE
    if push.request.is_rejected:
        return push.reject(diff, verdicts)
    detail = {"verdicts": verdict_records(verdicts), "plan_id": push.request.plan_id, **diff_record(diff)}
    push.note(LedgerState.PLANNED if is_approve else LedgerState.RECOMMENDED, detail)
    return push.outcome(
        PushState.AWAITING_APPROVAL if is_approve else PushState.RECOMMENDED,
        diff=diff,
        verdicts=verdicts,
        reasons=("the plan is not approved" if is_approve else "the fleet's mode is recommend",),
        shown=push.shown(state, diff, Purpose.PLAN) if is_approve else None,
    )
