"""Whether the world is still what a person was shown when they approved, within a stated tolerance. Pure.

The rule. The actions that would stand afterwards are those that were shown, value by value, and none is written or
deleted that was not shown so; what stands already need not be written again. The target's bounds and policies, others'
scheduled actions, the running instances and the estimated cost must be as they were shown. Two things may have moved:
what an action that stood there has set by itself meanwhile, and a step whose start has passed meanwhile, which is
caught up with at the next minute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from headroom.actuation.memory import BOUNDS, EARLY, foreign_to_come, values_set_by
from headroom.actuation.shown import Purpose, Shown
from headroom.domain.scaling import CapacitySetting, PresentAction

_TIME: Final = "%Y-%m-%d %H:%MZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the world may move between the showing and the writing."""

    least_instances: int = 1
    instances_fraction: float = 0.1
    """Running instances may differ by this share of those shown, or by `least_instances` where that is more.

    Only where no policy scales the target: a policy moves them with demand, which the plan reckons with.
    """
    cost_fraction: float = 0.05
    """The plan's estimated cost of a day may differ by this share of what was shown."""

    def instances(self, shown: int) -> float:
        """Return by how many the running instances may differ."""
        return max(self.least_instances, self.instances_fraction * shown)


TOLERANCE: Final = Tolerance()


def what_moved(
    shown: Shown, now: Shown, *, is_ours: Callable[[str], bool], tolerance: Tolerance = TOLERANCE
) -> tuple[str, ...]:
    """Return, in sentences, what has moved beyond the tolerance since `shown`; none where it may be written."""
    if shown.purpose is not now.purpose:
        return (_other_purpose(now.purpose),)
    due = _due(shown, now.read_at_utc)
    return (
        *_bounds_moved(shown, now, due),
        *_instances_moved(shown, now, due, tolerance),
        *_policies_moved(shown, now),
        *_others_moved(shown, now, is_ours),
        *_plan_moved(shown, now),
        *_cost_moved(shown, now, tolerance),
    )


def _other_purpose(now: Purpose) -> str:
    if now is Purpose.WITHDRAWAL:
        return "the owner changed the target, and the fleet is paused"
    return "the pause has ended"


def _due(shown: Shown, now_utc: datetime) -> list[PresentAction]:
    """Return the actions, standing or approved, that may have set something since."""
    return [
        action
        for action in (*shown.standing, *shown.written)
        if action.recurrence or (action.starts_at_utc is not None and action.starts_at_utc <= now_utc + EARLY)
    ]


def _bounds_moved(shown: Shown, now: Shown, due: list[PresentAction]) -> Iterator[str]:
    for field in BOUNDS:
        before, found = getattr(shown.setting, field), getattr(now.setting, field)
        if found not in {before} | values_set_by(due, field):
            yield f"the target's {_word(field)} is {found}; it was {before}"


def _instances_moved(shown: Shown, now: Shown, due: list[PresentAction], tolerance: Tolerance) -> Iterator[str]:
    if any(item.has_reactive_policy or item.has_predictive_policy for item in (shown, now)):
        return
    expected = {shown.current_instances} | values_set_by(due, "desired_instances")
    found = now.current_instances
    if all(abs(found - instances) > tolerance.instances(instances) for instances in expected):
        yield f"the target is set to {found} instances; it was {shown.current_instances}"


def _policies_moved(shown: Shown, now: Shown) -> Iterator[str]:
    for field, name in (
        ("has_reactive_policy", "a reactive scaling policy"),
        ("has_predictive_policy", "a predictive scaling policy"),
        ("is_scheduled_scaling_suspended", "a suspension of scheduled scaling"),
    ):
        before, found = getattr(shown, field), getattr(now, field)
        if before is not found:
            yield f"{name} has {'come' if found else 'gone'} at the target"


def _others_moved(shown: Shown, now: Shown, is_ours: Callable[[str], bool]) -> Iterator[str]:
    before = foreign_to_come(shown.standing, is_ours=is_ours, now_utc=now.read_at_utc)
    found = foreign_to_come(now.standing, is_ours=is_ours, now_utc=now.read_at_utc)
    names_before, names_found = {str(name) for name, *_ in before}, {str(name) for name, *_ in found}
    for name in sorted({str(name) for name, *_ in before ^ found}):
        if name in names_before & names_found:
            yield f"{name}, a scheduled action of somebody else, was changed"
        else:
            yield f"{name}, a scheduled action of somebody else, has {'come' if name in names_found else 'gone'}"


def _plan_moved(shown: Shown, now: Shown) -> Iterator[str]:
    approved, stands_after = set(shown.written), {*now.written, *now.kept}
    wanted = (*shown.written, *shown.kept)
    to_come = [action for action in wanted if (action.starts_at_utc or now.read_at_utc) > now.read_at_utc]
    late = {action.setting for action in wanted if action not in to_come}
    for action in to_come:
        if action not in stands_after:
            yield f"{action.name} would not stand as it was shown, {_setting(action.setting)}{_start(action)}"
    for action in now.written:
        if action not in approved and action.setting not in late:
            yield f"{action.name} would be written, {_setting(action.setting)}{_start(action)}, and was not shown so"
    for action in now.deleted:
        if action not in shown.deleted:
            yield f"{action.name} would be deleted, and was not shown so"


def _cost_moved(shown: Shown, now: Shown, tolerance: Tolerance) -> Iterator[str]:
    before, found = shown.planned_usd_per_day, now.planned_usd_per_day
    if before is None or found is None:
        if before is not found:
            yield f"the plan's estimated cost is {_usd(found)}; it was {_usd(before)}"
    elif abs(found - before) > tolerance.cost_fraction * before:
        yield f"the plan's estimated cost is {_usd(found)}; it was {_usd(before)}"


def _word(field: str) -> str:
    return field.removesuffix("_instances").replace("min", "minimum").replace("max", "maximum")


def _setting(setting: CapacitySetting) -> str:
    parts = (("min", setting.min_instances), ("max", setting.max_instances), ("desired", setting.desired_instances))
    return ", ".join(f"{name} {size}" for name, size in parts if size is not None)


def _start(action: PresentAction) -> str:
    return "" if action.starts_at_utc is None else f" at {action.starts_at_utc:{_TIME}}"


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f} USD a day"
