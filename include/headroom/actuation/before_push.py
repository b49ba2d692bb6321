"""What stood before a push, as it should stand now: our actions still to come, and what should be in force. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from headroom.actuation.baseline import find_owner_edit, with_desired_inside
from headroom.actuation.errors import ActuationError
from headroom.actuation.memory import BOUNDS, FIELDS, FleetMemory, memory_from
from headroom.actuation.records import present_from, present_of, setting_from
from headroom.actuation.restore import give_back
from headroom.actuation.write import IsOurs
from headroom.domain.ledger import LedgerEvent
from headroom.domain.scaling import (
    RELEASE_DELAY,
    Action,
    ActionPurpose,
    CapacitySetting,
    PresentAction,
    ScalingApi,
    TargetState,
)

SOONEST = timedelta(minutes=2)
"""How far ahead an action given back at once starts: a start in the past is refused, and calls take time."""


def actions_of_before(
    intent: LedgerEvent,
    state: TargetState,
    memory: FleetMemory,
    *,
    is_ours: IsOurs,
    name_action: Callable[[datetime], str],
) -> tuple[Action, ...]:
    """Return the actions of ours that should stand after the push that began with `intent` is undone.

    What is given back to the owner is the baseline; where the target keeps the owner's setting apart from ours, it is
    that as it is now, since such a target takes no other.
    """
    now = state.read_at_utc
    owned = memory.baseline.setting if state.owners_setting is None else state.owners_setting
    before = intent.detail["before"]
    baseline_then = memory_from(state.fleet_id, intent.detail["memory"]).baseline.setting
    old = sorted(map(present_from, before["ours"]), key=_start)
    soonest = now + SOONEST  # what would start before then counts as run: there is no time left to put it
    stands = [action for action in state.actions if owned == baseline_then or action not in old[-1:]]
    to_come = [
        action for action in old if _start(action) > soonest or (_start(action) > now and action in stands)
    ]  # what stands already needs no time
    if memory.paused_reason is not None:
        to_come = to_come[-1:]  # as in a withdrawal: nothing but the restore may touch what the owner has just set
    if to_come and owned != baseline_then:
        to_come[-1] = present_of(
            give_back(
                to_come[-1],
                state.fleet_id,
                owned,
                has_desired=any(action.setting.desired_instances is not None for action in to_come),
            )
        )
    run = [action for action in old if _start(action) <= soonest and action not in to_come]
    is_edited = memory.paused_reason is not None or find_owner_edit(state, memory) is not None
    missed = [] if is_edited else [action for action in run if _start(action) > now]
    in_force = _in_force_after(run, before, baseline_then, owned)
    fields = {*memory.fields_of_ours(state, is_ours=is_ours), *_fields_set_by(missed)}
    given_back = _given_back(in_force, fields, state)
    starts_at = _free_minute(state, now)
    if given_back is not None:  # at a minute by which one of those to come, or of the owner's, may have run
        owners = _starting_by(starts_at, state, is_ours=is_ours)
        run = sorted([*run, *(action for action in to_come if _start(action) <= starts_at), *owners], key=_start)
        in_force = _in_force_after(run, before, baseline_then, owned)
        given_back = _given_back(in_force, fields, state)
    actions = [*to_come]
    if given_back is not None:
        settings = {starts_at: given_back}
        if in_force == owned:
            settings = _scaling_in(owned, starts_at, state, memory, is_ours=is_ours) or settings
        to_come = [action for action in to_come if _start(action) > starts_at]
        actions = [
            *(
                PresentAction(name=name_action(moment), starts_at_utc=moment, setting=setting)
                for moment, setting in settings.items()
                if not to_come or moment < _start(to_come[0])  # each of ours sets both bounds
            ),
            *to_come,
        ]
    return tuple(
        Action(
            name=action.name,
            fleet_id=state.fleet_id,
            starts_at_utc=_start(action),
            setting=action.setting,
            purpose=ActionPurpose.RESTORE if not to_come or position == len(actions) - 1 else ActionPurpose.RAISE,
            need_at_utc=_start(action),
        )
        for position, action in enumerate(actions)
    )


def _scaling_in(
    owned: CapacitySetting, starts_at: datetime, state: TargetState, memory: FleetMemory, *, is_ours: IsOurs
) -> dict[datetime, CapacitySetting]:
    """Return the settings by their starts that bring the fleet down to the count of its baseline, and then release it.

    Nothing where something else scales it in, where no more than that runs, where the owner has set a bound, or where
    an action of the owner's may come in between, which the release would overwrite.
    """
    count, release_at = memory.baseline.running_instances, starts_at + RELEASE_DELAY
    is_left_running = state.is_scaled_in_by_maximum and count is not None and state.current_instances > count
    are_ours = set(BOUNDS) <= set(memory.fields_of_ours(state, is_ours=is_ours))
    if not is_left_running or not are_ours or _may_be_overruled(state, release_at, is_ours=is_ours):
        return {}
    return {starts_at: replace(owned, min_instances=count, max_instances=count), release_at: owned}


def _fields_set_by(actions: Sequence[PresentAction]) -> list[str]:
    return [field for field in FIELDS if any(getattr(action.setting, field) is not None for action in actions)]


def _starting_by(moment: datetime, state: TargetState, *, is_ours: IsOurs) -> list[PresentAction]:
    """Return the owner's own actions that start once until `moment`."""
    return [
        action
        for action in state.actions
        if not is_ours(action.name)
        and action.starts_at_utc is not None
        and state.read_at_utc < action.starts_at_utc <= moment
    ]


def _may_be_overruled(state: TargetState, release_at: datetime, *, is_ours: IsOurs) -> bool:
    """Whether what an action of the owner's sets by `release_at` would be set back then; one that recurs may come."""
    recurs = any(not is_ours(action.name) and action.recurrence is not None for action in state.actions)
    return recurs or bool(_starting_by(release_at, state, is_ours=is_ours))


def _in_force_after(
    run: Sequence[PresentAction], before: Mapping[str, Any], then: CapacitySetting, owned: CapacitySetting
) -> CapacitySetting:
    """Return what would be in force without the push once `run`, of before, have run."""
    return _now_owned(_fold(setting_from(before["setting"]), run), then, owned)


def _given_back(
    in_force: CapacitySetting,
    ours: Collection[str],
    state: TargetState,
) -> CapacitySetting | None:
    """Return the setting of before in the fields of `ours` where another stands now, or None where none does.

    A value that none of our actions set, or would have set by now, is the owner's and stays. Desired capacity is given
    back only where no policy of the owner's steers it.
    """
    has_own_desired = state.api is ScalingApi.EC2_AUTO_SCALING and not state.has_reactive_policy
    fields = FIELDS if has_own_desired else BOUNDS
    changed = {
        field: getattr(in_force, field)
        for field in fields
        if getattr(in_force, field) is not None
        and getattr(state.setting, field) != getattr(in_force, field)
        and field in ours
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
