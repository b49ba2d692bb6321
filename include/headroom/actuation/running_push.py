"""What a push does in whichever case: say in the ledger what it finds, write what is wanted, and tell how it ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headroom.actuation.answers import approval_detail, asked_again_detail, rejection_detail, rejection_reason
from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import HeldLock, SeenLock, lock_verdict
from headroom.actuation.memory import FleetMemory
from headroom.actuation.outcome import PushOutcome, PushState, diff_record, verdict_records
from headroom.actuation.request import PushRequest
from headroom.actuation.shown import Purpose, Shown, shown_of
from headroom.actuation.target import ScalingTarget
from headroom.actuation.write import Writing, Written, write_and_verify
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action, ActionDiff, TargetState, Verdict


@dataclass(frozen=True, slots=True)
class RunningPush:
    """One fleet's push on its way: what is asked for, of which target, and with which lock as it was seen."""

    request: PushRequest
    target: ScalingTarget
    ledger: Ledger
    lock: SeenLock
    now_utc: datetime
    is_dry_run: bool

    def write_wanted(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        memory: FleetMemory,
        held: HeldLock,
        detail: dict[str, Any],
    ) -> Written:
        """Make the target hold `wanted`, read it back and say in the ledger how it went."""
        request = self.request
        writing = Writing(
            push_id=request.push_id,
            target=self.target,
            ledger=self.ledger,
            now_utc=self.now_utc,
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
        return write_and_verify(writing, state=state, memory=memory, held=held)

    def refuse(self, verdicts: tuple[Verdict, ...], diff: ActionDiff | None) -> PushOutcome:
        """A rule says no: record which, and change nothing. What was read while another wrote is not judged."""
        moved = None if self.is_dry_run else self.lock.moved_reason()
        verdicts = verdicts if moved is None else (lock_verdict(moved),)
        reasons = failed_reasons(verdicts)
        detail = {"reasons": list(reasons), "verdicts": verdict_records(verdicts), **diff_record(diff)}
        self.note(LedgerState.REFUSED, detail)
        return self.outcome(PushState.REFUSED, diff=diff, verdicts=verdicts, reasons=reasons)

    def shown(self, state: TargetState, diff: ActionDiff, purpose: Purpose) -> Shown:
        """Return what a person is to be asked about."""
        usd = self.request.planned_usd_per_day if purpose is Purpose.PLAN else None
        return shown_of(state, diff, purpose=purpose, planned_usd_per_day=usd)

    def ask_again(self, moved: tuple[str, ...], state: PushState, diff: ActionDiff) -> PushOutcome:
        """Somebody approved something else than what would be written now: write nothing, and say what moved."""
        self.note(LedgerState.ASKED_AGAIN, asked_again_detail(self.request, moved))
        reason = f"it moved since {self.request.approved_by} approved it: {'; '.join(moved)}"
        return replace(self.outcome(state, diff=diff, reasons=(reason,)), moved=moved)

    def note_approval(self) -> None:
        """Record who approved it, where somebody did."""
        if self.request.approved_by is not None:
            self.note(LedgerState.APPROVED, approval_detail(self.request))

    def reject(self, diff: ActionDiff, verdicts: tuple[Verdict, ...]) -> PushOutcome:
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


def failed_reasons(verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """Return, rule by rule, why the guardrails said no."""
    return tuple(f"{verdict.rule}: {verdict.reason}" for verdict in verdicts if not verdict.is_passed)
