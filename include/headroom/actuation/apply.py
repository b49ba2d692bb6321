"""In which order a diff is written, so that the fleet is on its way back to its baseline at every moment.

The new restore stands before anything else is put and before the old one goes; nothing old goes before everything new
stands, except what is in the way (a start time or room in the quota); the last of our actions to go, goes alone.

EC2 Auto Scaling keeps what an update leaves out (PutScheduledUpdateGroupAction, API reference), so an action that is to
leave out a bound it has is deleted and put anew. Another that does the same some minutes later stands in for it
meanwhile, since a second one may not start at the same time: for the restore, and for what starts within a day where
there is room. What starts later, as the restore of an earlier push that becomes a step, many a run will put.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from headroom.actuation.target import ApplyResult, BeforeCall, ScalingTarget, not_tried
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, CapacitySetting, PresentAction, TargetState

_NEVER = datetime.max.replace(tzinfo=UTC)
_MOST_MINUTES_LATER: Final = 10
_SOON: Final = timedelta(days=1)
_START_IN_NAME: Final = "%Y%m%dT%H%MZ"


def apply_diff(
    target: ScalingTarget,
    diff: ActionDiff,
    state: TargetState,
    *,
    before_call: BeforeCall,
) -> ApplyResult:
    """Write `diff`, made against `state`; what the cloud refuses comes back as failures, never as an exception.

    `before_call` is asked before every write call.
    """
    most = target.max_actions
    in_the_way, removable = _split_deletes(diff, state, max_actions=most)
    result = ApplyResult()
    if in_the_way:
        result = target.delete_actions([action.name for action in in_the_way], before_call=before_call)

    puts = sorted((*diff.create, *diff.replace), key=lambda action: action.starts_at_utc)
    # Latest first: where giving back takes two actions, the last of them is the one that must not be missing.
    restores = [action for action in reversed(puts) if action.purpose is ActionPurpose.RESTORE]
    others = [action for action in puts if action.purpose is not ActionPurpose.RESTORE]
    present = {action.name: action.setting for action in state.actions}
    narrowed = {action.name for action in puts if _leaves_out(action.setting, present.get(action.name))}
    room = most - (len(state.actions) - len(in_the_way)) - len(diff.create)
    soon = [action for action in others if action.starts_at_utc <= state.read_at_utc + _SOON]
    changing = [action for action in (*restores, *soon) if action.name in narrowed]
    stand_ins = _stand_ins(changing, diff, state)[: max(0, room)]
    for group in (stand_ins, restores, others):
        if group:
            going = [action.name for action in group if action.name in narrowed]
            if going:
                result += target.delete_actions(going, before_call=before_call)
            put = target.put_actions(group, before_call=before_call)
            result += put
            if put.failures:
                rest = [*restores, *others] if group is stand_ins else others if group is restores else []
                return result + not_tried(
                    [action.name for action in rest] + [action.name for action in removable],
                    "not tried: an action that had to stand first was not taken",
                )
    leaving = [*(action.name for action in removable), *(action.name for action in stand_ins)]
    return result + _delete(target, leaving, has_restore=_has_restore(diff), before_call=before_call)


def _stand_ins(narrowed: Sequence[Action], diff: ActionDiff, state: TargetState) -> list[Action]:
    """Return what does the same as each of `narrowed` while that is deleted and put anew, in their order.

    None for one after which no minute is free before our next action: it is missing between two calls.
    """
    taken = {action.starts_at_utc for action in state.actions}
    taken |= {action.starts_at_utc for action in (*diff.create, *diff.replace)}
    starts_of_ours = sorted(action.starts_at_utc for action in _wanted(diff))
    found = []
    for action in narrowed:
        end = next((start for start in starts_of_ours if start > action.starts_at_utc), _NEVER)
        for minutes in range(1, _MOST_MINUTES_LATER + 1):
            starts_at = action.starts_at_utc + timedelta(minutes=minutes)
            name = action.name.replace(f"{action.starts_at_utc:{_START_IN_NAME}}", f"{starts_at:{_START_IN_NAME}}")
            if starts_at < end and starts_at not in taken and name != action.name:
                found.append(replace(action, name=name, starts_at_utc=starts_at, need_at_utc=starts_at))
                taken.add(starts_at)
                break
    return found


def _leaves_out(wanted: CapacitySetting, present: CapacitySetting | None) -> bool:
    """Whether `present` sets something that `wanted` does not."""
    return present is not None and any(
        getattr(wanted, field) is None and getattr(present, field) is not None
        for field in ("min_instances", "max_instances", "desired_instances")
    )


def _delete(
    target: ScalingTarget,
    names: Sequence[str],
    *,
    has_restore: bool,
    before_call: BeforeCall,
) -> ApplyResult:
    """Delete actions by start; without a restore of the new plan, the latest (the old restore) goes last, alone."""
    if not names:
        return ApplyResult()
    if has_restore or len(names) == 1:
        return target.delete_actions(names, before_call=before_call)
    result = target.delete_actions(names[:-1], before_call=before_call)
    if result.failures:
        return result + not_tried(names[-1:], "not tried: it must be the last to go")
    return result + target.delete_actions(names[-1:], before_call=before_call)


def _split_deletes(
    diff: ActionDiff,
    state: TargetState,
    *,
    max_actions: int,
) -> tuple[list[PresentAction], list[PresentAction]]:
    """Return what must go before the puts (same start, or no room), and what can wait until they stand."""
    starts = {action.starts_at_utc for action in diff.create}
    by_start = sorted(diff.delete, key=_starts_at)
    in_the_way = [action for action in by_start if action.starts_at_utc in starts]
    can_wait = [action for action in by_start if action.starts_at_utc not in starts]
    missing_room = len(diff.create) - (max_actions - len(state.actions) + len(in_the_way))
    if missing_room > 0:
        # The latest is the old restore: it is the last to make room. The farthest of the others are needed last.
        candidates = [*can_wait[-2::-1], *can_wait[-1:]]
        making_room = candidates[:missing_room]
        in_the_way += making_room
        can_wait = [action for action in can_wait if action not in making_room]
    return in_the_way, can_wait


def _has_restore(diff: ActionDiff) -> bool:
    return any(action.purpose is ActionPurpose.RESTORE for action in _wanted(diff))


def _wanted(diff: ActionDiff) -> tuple[Action, ...]:
    return (*diff.create, *diff.replace, *diff.keep)


def _starts_at(action: PresentAction) -> datetime:
    return action.starts_at_utc or _NEVER
