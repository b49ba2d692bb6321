"""One fleet's push: look, tell whose setting stands there, compare, check, and only then write; twice is once."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headroom.actuation.answers import approval_detail, asked_again_detail, rejection_detail, rejection_reason
from headroom.actuation.baseline import Adoption, OwnerEdit, adopt
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import STALE_AFTER, Ledger, moment_of
from headroom.actuation.lock import HeldLock, LockError, Locks, SeenLock, lock_verdict
from headroom.actuation.memory import FleetMemory, first_memory, foreign_to_come
from headroom.actuation.outcome import PushOutcome, PushState, diff_record, overdue_actions, verdict_records
from headroom.actuation.records import action_record, baseline_record, present_records, setting_record
from headroom.actuation.request import PushRequest
from headroom.actuation.restore import restore_problem, restore_verdicts, still_owed, withdrawal
from headroom.actuation.shown import Purpose, Shown, shown_of
from headroom.actuation.target import ScalingTarget, read_as_of_its_end
from headroom.actuation.whole_change import has_begun_to_write, whole_change
from headroom.actuation.write import Writing, Written, mark_repaired, write_and_verify
from headroom.domain.fleet import Mode
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict

KILL_SWITCH_RULE = "kill_switch"
"""The guardrail that forbids every write, whatever it is for."""


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
    push = _Push(request, target, ledger, lock, now_utc, is_dry_run)
    stale_reason = push.stale_reason()
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
        outcome = push.at(state)
    except LockError as error:
        outcome = push.refuse((lock_verdict(str(error)),), None)
    if has_begun and outcome.state in (PushState.VERIFIED, PushState.UNCHANGED):
        outcome = replace(outcome, whole=whole_change(ledger.events(request.push_id)))
    return replace(outcome, overdue=overdue_actions(state, is_ours=request.is_ours))


@dataclass(frozen=True, slots=True)
class _Push:
    request: PushRequest
    target: ScalingTarget
    ledger: Ledger
    lock: SeenLock
    now_utc: datetime
    is_dry_run: bool

    def stale_reason(self) -> str | None:
        """Return why the window's plan is no longer to be pushed, or None."""
        window_end, push_id = self.request.window_end_utc, self.request.push_id
        if self.now_utc - window_end > STALE_AFTER:
            return f"the window ended at {window_end:%Y-%m-%d %H:%M}Z, long before {self.now_utc:%Y-%m-%d %H:%M}Z"
        newest = self.ledger.intents(self.request.fleet.id, now_utc=self.now_utc).newest
        if newest is not None and moment_of(newest) > window_end:
            return f"{newest} is newer than this window"
        if LedgerState.ROLLED_BACK in self.ledger.states(push_id):
            return "this push was rolled back; the plan of a later window may be pushed"
        return None

    def at(self, state: TargetState) -> PushOutcome:
        """Go on, knowing what stands at the target."""
        request = self.request
        memory = self.ledger.memory(request.fleet.id, now_utc=self.now_utc)
        adoption = adopt(state, memory, is_ours=request.is_ours)
        if memory is not None and adoption.paused_reason is not None:
            return self._pause(adoption, memory)
        wanted = request.wanted or still_owed(state, adoption.baseline, is_ours=request.is_ours)
        diff = request.diff(wanted, state)
        moved = () if diff.is_empty else request.moved_since_approval(self._shown(state, diff, Purpose.PLAN))
        if moved:
            return self._ask_again(moved, PushState.AWAITING_APPROVAL, diff)
        problem = adoption.problem or restore_problem(request.wanted, adoption.baseline)
        if problem is not None:
            return self.refuse((Verdict(rule="baseline", is_passed=False, reason=problem),), None)
        verdicts = (*request.guardrails(state, diff), *restore_verdicts(diff))
        return self._decide(wanted, state, diff, verdicts, memory)

    def _decide(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        diff: ActionDiff,
        verdicts: tuple[Verdict, ...],
        memory: FleetMemory | None,
    ) -> PushOutcome:
        if self.is_dry_run:
            return self.outcome(PushState.DRY_RUN, diff=diff, verdicts=verdicts, reasons=_reasons(verdicts))
        if diff.is_empty:
            return self._leave(state, diff, verdicts, memory)
        if not all(verdict.is_passed for verdict in verdicts):
            return self.refuse(verdicts, diff)
        if not self.request.is_allowed_to_write:
            return self._hold(state, diff, verdicts)
        return self._write(wanted, state, diff, verdicts, memory)

    def _write(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        diff: ActionDiff,
        verdicts: tuple[Verdict, ...],
        memory: FleetMemory | None,
    ) -> PushOutcome:
        with self.lock.hold(self.request.push_id) as held:
            self._note_approval()
            memory = memory or self._capture_baseline(state)
            written = self._write_wanted(wanted, state, memory, held, {"verdicts": verdict_records(verdicts)})
        return self.outcome(
            PushState(written.state.value),
            diff=diff,
            verdicts=verdicts,
            reasons=written.reasons,
            written=written,
        )

    def _capture_baseline(self, state: TargetState) -> FleetMemory:
        memory = first_memory(state)
        self.ledger.append(
            self.request.push_id,
            LedgerState.BASELINE_CAPTURED,
            at_utc=self.now_utc,
            detail={"baseline": baseline_record(memory.baseline)},
            memory=memory,
        )
        return memory

    def _write_wanted(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        memory: FleetMemory,
        held: HeldLock,
        detail: dict[str, Any],
    ) -> Written:
        request = self.request
        writing = Writing(
            push_id=request.push_id,
            wanted=wanted,
            diff=request.diff,
            is_ours=request.is_ours,
            intended=LedgerState.INTENDED,
            succeeded=LedgerState.VERIFIED,
            detail={
                "window_end_utc": request.window_end_utc.isoformat(),
                "plan_id": request.plan_id,
                "inputs_hash": request.inputs_hash,
                "mode": request.fleet.mode.value,
                **detail,
            },
        )
        return write_and_verify(
            writing,
            target=self.target,
            ledger=self.ledger,
            state=state,
            memory=memory,
            held=held,
            now_utc=self.now_utc,
        )

    def _leave(
        self,
        state: TargetState,
        diff: ActionDiff,
        verdicts: tuple[Verdict, ...],
        memory: FleetMemory | None,
    ) -> PushOutcome:
        """The target already holds what is wanted: close what an earlier run left open; otherwise stay quiet."""
        request = self.request
        half_done = self.ledger.intents(request.fleet.id, now_utc=self.now_utc).half_done
        is_open = request.push_id in half_done
        has_new_foreign = memory is not None and any(
            foreign_to_come(state.actions, is_ours=request.is_ours, now_utc=self.now_utc)
            ^ foreign_to_come(memory.actions, is_ours=request.is_ours, now_utc=self.now_utc)
        )
        if half_done or has_new_foreign:
            with self.lock.hold(request.push_id):
                mark_repaired(half_done, by=request.push_id, ledger=self.ledger, now_utc=self.now_utc)
                if memory is not None and (is_open or has_new_foreign):
                    self._record_seen(state, diff, memory, is_open=is_open)
        return self.outcome(PushState.UNCHANGED, diff=diff, verdicts=verdicts)

    def _record_seen(self, state: TargetState, diff: ActionDiff, memory: FleetMemory, *, is_open: bool) -> None:
        finished = {"is_repaired": False, "setting": setting_record(state.setting)}
        self.ledger.append(
            self.request.push_id,
            LedgerState.VERIFIED if is_open else LedgerState.FOREIGN_SEEN,
            at_utc=self.now_utc,
            detail=finished if is_open else {"foreign": present_records(diff.foreign)},
            memory=memory.seen(state, is_ours=self.request.is_ours),
        )

    def _pause(self, adoption: Adoption, memory: FleetMemory) -> PushOutcome:
        """Record an owner's edit, and take back our pending actions so that none of them undoes it later."""
        request, state, reason = self.request, adoption.state, adoption.paused_reason or ""
        wanted = withdrawal(state, adoption.baseline, is_ours=request.is_ours)
        diff = request.diff(wanted, state)
        verdicts = (
            *request.guardrails(state, diff),
            Verdict(rule="owner_edit", is_passed=False, reason=reason),
        )
        # The guardrails judge the plan, which is not what is written here; only a kill switch stops a withdrawal.
        is_stopped = any(verdict.rule == KILL_SWITCH_RULE and not verdict.is_passed for verdict in verdicts)
        is_wanted = not is_stopped and not diff.is_empty
        shown = self._shown(state, diff, Purpose.WITHDRAWAL)
        moved = request.moved_since_approval(shown) if is_wanted else ()
        is_withdrawing = request.is_allowed_to_write and is_wanted and not moved
        if adoption.edit is None:
            self.note(LedgerState.REFUSED, {"reasons": [reason], "verdicts": verdict_records(verdicts)})
        only_paused = self.outcome(PushState.PAUSED, diff=diff, verdicts=verdicts, reasons=(reason,))
        if moved:
            asking = self._ask_again(moved, PushState.PAUSED, diff)
            only_paused = replace(asking, reasons=(reason, *asking.reasons))
        elif is_wanted and request.is_asked_about:
            only_paused = replace(only_paused, shown=shown)
        elif request.is_rejected:
            self._reject(diff, verdicts)
        if self.is_dry_run or (adoption.edit is None and not is_withdrawing):
            return only_paused
        seen = memory.seen(state, is_ours=request.is_ours)
        paused = replace(seen, baseline=adoption.baseline, paused_reason=reason)
        with self.lock.hold(request.push_id) as held:
            if adoption.edit is not None:
                self._record_edit(adoption.edit, memory, paused)
            if not is_withdrawing:
                return only_paused
            self._note_approval()
            written = self._write_wanted(wanted, state, paused, held, {"withdraws_for": reason})
        return self.outcome(
            PushState.PAUSED if written.is_good else PushState(written.state.value),
            diff=diff,
            verdicts=verdicts,
            reasons=(reason, *written.reasons),
            written=written,
        )

    def _record_edit(self, edit: OwnerEdit, before: FleetMemory, paused: FleetMemory) -> None:
        detail = {
            "reasons": [edit.reason],
            "found": setting_record(edit.found),
            "baseline_before": baseline_record(before.baseline),
            "baseline": baseline_record(paused.baseline),
        }
        self.ledger.append(
            self.request.push_id,
            LedgerState.OWNER_EDIT_SEEN,
            at_utc=self.now_utc,
            detail=detail,
            memory=paused,
        )

    def refuse(self, verdicts: tuple[Verdict, ...], diff: ActionDiff | None) -> PushOutcome:
        """A rule says no: record which, and change nothing. What was read while another wrote is not judged."""
        moved = None if self.is_dry_run else self.lock.moved_reason()
        verdicts = verdicts if moved is None else (lock_verdict(moved),)
        reasons = _reasons(verdicts)
        detail = {"reasons": list(reasons), "verdicts": verdict_records(verdicts), **diff_record(diff)}
        self.note(LedgerState.REFUSED, detail)
        return self.outcome(PushState.REFUSED, diff=diff, verdicts=verdicts, reasons=reasons)

    def _hold(self, state: TargetState, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
        """The mode does not let it write: say what would be."""
        is_approve = self.request.fleet.mode is Mode.APPROVE
        if self.request.is_rejected:
            return self._reject(diff, verdicts)
        detail = {"verdicts": verdict_records(verdicts), "plan_id": self.request.plan_id, **diff_record(diff)}
        self.note(LedgerState.PLANNED if is_approve else LedgerState.RECOMMENDED, detail)
        return self.outcome(
            PushState.AWAITING_APPROVAL if is_approve else PushState.RECOMMENDED,
            diff=diff,
            verdicts=verdicts,
            reasons=("the plan is not approved" if is_approve else "the fleet's mode is recommend",),
            shown=self._shown(state, diff, Purpose.PLAN) if is_approve else None,
        )

    def _shown(self, state: TargetState, diff: ActionDiff, purpose: Purpose) -> Shown:
        usd = self.request.planned_usd_per_day if purpose is Purpose.PLAN else None
        return shown_of(state, diff, purpose=purpose, planned_usd_per_day=usd)

    def _ask_again(self, moved: tuple[str, ...], state: PushState, diff: ActionDiff) -> PushOutcome:
        """Somebody approved something else than what would be written now: write nothing, and say what moved."""
        self.note(LedgerState.ASKED_AGAIN, asked_again_detail(self.request, moved))
        reason = f"it moved since {self.request.approved_by} approved it: {'; '.join(moved)}"
        return replace(self.outcome(state, diff=diff, reasons=(reason,)), moved=moved)

    def _note_approval(self) -> None:
        if self.request.approved_by is not None:
            self.note(LedgerState.APPROVED, approval_detail(self.request))

    def _reject(self, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
        """Somebody said no, or nobody said anything in time, which means no."""
        self.note(LedgerState.REJECTED, rejection_detail(self.request))
        reasons = (rejection_reason(self.request),)
        return self.outcome(PushState.REJECTED, diff=diff, verdicts=verdicts, reasons=reasons)

    def note(self, state: LedgerState, detail: dict[str, Any]) -> None:
        """Record an event that changes nothing we know of the fleet, once; a dry run records nothing."""
        if not self.is_dry_run:
            self.ledger.append_once(self.request.push_id, state, at_utc=self.now_utc, detail=detail)

    def outcome(
        self,
        state: PushState,
        *,
        diff: ActionDiff | None = None,
        verdicts: tuple[Verdict, ...] = (),
        reasons: tuple[str, ...] = (),
        written: Written | None = None,
        shown: Shown | None = None,
    ) -> PushOutcome:
        """Say how it ended."""
        return PushOutcome(
            fleet_id=self.request.fleet.id,
            push_id=self.request.push_id,
            state=state,
            diff=diff,
            verdicts=verdicts,
            reasons=reasons,
            failures=written.result.failures if written else (),
            write_calls=written.result.write_calls if written else 0,
            shown=shown,
        )


def _reasons(verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    return tuple(f"{verdict.rule}: {verdict.reason}" for verdict in verdicts if not verdict.is_passed)
