"""What a push would change at a target: only our own actions, and nothing where all is as wanted already. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, PresentAction, TargetState
from headroom.scheduling.names import action_name, is_ours
from headroom.scheduling.schedule import earliest_start

MOST_SHIFTED: Final = timedelta(minutes=10)
"""How far an action may move from a start time that somebody else's action holds."""
SAME_RAISE_WITHIN: Final = timedelta(minutes=5)
"""A raise of ours that stands this shortly before an equal first one that is wanted serves it, only sooner.

Without this a push repeated a minute later would take the pending raise away and ask for the same a minute later, over
and over.
"""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Owner:
    deployment: str
    fleet_id: str

    def owns(self, action: PresentAction) -> bool:
        return is_ours(action, deployment=self.deployment, fleet_id=self.fleet_id)

    def moved(self, action: Action, starts_at_utc: datetime) -> Action:
        name = action_name(deployment=self.deployment, fleet_id=self.fleet_id, starts_at_utc=starts_at_utc)
        return replace(action, name=name, starts_at_utc=starts_at_utc)


def diff_actions(
    wanted: Sequence[Action],
    state: TargetState,
    *,
    deployment: str,
    fleet_id: str,
    now_utc: datetime,
) -> ActionDiff:
    """Compare the wanted actions with those at the target.

    Ours are told by their whole name; of them, those that are past are left alone even when still listed (the cloud
    removes them), and those to come that are not wanted are deleted. Everybody else's are foreign and never touched.
    AWS rejects a start time that another action has, so a raise moves to a free minute before it and anything else to
    one after it, by at most MOST_SHIFTED; where there is none, the action is refused.
    Of steps whose start passed while a person was asked, or a task waited, the newest says what should stand by now:
    it moves to the next minute, unless it stands already. A restore whose start is past is refused.
    Applying the result and asking again gives an empty diff.
    """
    owner = _Owner(deployment, fleet_id)
    foreign = tuple(action for action in state.actions if not owner.owns(action))
    pending = {
        action.name: action
        for action in state.actions
        if owner.owns(action) and (action.starts_at_utc is None or action.starts_at_utc > now_utc)
    }
    ordered = sorted(wanted, key=lambda action: action.starts_at_utc)
    due, late = _catch_up(ordered, state, owner, now_utc=now_utc)
    placed, refused = _place(due, foreign, owner, now_utc=now_utc)
    placed = _keep_sooner(placed, pending, owner, late=late)
    create = tuple(action for action in placed if action.name not in pending)
    keep = tuple(action for action in placed if action.name in pending and _is_same(action, pending[action.name]))
    names = {action.name for action in placed}
    return ActionDiff(
        create=create,
        replace=tuple(action for action in placed if action not in create and action not in keep),
        delete=tuple(action for name, action in sorted(pending.items()) if name not in names),
        keep=keep,
        foreign=foreign,
        refused=tuple(refused),
    )


def apply_diff(state: TargetState, diff: ActionDiff) -> TargetState:
    """Return the state whose actions are those of `state` after `diff` was applied without a failure."""
    gone = {action.name for action in diff.delete} | {action.name for action in diff.replace}
    written = tuple(present_action(action) for action in (*diff.replace, *diff.create))
    kept = tuple(action for action in state.actions if action.name not in gone)
    return replace(state, actions=kept + written)


def present_action(action: Action) -> PresentAction:
    """Return a wanted action as the target will list it."""
    return PresentAction(name=action.name, starts_at_utc=action.starts_at_utc, setting=action.setting)


def _is_same(wanted: Action, present: PresentAction) -> bool:
    return present_action(wanted) == present


def _catch_up(
    ordered: Sequence[Action],
    state: TargetState,
    owner: _Owner,
    *,
    now_utc: datetime,
) -> tuple[list[Action], Action | None]:
    """Return the actions that are still to be put, and which of them is late and was moved to the next minute."""
    past = [action for action in ordered if action.starts_at_utc <= now_utc and not _gives_back(action)]
    to_come = [action for action in ordered if action not in past]
    soonest = earliest_start(now_utc)
    is_overtaken = bool(to_come) and to_come[0].starts_at_utc <= soonest
    if not past or is_overtaken or _stands(past[-1], state):
        return to_come, None
    late = owner.moved(past[-1], soonest)
    return [late, *to_come], late


def _gives_back(action: Action) -> bool:
    return action.purpose is ActionPurpose.RESTORE


def _stands(action: Action, state: TargetState) -> bool:
    """Whether the target's bounds are what `action` asks for; the desired instances may be a policy's by now."""
    wanted, found = action.setting, state.setting
    return all(
        size in (None, standing)
        for size, standing in (
            (wanted.min_instances, found.min_instances),
            (wanted.max_instances, found.max_instances),
        )
    )


def _place(
    ordered: Sequence[Action],
    foreign: Sequence[PresentAction],
    owner: _Owner,
    *,
    now_utc: datetime,
) -> tuple[list[Action], list[tuple[Action, str]]]:
    """Give every wanted action a start of its own that nobody else holds, keeping their order."""
    holders = {action.starts_at_utc: action.name for action in foreign if action.starts_at_utc is not None}
    placed: list[Action] = []
    refused: list[tuple[Action, str]] = []
    for position, action in enumerate(ordered):
        if action.starts_at_utc <= now_utc:
            refused.append((action, f"its start {action.starts_at_utc:%Y-%m-%d %H:%M}Z is past"))
            continue
        earliest = placed[-1].starts_at_utc if placed else now_utc
        latest = ordered[position + 1].starts_at_utc if position + 1 < len(ordered) else None
        start = next(
            (
                moment
                for moment in _starts(action)
                if moment not in holders and moment > earliest and (latest is None or moment < latest)
            ),
            None,
        )
        if start is None:
            holder = holders.get(action.starts_at_utc, "another action")
            reason = f"{holder} holds {action.starts_at_utc:%Y-%m-%d %H:%M}Z, and no minute near it is free"
            refused.append((action, reason))
        else:
            placed.append(action if start == action.starts_at_utc else owner.moved(action, start))
    return placed, refused


def _starts(action: Action) -> Iterator[datetime]:
    """Yield the starts an action may have, best first: a raise sooner rather than later, anything else only later."""
    yield action.starts_at_utc
    minutes = range(1, MOST_SHIFTED // _MINUTE + 1)
    if action.purpose is ActionPurpose.RAISE:
        yield from (action.starts_at_utc - minute * _MINUTE for minute in minutes)
    yield from (action.starts_at_utc + minute * _MINUTE for minute in minutes)


def _keep_sooner(
    placed: list[Action],
    pending: dict[str, PresentAction],
    owner: _Owner,
    *,
    late: Action | None,
) -> list[Action]:
    """Return `placed` with its first raise, or `late`, replaced by an equal one of ours that stands shortly before."""
    if not placed or placed[0].name in pending:
        return placed
    first, rest = placed[0], placed[1:]
    if first.purpose is not ActionPurpose.RAISE and first != late:
        return placed
    for present in pending.values():
        start = present.starts_at_utc
        if start is None or not timedelta(0) < first.starts_at_utc - start <= SAME_RAISE_WITHIN:
            continue
        sooner = owner.moved(first, start)
        if _is_same(sooner, present):
            return [sooner, *rest]
    return placed
