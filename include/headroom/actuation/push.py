"""One fleet's push: look, tell whose setting stands there, compare, check, and only then write; twice is once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from headroom.actuation.baseline import Adoption, adopt
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import STALE_AFTER, Ledger, moment_of
from headroom.actuation.memory import FleetMemory, first_memory
from headroom.actuation.outcome import PushOutcome, PushState, diff_record, verdict_records
from headroom.actuation.records import action_record, baseline_record, present_records, setting_record
from headroom.actuation.request import PushRequest
from headroom.actuation.restore import restore_problem, restore_verdicts, still_owed, withdrawal
from headroom.actuation.target import ScalingTarget
from headroom.actuation.write import Writing, Written, mark_repaired, write_and_verify
from headroom.domain.fleet import Mode
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action, ActionDiff, PresentAction, TargetState, Verdict

KILL_SWITCH_RULE = "kill_switch"
"""The guardrail that forbids every write, whatever it is for."""
OVERDUE_AFTER = timedelta(minutes=3)
"""AWS runs a scheduled action up to 2 minutes late; one that still stands after that was not run."""


def push_fleet(
    request: PushRequest,
    *,
    target: ScalingTarget,
    ledger: Ledger,
    now_utc: datetime,
    is_dry_run: bool = False,
) -> PushOutcome:
    """Make the fleet's target hold the wanted actions, as far as mode, guardrails and pause allow.

    Never raises for what happens at the cloud: the outcome says it. A dry run shows the diff and the verdicts, whatever
    the mode, and writes neither to the target nor to the ledger. `now_utc` is the cloud's clock.
    """
    push = _Push(request, target, ledger, now_utc, is_dry_run)
    if request.fleet.mode is Mode.OBSERVE and not is_dry_run:
        return push.outcome(PushState.OBSERVED, reasons=("the fleet's mode is observe",))
    stale_reason = push.stale_reason()
    if stale_reason is not None:
        detail = {"reasons": [stale_reason], "wanted": [action_record(action) for action in request.wanted]}
        push.note(LedgerState.PLANNED, detail)
        return push.outcome(PushState.PLANNED, reasons=(stale_reason,))
    try:
        state = target.read(now_utc=now_utc)
    except ActuationError as error:
        push.note(LedgerState.FAILED, {"reasons": [str(error)]})
        return push.outcome(PushState.FAILED, reasons=(str(error),))
    return replace(push.at(state), overdue=_overdue(state, request, now_utc))


def _overdue(state: TargetState, request: PushRequest, now_utc: datetime) -> tuple[str, ...]:
    """Return the names of our one-time actions that stand although they should have run by now."""
    return tuple(
        sorted(
            action.name
            for action in state.actions
            if request.is_ours(action.name)
            and action.recurrence is None
            and action.starts_at_utc is not None
            and action.starts_at_utc < now_utc - OVERDUE_AFTER
        ),
    )


@dataclass(frozen=True, slots=True)
class _Push:
    request: PushRequest
    target: ScalingTarget
    ledger: Ledger
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
        problem = adoption.problem or restore_problem(request.wanted, adoption.baseline)
        if problem is not None:
            return self._refuse((Verdict(rule="baseline", is_passed=False, reason=problem),), None)
        wanted = request.wanted or still_owed(state, adoption.baseline, is_ours=request.is_ours)
        diff = request.diff(wanted, state)
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
            return self._refuse(verdicts, diff)
        if not self.request.is_allowed_to_write:
            return self._hold(diff, verdicts)
        return self._write(wanted, state, diff, verdicts, memory)

    def _write(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        diff: ActionDiff,
        verdicts: tuple[Verdict, ...],
        memory: FleetMemory | None,
    ) -> PushOutcome:
        request = self.request
        if request.approved_by is not None:
            self.note(LedgerState.APPROVED, {"approved_by": request.approved_by, "note": request.answer_note})
        if memory is None:
            memory = first_memory(state)
            detail = {"baseline": baseline_record(memory.baseline)}
            self.ledger.append(
                request.push_id,
                LedgerState.BASELINE_CAPTURED,
                at_utc=self.now_utc,
                detail=detail,
                memory=memory,
            )
        written = self._write_wanted(wanted, state, memory, {"verdicts": verdict_records(verdicts)})
        return self.outcome(
            PushState(written.state.value),
            diff=diff,
            verdicts=verdicts,
            reasons=written.reasons,
            written=written,
        )

    def _write_wanted(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        memory: FleetMemory,
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
        mark_repaired(half_done, by=request.push_id, ledger=self.ledger, now_utc=self.now_utc)
        if memory is not None and request.push_id in half_done:
            self.ledger.append(
                request.push_id,
                LedgerState.VERIFIED,
                at_utc=self.now_utc,
                detail={"is_repaired": False, "setting": setting_record(state.setting)},
                memory=memory.seen(state, is_ours=self.request.is_ours),
            )
        elif memory is not None and self._foreign(state.actions) != self._foreign(memory.actions):
            self.ledger.append(
                self.request.push_id,
                LedgerState.FOREIGN_SEEN,
                at_utc=self.now_utc,
                detail={"foreign": present_records(diff.foreign)},
                memory=memory.seen(state, is_ours=self.request.is_ours),
            )
        return self.outcome(PushState.UNCHANGED, diff=diff, verdicts=verdicts)

    def _pause(self, adoption: Adoption, memory: FleetMemory) -> PushOutcome:
        """Record an owner's edit, and take back our pending actions so that none of them undoes it later."""
        request, state, reason = self.request, adoption.state, adoption.paused_reason or ""
        wanted = withdrawal(state, adoption.baseline, is_ours=request.is_ours)
        diff = request.diff(wanted, state)
        verdicts = (
            *request.guardrails(state, diff),
            Verdict(rule="owner_edit", is_passed=False, reason=reason),
        )
        seen = memory.seen(state, is_ours=request.is_ours)
        paused = replace(seen, baseline=adoption.baseline, paused_reason=reason)
        if adoption.edit is not None and not self.is_dry_run:
            detail = {
                "reasons": [reason],
                "found": setting_record(adoption.edit.found),
                "baseline_before": baseline_record(memory.baseline),
                "baseline": baseline_record(adoption.baseline),
            }
            self.ledger.append(
                request.push_id,
                LedgerState.OWNER_EDIT_SEEN,
                at_utc=self.now_utc,
                detail=detail,
                memory=paused,
            )
        elif adoption.edit is None:
            self.note(LedgerState.REFUSED, {"reasons": [reason], "verdicts": verdict_records(verdicts)})
        # The guardrails judge the plan, which is not what is written here; only a kill switch stops a withdrawal.
        is_stopped = any(verdict.rule == KILL_SWITCH_RULE and not verdict.is_passed for verdict in verdicts)
        is_withdrawing = request.is_allowed_to_write and not is_stopped
        if self.is_dry_run or diff.is_empty or not is_withdrawing:
            return self.outcome(PushState.PAUSED, diff=diff, verdicts=verdicts, reasons=(reason,))
        written = self._write_wanted(wanted, state, paused, {"withdraws_for": reason})
        return self.outcome(
            PushState.PAUSED if written.is_good else PushState(written.state.value),
            diff=diff,
            verdicts=verdicts,
            reasons=(reason, *written.reasons),
            written=written,
        )

    def _refuse(self, verdicts: tuple[Verdict, ...], diff: ActionDiff | None) -> PushOutcome:
        reasons = _reasons(verdicts)
        if not self.is_dry_run:
            detail = {"reasons": list(reasons), "verdicts": verdict_records(verdicts), **diff_record(diff)}
            self.note(LedgerState.REFUSED, detail)
        return self.outcome(PushState.REFUSED, diff=diff, verdicts=verdicts, reasons=reasons)

    def _hold(self, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
        """The mode does not let it write: say what would be."""
        is_approve = self.request.fleet.mode is Mode.APPROVE
        if is_approve and self.request.rejected_by is not None:
            return self._reject(diff, verdicts)
        detail = {"verdicts": verdict_records(verdicts), "plan_id": self.request.plan_id, **diff_record(diff)}
        self.note(LedgerState.PLANNED if is_approve else LedgerState.RECOMMENDED, detail)
        return self.outcome(
            PushState.AWAITING_APPROVAL if is_approve else PushState.RECOMMENDED,
            diff=diff,
            verdicts=verdicts,
            reasons=("the plan is not approved" if is_approve else "the fleet's mode is recommend",),
        )

    def _reject(self, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
        """Somebody said no, or nobody said anything in time, which means no."""
        request = self.request
        by, note = request.rejected_by, request.answer_note
        detail = {"rejected_by": by or None, "note": note, "plan_id": request.plan_id}
        self.note(LedgerState.REJECTED, detail)
        reason = f"{by} rejected the plan" if by else "nobody approved the plan in time"
        reasons = (f"{reason}: {note}" if note else reason,)
        return self.outcome(PushState.REJECTED, diff=diff, verdicts=verdicts, reasons=reasons)

    def _foreign(self, actions: tuple[PresentAction, ...]) -> set[tuple[object, ...]]:
        """Return the owner's actions still to come; a recurring one's next start moves by itself and says nothing."""
        return {
            (action.name, action.recurrence or action.starts_at_utc, action.setting)
            for action in actions
            if not self.request.is_ours(action.name)
            and (action.recurrence or (action.starts_at_utc is not None and action.starts_at_utc > self.now_utc))
        }

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
        )


def _reasons(verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    return tuple(f"{verdict.rule}: {verdict.reason}" for verdict in verdicts if not verdict.is_passed)
