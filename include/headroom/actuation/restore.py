"""The promise that a fleet returns to its owner's baseline: checked before a push, kept when we must withdraw. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from headroom.actuation.memory import BOUNDS
from headroom.domain.scaling import (
    Action,
    ActionDiff,
    ActionPurpose,
    Baseline,
    CapacitySetting,
    PresentAction,
    TargetState,
    Verdict,
)


def restore_problem(wanted: Sequence[Action], baseline: Baseline) -> str | None:
    """Return why `wanted` would not give the fleet its baseline back, or None; wanting nothing is no problem."""
    if not wanted:
        return None
    in_order = sorted(wanted, key=lambda action: action.starts_at_utc)
    last = in_order[-1]
    if last.purpose is not ActionPurpose.RESTORE:
        return f"the plan's last action {last.name} is no restore; the fleet would not get its baseline back"
    for field in BOUNDS:
        given = [size for action in in_order if (size := getattr(action.setting, field)) is not None]
        owned = getattr(baseline.setting, field)
        if given and given[-1] != owned:
            return f"after the plan's restore {last.name} {field} is {given[-1]}, but the owner's baseline is {owned}"
    return None


def restore_verdicts(diff: ActionDiff) -> tuple[Verdict, ...]:
    """Refuse a diff whose restore cannot be had: without it the fleet would not return to its baseline."""
    return tuple(
        Verdict(rule="restore", is_passed=False, reason=f"the restore {action.name} cannot be had: {reason}")
        for action, reason in diff.refused
        if action.purpose is ActionPurpose.RESTORE
    )


def still_owed(state: TargetState, baseline: Baseline, *, is_ours: Callable[[str], bool]) -> tuple[Action, ...]:
    """Return what must stand even where a plan wants nothing: the restore, while a bound is not the baseline's."""
    is_owed = any(getattr(state.setting, field) != getattr(baseline.setting, field) for field in BOUNDS)
    return withdrawal(state, baseline, is_ours=is_ours) if is_owed else ()


def withdrawal(state: TargetState, baseline: Baseline, *, is_ours: Callable[[str], bool]) -> tuple[Action, ...]:
    """Return what of ours may go on standing at a paused target: the latest action alone, giving the baseline back.

    Without it an earlier raise already in force would never be taken back; with any other, we would overwrite what
    the owner has just set.
    """
    ours = [
        action
        for action in state.actions
        if is_ours(action.name) and action.starts_at_utc is not None and action.starts_at_utc > state.read_at_utc
    ]
    if not ours:
        return ()
    has_desired = any(action.setting.desired_instances is not None for action in ours)
    return (give_back(max(ours, key=_start), state.fleet_id, baseline.setting, has_desired=has_desired),)


def give_back(action: PresentAction, fleet_id: str, setting: CapacitySetting, *, has_desired: bool) -> Action:
    """Return `action` as a restore of the bounds in `setting`, and of its desired capacity where we set one."""
    starts_at = _start(action)
    restored = setting if has_desired else replace(setting, desired_instances=None)
    return Action(
        name=action.name,
        fleet_id=fleet_id,
        starts_at_utc=starts_at,
        setting=restored,
        purpose=ActionPurpose.RESTORE,
        need_at_utc=starts_at,
    )


def _start(action: PresentAction) -> datetime:
    return action.starts_at_utc or datetime.min.replace(tzinfo=UTC)
