"""Rolling a push back: our actions as they stood before it, and what it already changed given back. Nothing foreign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from headroom.actuation.baseline import seen_leaving_edits
from headroom.actuation.before_push import actions_of_before
from headroom.actuation.errors import ActuationError, NoSuchPushError
from headroom.actuation.ledger import STALE_AFTER, Ledger
from headroom.actuation.lock import HeldLock, LockError, Locks, SeenLock, lock_verdict
from headroom.actuation.memory import FleetMemory
from headroom.actuation.outcome import PushOutcome, PushState, verdict_records
from headroom.actuation.push_ids import fleet_of, moment_of, push_id_for
from headroom.actuation.taken_back import taken_back
from headroom.actuation.target import ScalingTarget, read_as_of_its_end
from headroom.actuation.whole_change import has_begun_to_write, whole_change
from headroom.actuation.write import DiffFunction, IsOurs, Writing, Written, end_half_done, write_and_verify
from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState
from headroom.domain.scaling import Action, TargetState


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """The push to undo; `name_action` names an action of ours by its start, `diff` and `is_ours` as in PushRequest.

    `run_id` tells the run that undoes it from every other; a second try of that run goes on under the id of its first.
    """

    push_id: str
    diff: DiffFunction
    is_ours: IsOurs
    name_action: Callable[[datetime], str]
    requested_by: str = ""
    reason: str = ""
    run_id: str = ""

    def id_at(self, now_utc: datetime) -> str:
        """Return the rollback's own id, first tried at `now_utc`; its hash follows from the push undone and the run."""
        content = {"rolls_back": self.push_id, **({"run": self.run_id} if self.run_id else {})}
        return push_id_for(fleet_of(self.push_id), moment_utc=now_utc, content=content)

    def is_of_this_run(self, rollback_id: str) -> bool:
        """Whether a try of this very run began it; nobody can tell without a run."""
        own = self.id_at(moment_of(self.push_id))
        return bool(self.run_id) and rollback_id.rpartition("-")[2] == own.rpartition("-")[2]


def rollback_push(
    request: RollbackRequest,
    *,
    target: ScalingTarget,
    ledger: Ledger,
    locks: Locks,
    now_utc: datetime,
    is_dry_run: bool = False,
    is_second_try: bool = False,
) -> PushOutcome:
    """Put back what stood before the push; doing it again changes nothing. A dry run only shows the diff.

    Actions of before that are past by now are not brought back; where one of them, or the setting of before, should be
    in force but ours of after is, an action at the next possible minute sets it. The entry in the ledger is a push of
    its own, and the push undone is marked. Raises NoSuchPushError when the ledger knows no such push; what happens at
    the cloud is in the outcome. While a push or another rollback has the fleet's lock it is refused, to be asked again.
    `is_second_try`: whoever tried in this run before is known to be dead, so that its lock is taken over.
    """
    fleet_id = fleet_of(request.push_id)
    left_by, begun = _first_try(request, ledger, locks, now_utc=now_utc) if is_second_try else (None, None)
    # before anything else is read, so that what is read is not outdated unnoticed
    lock = locks.look(fleet_id, left_by=left_by)
    rollback = _Rollback(request, target, ledger, lock, now_utc, begun or request.id_at(now_utc))
    outcome = _undo(rollback, is_dry_run=is_dry_run)
    if begun is not None and outcome.state is PushState.ROLLED_BACK:
        return replace(outcome, whole=whole_change(ledger.events(rollback.rollback_id)))
    return outcome


def _undo(rollback: "_Rollback", *, is_dry_run: bool) -> PushOutcome:
    """Undo the push unless it never wrote, or stands undone and nothing since brought back what it or later ones wrote.

    Raise NoSuchPushError where the ledger knows none.
    """
    request = rollback.request
    events = rollback.ledger.events(request.push_id)
    if not events:
        raise NoSuchPushError(f"the ledger has no push {request.push_id!r}")
    intent = _first_intent(events)
    if intent is None:
        never = f"{request.push_id} never wrote to the target: nothing to roll back"
        return rollback.outcome(PushState.UNCHANGED, never)
    if any(event.undone_by and request.is_of_this_run(event.undone_by) for event in events):
        return rollback.outcome(PushState.ROLLED_BACK, f"{request.push_id} was rolled back by this run already")
    mark = taken_back(request.push_id, rollback.ledger)
    if mark is not None and not _has_come_back(intent, mark, rollback.ledger, now_utc=rollback.now_utc):
        return rollback.outcome(PushState.ROLLED_BACK, f"{request.push_id} is rolled back already")
    try:
        return rollback.undo(intent, is_dry_run=is_dry_run)
    except LockError as error:
        return rollback.refuse(str(error))


def _first_try(
    request: RollbackRequest, ledger: Ledger, locks: Locks, *, now_utc: datetime
) -> tuple[str | None, str | None]:
    """Return under which id this run took the fleet's lock last, and under which it meant to undo the push.

    What wrote nothing began nothing, and what has been overtaken is over: under its old moment, a plan that came since
    would count as the newer one, and its hour run again would undo the rollback.
    """
    if not request.run_id:
        return None, None
    fleet_id = fleet_of(request.push_id)

    def is_first_try(push_id: str) -> bool:
        return request.is_of_this_run(push_id) and now_utc - moment_of(push_id) <= STALE_AFTER

    holder = locks.newest_holder(fleet_id)
    known = [
        push_id for day in (now_utc - timedelta(days=1), now_utc) for push_id in ledger.pushes(fleet_id, day=day.date())
    ]
    begun = next(
        (
            push_id
            for push_id in reversed(known)
            if is_first_try(push_id) and has_begun_to_write(ledger.states(push_id))
        ),
        None,
    )
    if begun is not None and _is_overtaken(begun, ledger, now_utc=now_utc):
        begun = None
    return holder if holder is not None and is_first_try(holder) else None, begun


def _has_come_back(intent: LedgerEvent, mark: LedgerEvent, ledger: Ledger, *, now_utc: datetime) -> bool:
    """Whether the push of `intent`, or a later one, may stand although `mark` says that it was undone.

    Not where what was written last took an earlier push back: that left nothing of this one, or of those after it, and
    undoing this one again would put the earlier back.
    """
    if not _is_overtaken(mark.undone_by, ledger, now_utc=now_utc):
        return False
    newest = ledger.intents(intent.fleet_id, now_utc=now_utc).newest
    written = None if newest is None else _first_intent(ledger.events(newest))
    undone = None if written is None else written.detail.get("rolls_back")
    if not undone:
        return True
    taken = _first_intent(ledger.events(undone))
    return taken is not None and taken.at_utc >= intent.at_utc


def _is_overtaken(rollback_id: str, ledger: Ledger, *, now_utc: datetime) -> bool:
    """Whether another has written since, or found that it need not, and so ended what the rollback left half done."""
    newest = ledger.intents(fleet_of(rollback_id), now_utc=now_utc).newest
    has_newer = newest is not None and moment_of(newest) > moment_of(rollback_id)
    return has_newer or LedgerState.REPAIRED in ledger.states(rollback_id)


@dataclass(frozen=True, slots=True)
class _Rollback:
    request: RollbackRequest
    target: ScalingTarget
    ledger: Ledger
    lock: SeenLock
    now_utc: datetime
    rollback_id: str

    def undo(self, intent: LedgerEvent, *, is_dry_run: bool) -> PushOutcome:
        """Put back what stood before `intent`; LockError where the lock is not to be had."""
        if self.lock.held_reason is not None and not is_dry_run:
            raise LockError(self.lock.held_reason)
        fleet_id = self.lock.fleet_id
        memory = self.ledger.memory(fleet_id, now_utc=self.now_utc)
        if memory is None:
            raise ActuationError(f"the ledger has no baseline for fleet {fleet_id}")
        try:
            state = read_as_of_its_end(self.target, self.lock.locks.clock, now_utc=self.now_utc)
        except ActuationError as error:
            return self.outcome(PushState.FAILED, str(error))
        try:
            wanted = actions_of_before(
                intent, state, memory, is_ours=self.request.is_ours, name_action=self.request.name_action
            )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            found = f"{type(error).__name__}: {error}"
            file = f"push={intent.push_id}/*-{intent.state}.json"
            raise ActuationError(f"{file}: expected what stood before the push, found {found}") from error
        diff = self.request.diff(wanted, state)
        if is_dry_run:
            return self.outcome(PushState.DRY_RUN, diff=diff)
        with self.lock.hold(self.rollback_id) as held:
            if diff.is_empty:
                self._end_half_done(state, memory)
                self._mark()
                return self.outcome(PushState.ROLLED_BACK, "the target holds what stood before already", diff=diff)
            written = self._write(wanted, state, memory, held)
            if written.is_good:
                self._mark()
        return self.outcome(
            PushState(written.state.value),
            *written.reasons,
            diff=diff,
            failures=written.result.failures,
            write_calls=written.result.write_calls,
        )

    def _write(
        self,
        wanted: tuple[Action, ...],
        state: TargetState,
        memory: FleetMemory,
        held: HeldLock,
    ) -> Written:
        writing = Writing(
            push_id=self.rollback_id,
            target=self.target,
            ledger=self.ledger,
            now_utc=self.now_utc,
            wanted=wanted,
            diff=self.request.diff,
            is_ours=self.request.is_ours,
            intended=LedgerState.ROLLBACK_INTENDED,
            succeeded=LedgerState.ROLLED_BACK,
            detail={**self._by_whom, "rolls_back": self.request.push_id},
        )
        return write_and_verify(writing, state=state, memory=memory, held=held)

    def _end_half_done(self, state: TargetState, memory: FleetMemory) -> None:
        """Say that an earlier try, whose worker died before it could say so, had done all there was to do."""
        half_done = self.ledger.intents(self.lock.fleet_id, now_utc=self.now_utc).half_done
        end_half_done(
            half_done,
            by=self.rollback_id,
            succeeded=LedgerState.ROLLED_BACK,
            state=state,
            memory=seen_leaving_edits(memory, state, is_ours=self.request.is_ours),
            ledger=self.ledger,
            now_utc=self.now_utc,
        )

    @property
    def _by_whom(self) -> dict[str, Any]:
        return {"by": self.rollback_id, "requested_by": self.request.requested_by, "reason": self.request.reason}

    def _mark(self) -> None:
        undone = self.request.push_id
        self.ledger.append(undone, LedgerState.ROLLED_BACK, at_utc=self.now_utc, detail=self._by_whom)

    def refuse(self, reason: str) -> PushOutcome:
        """Record that another has the lock, and change nothing."""
        verdicts = (lock_verdict(reason),)
        detail = {
            "rolls_back": self.request.push_id,
            "reasons": [f"lock: {reason}"],
            "verdicts": verdict_records(verdicts),
        }
        self.ledger.append_once(self.rollback_id, LedgerState.REFUSED, at_utc=self.now_utc, detail=detail)
        return self.outcome(PushState.REFUSED, f"lock: {reason}", verdicts=verdicts)

    def outcome(self, state: PushState, *reasons: str, **more: Any) -> PushOutcome:  # noqa: ANN401, PushOutcome's own fields
        """Say how it ended."""
        return PushOutcome(fleet_id=self.lock.fleet_id, push_id=self.rollback_id, state=state, reasons=reasons, **more)


def _first_intent(events: Sequence[LedgerEvent]) -> LedgerEvent | None:
    """Return the push's first intent: a later one of the same push repaired it, and found half of it standing."""
    return next((event for event in events if event.state in INTENTS), None)
