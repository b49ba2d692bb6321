"""The one way we write to a target: intent first, then apply, read back, compare, repair once, and say how it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headroom.actuation.apply import apply_diff
from headroom.actuation.baseline import seen_leaving_edits
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import HeldLock, LockError
from headroom.actuation.memory import FleetMemory
from headroom.actuation.outcome import call_records, diff_record, failure_records
from headroom.actuation.records import present_of, present_records, setting_record
from headroom.actuation.target import ApplyResult, ScalingTarget, read_as_of_its_end
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action, ActionDiff, TargetState

DiffFunction = Callable[[Sequence[Action], TargetState], ActionDiff]
IsOurs = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What is to be written under `push_id`: `wanted` are all actions of ours that are to stand at `target` afterwards.

    `diff` compares them with the target's state; `intended` and `succeeded` are the ledger states of beginning and good
    end; `detail` goes into the intent.
    """

    push_id: str
    target: ScalingTarget
    ledger: Ledger
    now_utc: datetime
    wanted: tuple[Action, ...]
    diff: DiffFunction
    is_ours: IsOurs
    intended: LedgerState
    succeeded: LedgerState
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How it ended: `state` is the writing's good end, VERIFICATION_FAILED or FAILED."""

    state: LedgerState
    result: ApplyResult
    reasons: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether the target was read back and holds what was wanted."""
        return self.state not in (LedgerState.FAILED, LedgerState.VERIFICATION_FAILED)


def write_and_verify(
    writing: Writing,
    *,
    state: TargetState,
    memory: FleetMemory,
    held: HeldLock,
) -> Written:
    """Make the target hold what is wanted; `state` is what it holds now, `memory` what we know of the fleet.

    The intent is in the ledger before the first AWS call, so a run that dies leaves a trace that the next one finishes.
    Where the lock is ours no more that is a failure with its reason, and what the fleet looks like is then for the one
    who has the lock to say.
    """
    target, ledger, now_utc = writing.target, writing.ledger, writing.now_utc
    diff = writing.diff(writing.wanted, state)
    half_done = ledger.intents(target.fleet_id, now_utc=now_utc).half_done
    intent_memory = seen_leaving_edits(
        memory,
        state,
        is_ours=writing.is_ours,
        also=[present_of(action) for action in (*diff.create, *diff.replace)],
    )
    ledger.append(
        writing.push_id,
        writing.intended,
        at_utc=now_utc,
        detail={
            **writing.detail,
            **diff_record(diff),
            "before": _before(state, writing.is_ours),
            "repairs": list(half_done),
            "fence": held.fence,
        },
        memory=intent_memory,
    )
    result = apply_diff(target, diff, state, before_call=held.before_call)
    ledger.append(
        writing.push_id,
        LedgerState.PARTIALLY_APPLIED if result.failures else LedgerState.APPLIED,
        at_utc=now_utc,
        detail={
            "applied": list(result.applied),
            "failures": failure_records(result.failures),
            "requests": call_records(result.calls),
        },
    )
    repair = ApplyResult()
    try:
        held.check()
        # The clock is read anew: what was still to come when the push began may have started since.
        after = read_as_of_its_end(target, held.locks.clock, now_utc=now_utc)
        rest = writing.diff(writing.wanted, after)
        is_repaired = not rest.is_empty
        if is_repaired:
            repair = apply_diff(target, rest, after, before_call=held.before_call)
            result += repair
            after = read_as_of_its_end(target, held.locks.clock, now_utc=now_utc)
            rest = writing.diff(writing.wanted, after)
        held.check()
    except ActuationError as error:
        cause = str(error) if isinstance(error, LockError) else f"it could not be read back: {error}"
        reasons = (cause, *_failure_reasons(result))
        detail = {"reasons": list(reasons), "requests": call_records(repair.calls)}
        ledger.append(writing.push_id, LedgerState.FAILED, at_utc=now_utc, detail=detail)
        return Written(state=LedgerState.FAILED, result=result, reasons=reasons)
    if rest.is_empty:
        # before its own end: where it dies between, its intent is the one thing that names those of days ago
        mark_repaired(half_done, by=writing.push_id, ledger=ledger, now_utc=after.read_at_utc)
        ledger.append(
            writing.push_id,
            writing.succeeded,
            at_utc=after.read_at_utc,
            detail={
                "is_repaired": is_repaired,
                "setting": setting_record(after.setting),
                "requests": call_records(repair.calls),
            },
            memory=seen_leaving_edits(intent_memory, after, is_ours=writing.is_ours),
        )
        # What failed at first and was repaired is in the ledger; it is no failure of the push.
        return Written(
            state=writing.succeeded,
            result=ApplyResult(applied=result.applied, calls=result.calls),
            reasons=(),
        )
    ended = LedgerState.VERIFICATION_FAILED if result.applied else LedgerState.FAILED
    reasons = (_difference(rest), *_failure_reasons(result))
    ledger.append(
        writing.push_id,
        ended,
        at_utc=after.read_at_utc,
        detail={
            "reasons": list(reasons),
            "failures": failure_records(result.failures),
            "left": diff_record(rest),
            "setting": setting_record(after.setting),
            "requests": call_records(repair.calls),
        },
        memory=seen_leaving_edits(
            intent_memory,
            after,
            is_ours=writing.is_ours,
            also=[present_of(action) for action in (*rest.create, *rest.replace)],
        ),
    )
    return Written(state=ended, result=result, reasons=reasons)


def end_half_done(
    half_done: Sequence[str],
    *,
    by: str,
    succeeded: LedgerState,
    state: TargetState,
    memory: FleetMemory,
    ledger: Ledger,
    now_utc: datetime,
) -> None:
    """Say that the target holds all that `by` wants; also of `by` itself where its worker died before it could say so.

    `memory` is what is known of the fleet after looking at the target.
    """
    mark_repaired(half_done, by=by, ledger=ledger, now_utc=now_utc)
    if by in half_done:
        detail = {"is_repaired": False, "setting": setting_record(state.setting)}
        ledger.append(by, succeeded, at_utc=now_utc, detail=detail, memory=memory)


def mark_repaired(half_done: Sequence[str], *, by: str, ledger: Ledger, now_utc: datetime) -> None:
    """Say at the pushes left half done that the target now holds what the push `by` wants."""
    for push_id in half_done:
        if push_id != by:
            ledger.append(push_id, LedgerState.REPAIRED, at_utc=now_utc, detail={"by": by})


def _before(state: TargetState, is_ours: IsOurs) -> dict[str, Any]:
    return {
        "setting": setting_record(state.setting),
        "ours": present_records(action for action in state.actions if is_ours(action.name)),
        "foreign": present_records(action for action in state.actions if not is_ours(action.name)),
    }


def _difference(rest: ActionDiff) -> str:
    return (
        f"read back after one repair, the target differs: {len(rest.create)} actions are missing, "
        f"{len(rest.replace)} differ, {len(rest.delete)} are still there"
    )


def _failure_reasons(result: ApplyResult) -> tuple[str, ...]:
    """Return each distinct reason once, in order."""
    return tuple(dict.fromkeys(failure.reason for failure in result.failures))
