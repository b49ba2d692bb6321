"""Rolling a push back: our actions as they stood before it, and what it already changed given back. Nothing foreign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from headroom.actuation.baseline import with_desired_inside
from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger, fleet_of, push_id_for
from headroom.actuation.lock import HeldLock, LockError, Locks, SeenLock, lock_verdict
from headroom.actuation.memory import BOUNDS, FIELDS, FleetMemory, memory_from
from headroom.actuation.outcome import PushOutcome, PushState, verdict_records
from headroom.actuation.records import present_from, present_of, setting_from
from headroom.actuation.restore import give_back
from headroom.actuation.target import ScalingTarget, read_as_of_its_end
from headroom.actuation.write import DiffFunction, IsOurs, Writing, Written, write_and_verify
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.scaling import (
    Action,
    ActionPurpose,
    CapacitySetting,
    PresentAction,
    ScalingApi,
    TargetState,
)

SOONEST = timedelta(minutes=2)
"""How far ahead an action given back at once starts: a start in the past is refused, and calls take time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """The push to undo; `name_action` names an action of ours by its start, `diff` and `is_ours` as in PushRequest."""

    push_id: str
    diff: DiffFunction
    is_ours: IsOurs
    name_action: Callable[[datetime], str]
    requested_by: str = ""
    reason: str = ""


def rollback_push(
    request: RollbackRequest,
    *,
    target: ScalingTarget,
    ledger: Ledger,
    locks: Locks,
    now_utc: datetime,
    is_dry_run: bool = False,
) -> PushOutcome:
    """Put back what stood before the push; doing it again changes nothing. A dry run only shows the diff.

    Actions of before that are past by now are not brought back; where one of them, or the setting of before, should be
    in force but ours of after is, an action at the next possible minute sets it. The entry in the ledger is a push of
    its own, and the push undone is marked. Raises ActuationError when the ledger knows no such push; what happens at
    the cloud is in the outcome. While a push or another rollback has the fleet's lock it is refused, to be asked again.
    """
    fleet_id = fleet_of(request.push_id)
    lock = locks.look(fleet_id)  # before anything else is read, so that what is read is not outdated unnoticed
    events = ledger.events(request.push_id)
    if not events:
        raise ActuationError(f"the ledger has no push {request.push_id!r}")
    rollback_id = push_id_for(fleet_id, moment_utc=now_utc, content={"rolls_back": request.push_id})
    rollback = _Rollback(request, target, ledger, lock, now_utc, rollback_id)
    intent = _first_intent(events)
    if intent is None:
        never = f"{request.push_id} never wrote to the target: nothing to roll back"
        return rollback.outcome(PushState.UNCHANGED, never)
    # A rollback's own good end is ROLLED_BACK too; only the mark left by another rollback says who did it.
    if any(event.state is LedgerState.ROLLED_BACK and "by" in event.detail for event in events):
        return rollback.outcome(PushState.ROLLED_BACK, f"{request.push_id} is rolled back already")
    try:
        return rollback.undo(intent, is_dry_run=is_dry_run)
    except LockError as error:
        return rollback.refuse(str(error))


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
            wanted = actions_of_before(self.request, intent, state, memory)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            place = f"push={intent.push_id}/{intent.sequence:04d}-{intent.state}.json"
            found = f"{type(error).__name__}: {error}"
            raise ActuationError(f"{place}: expected what stood before the push, found {found}") from error
        diff = self.request.diff(wanted, state)
        if is_dry_run:
            return self.outcome(PushState.DRY_RUN, diff=diff)
        with self.lock.hold(self.rollback_id) as held:
            if diff.is_empty:
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
            wanted=wanted,
            diff=self.request.diff,
            is_ours=self.request.is_ours,
            intended=LedgerState.ROLLBACK_INTENDED,
            succeeded=LedgerState.ROLLED_BACK,
            detail={**self._by_whom, "rolls_back": self.request.push_id},
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


def actions_of_before(
    request: RollbackRequest,
    intent: LedgerEvent,
    state: TargetState,
    memory: FleetMemory,
) -> tuple[Action, ...]:
    """Return the actions of ours that should stand after the rollback; pure."""
    now = state.read_at_utc
    before = intent.detail["before"]
    baseline_then = memory_from(state.fleet_id, intent.detail["memory"]).baseline.setting
    old = sorted(map(present_from, before["ours"]), key=_start)
    soonest = now + SOONEST  # what would start before then counts as run: there is no time left to put it
    to_come = [action for action in old if _start(action) > soonest]
    if memory.paused_reason is not None:
        to_come = to_come[-1:]  # as in a withdrawal: nothing but the restore may touch what the owner has just set
    if to_come and memory.baseline.setting != baseline_then:
        to_come[-1] = present_of(
            give_back(
                to_come[-1],
                state.fleet_id,
                memory.baseline.setting,
                has_desired=any(action.setting.desired_instances is not None for action in to_come),
            )
        )
    in_force = _now_owned(
        _fold(setting_from(before["setting"]), [action for action in old if _start(action) <= soonest]),
        baseline_then,
        memory.baseline.setting,
    )
    given_back = _given_back(in_force, memory.fields_of_ours(state, is_ours=request.is_ours), state)
    actions = [*to_come]
    if given_back is not None:
        starts_at = _free_minute(state, now)
        actions = [
            PresentAction(name=request.name_action(starts_at), starts_at_utc=starts_at, setting=given_back),
            *(action for action in to_come if _start(action) > starts_at),
        ]
    return tuple(
        Action(
            name=action.name,
            fleet_id=state.fleet_id,
            starts_at_utc=_start(action),
            setting=action.setting,
            purpose=ActionPurpose.RESTORE if position == len(actions) - 1 else ActionPurpose.RAISE,
            need_at_utc=_start(action),
        )
        for position, action in enumerate(actions)
    )


def _first_intent(events: Sequence[LedgerEvent]) -> LedgerEvent | None:
    """Return the push's first intent: a later one of the same push repaired it, and found half of it standing."""
    intents = (LedgerState.INTENDED, LedgerState.ROLLBACK_INTENDED)
    return next((event for event in events if event.state in intents), None)


def _given_back(
    in_force: CapacitySetting,
    fields_of_ours: Sequence[str],
    state: TargetState,
) -> CapacitySetting | None:
    """Return the setting of before in the fields where ours of after stands now, or None where none does.

    A value that none of our actions set is the owner's and stays. Desired capacity is given back only where no policy
    of the owner's steers it.
    """
    has_own_desired = state.api is ScalingApi.EC2_AUTO_SCALING and not state.has_reactive_policy
    fields = FIELDS if has_own_desired else BOUNDS
    changed = {
        field: getattr(in_force, field)
        for field in fields
        if getattr(in_force, field) is not None
        and getattr(state.setting, field) != getattr(in_force, field)
        and field in fields_of_ours
    }
    if not changed:
        return None
    nothing = CapacitySetting(min_instances=None, max_instances=None)
    return replace(nothing, **changed)


def _now_owned(setting: CapacitySetting, then: CapacitySetting, owned: CapacitySetting) -> CapacitySetting:
    """Return `setting` with what was the baseline `then` replaced by what is the owner's baseline now."""
    owned_fields = [field for field in FIELDS if getattr(setting, field) == getattr(then, field)]
    return with_desired_inside(replace(setting, **{field: getattr(owned, field) for field in owned_fields}))


def _fold(setting: CapacitySetting, actions: Sequence[PresentAction]) -> CapacitySetting:
    """Return `setting` after `actions`, in order of their starts, have run."""
    for action in actions:
        changed = {field: getattr(action.setting, field) for field in FIELDS}
        setting = with_desired_inside(
            replace(setting, **{field: size for field, size in changed.items() if size is not None}),
        )
    return setting


def _free_minute(state: TargetState, now: datetime) -> datetime:
    """Return the first whole minute after SOONEST at which no action starts."""
    taken = {action.starts_at_utc for action in state.actions}
    minute = (now + SOONEST).replace(second=0, microsecond=0)
    if minute < now + SOONEST:
        minute += timedelta(minutes=1)
    while minute in taken:
        minute += timedelta(minutes=1)
    return minute


def _start(action: PresentAction) -> datetime:
    if action.starts_at_utc is None:
        raise ActuationError(f"our action {action.name} has no start")
    return action.starts_at_utc
