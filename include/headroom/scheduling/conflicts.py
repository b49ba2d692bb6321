"""Which scheduled actions of somebody else work against ours, and ours against theirs.

The rule. Between our first action and our last, somebody else's action that sets the minimum, the maximum or (where no
reactive policy scales) the desired instances below our floor would take away what we bought: a conflict. One that
raises the minimum above a later minimum of ours would be undone by us: a conflict too, since we never undo what is not
ours. A recurring action is held against the highest floor from its next start on, as we do not expand recurrences.
"""

from collections.abc import Sequence
from datetime import datetime

from headroom.domain.scaling import Action, PresentAction, TargetState


def find_conflicts(
    wanted: Sequence[Action],
    foreign: Sequence[PresentAction],
    *,
    state: TargetState,
    now_utc: datetime,
) -> list[str]:
    """Return a sentence for each conflict (module docstring), in order of time; none when nothing is wanted."""
    ours = sorted(wanted, key=lambda action: action.starts_at_utc)
    if not ours:
        return []
    ends_at = ours[-1].starts_at_utc
    others = sorted(
        (
            (action.starts_at_utc, action)
            for action in foreign
            if action.starts_at_utc is not None and now_utc < action.starts_at_utc < ends_at
        ),
        key=lambda item: item[0],
    )
    conflicts = []
    for start, other in others:
        floor = _floor(ours, start, is_recurring=other.recurrence is not None)
        lowers = _lowest(other, has_reactive_policy=state.has_reactive_policy)
        if floor is not None and lowers is not None and lowers < floor:
            conflicts.append(f"{other.name} sets {lowers} at {start:%Y-%m-%d %H:%M}Z, below our floor of {floor}")
            continue
        undone_by = _undone_by(other, start, [item for _, item in others], ours)
        if undone_by is not None:
            conflicts.append(
                f"{other.name} sets the minimum to {other.setting.min_instances} at {start:%Y-%m-%d %H:%M}Z, "
                f"and {undone_by.name} would set it to {undone_by.setting.min_instances} after it",
            )
    return conflicts


def _floor(ours: Sequence[Action], start: datetime, *, is_recurring: bool) -> int | None:
    """Return our floor at `start`, from `start` on for a recurring action; None before our first action."""
    standing = [action.setting.min_instances for action in ours if action.starts_at_utc <= start]
    coming = [action.setting.min_instances for action in ours[:-1] if action.starts_at_utc > start]
    levels = [*standing[-1:], *(coming if is_recurring else [])]
    return max((level for level in levels if level is not None), default=None)


def _lowest(other: PresentAction, *, has_reactive_policy: bool) -> int | None:
    setting = other.setting
    desired = None if has_reactive_policy else setting.desired_instances
    values = (setting.min_instances, setting.max_instances, desired)
    return min((value for value in values if value is not None), default=None)


def _undone_by(
    other: PresentAction,
    start: datetime,
    others: Sequence[PresentAction],
    ours: Sequence[Action],
) -> Action | None:
    """Return our first action that lowers the minimum that `other` set, before they change it themselves."""
    least = other.setting.min_instances
    if least is None:
        return None
    ends = [
        action.starts_at_utc
        for action in others
        if action.starts_at_utc is not None
        and action.starts_at_utc > start
        and action.setting.min_instances is not None
    ]
    until = min(ends, default=None)
    for action in ours:
        is_after = action.starts_at_utc > start and (until is None or action.starts_at_utc < until)
        if is_after and action.setting.min_instances is not None and action.setting.min_instances < least:
            return action
    return None
