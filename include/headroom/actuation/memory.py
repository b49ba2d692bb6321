"""What we know of a fleet from our last dealing with it: the baseline, what stood there, and whether it is paused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from headroom.actuation.records import (
    baseline_from,
    baseline_record,
    moment_from,
    present_from,
    present_records,
    setting_from,
    setting_record,
)
from headroom.domain.scaling import Baseline, CapacitySetting, PresentAction, TargetState

BOUNDS: Final = ("min_instances", "max_instances")
FIELDS: Final = (*BOUNDS, "desired_instances")
EARLY: Final = timedelta(minutes=1)
"""How far the cloud's schedulers may be ahead of the clock we read."""
LATE: Final = timedelta(minutes=10)
"""How late a due action may still take effect: AWS says up to 2 minutes; the rest is margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMemory:
    """Carried in the ledger events that change it, so that one small file tells it all.

    `revision` counts up by one with every such event of the fleet. `setting` is what the target had when we last
    looked, `ours_in_force` the fields of it that our actions had set; `actions` are those that stood, or may have
    stood, from then on, ours and foreign.
    """

    fleet_id: str
    revision: int
    at_utc: datetime
    baseline: Baseline
    setting: CapacitySetting
    actions: tuple[PresentAction, ...]
    ours_in_force: tuple[str, ...] = ()
    paused_reason: str | None = None

    def seen(
        self,
        state: TargetState,
        *,
        is_ours: Callable[[str], bool],
        also: Iterable[PresentAction] = (),
    ) -> "FleetMemory":
        """Return the memory after looking at the target; `also` may stand there besides (an intent under way)."""
        names = {action.name for action in state.actions}
        may_still_run = [
            action
            for action in self.actions
            if action.name not in names
            and action.starts_at_utc is not None
            and state.read_at_utc - LATE <= action.starts_at_utc <= state.read_at_utc
        ]
        return replace(
            self,
            revision=self.revision + 1,
            at_utc=state.read_at_utc,
            setting=state.setting,
            actions=(*state.actions, *may_still_run, *also),
            ours_in_force=self.fields_of_ours(state, is_ours=is_ours),
        )

    def fields_of_ours(self, state: TargetState, *, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the fields of the present setting that an action of ours has set and nobody has changed since."""
        due = [
            action
            for action in (*self.actions, *state.actions)
            if is_ours(action.name)
            and action.starts_at_utc is not None
            and action.starts_at_utc <= state.read_at_utc + EARLY
        ]
        return tuple(
            field
            for field in FIELDS
            if getattr(state.setting, field) in values_set_by(due, field)
            or (field in self.ours_in_force and getattr(state.setting, field) == getattr(self.setting, field))
        )

    def record(self) -> dict[str, Any]:
        """Return the memory as JSON."""
        return {
            "revision": self.revision,
            "at_utc": self.at_utc.isoformat(),
            "baseline": baseline_record(self.baseline),
            "setting": setting_record(self.setting),
            "actions": present_records(self.actions),
            "ours_in_force": list(self.ours_in_force),
            "paused_reason": self.paused_reason,
        }


def values_set_by(actions: Iterable[PresentAction], field: str) -> set[int]:
    """Return the values that `actions` may have given `field`; AWS keeps the desired capacity inside the bounds."""
    fields = ("desired_instances", "min_instances", "max_instances") if field == "desired_instances" else (field,)
    return {getattr(action.setting, name) for action in actions for name in fields} - {None}


def present_baseline(state: TargetState) -> Baseline:
    """Return what stands at a target as its owner's baseline."""
    return Baseline(
        fleet_id=state.fleet_id,
        setting=state.setting if state.owners_setting is None else state.owners_setting,
        captured_at_utc=state.read_at_utc,
        running_instances=state.current_instances,
    )


def first_memory(state: TargetState) -> FleetMemory:
    """Return the memory of a fleet at its adoption: what stands there is the owner's baseline."""
    return FleetMemory(
        fleet_id=state.fleet_id,
        revision=1,
        at_utc=state.read_at_utc,
        baseline=present_baseline(state),
        setting=state.setting,
        actions=state.actions,
    )


def memory_from(fleet_id: str, record: Mapping[str, Any]) -> FleetMemory:
    """Read what FleetMemory.record wrote; ValueError where something else stands there."""
    revision, paused, ours = record["revision"], record["paused_reason"], record["ours_in_force"]
    if type(revision) is not int or not isinstance(paused, str | None) or not set(ours) <= set(FIELDS):
        raise ValueError(
            "revision, paused_reason, ours_in_force: expected a whole number, a text or null, and names of settings, "
            f"found {revision!r}, {paused!r} and {ours!r}"
        )
    return FleetMemory(
        fleet_id=fleet_id,
        revision=revision,
        at_utc=moment_from(record["at_utc"]),
        baseline=baseline_from(fleet_id, record["baseline"]),
        setting=setting_from(record["setting"]),
        actions=tuple(map(present_from, record["actions"])),
        ours_in_force=tuple(ours),
        paused_reason=paused,
    )


def foreign_to_come(
    actions: Iterable[PresentAction],
    *,
    is_ours: Callable[[str], bool],
    now_utc: datetime,
) -> set[tuple[object, ...]]:
    """Return the owner's actions still to come; a recurring one's next start moves by itself and says nothing."""
    return {
        (action.name, action.recurrence or action.starts_at_utc, action.setting)
        for action in actions
        if not is_ours(action.name)
        and (action.recurrence or (action.starts_at_utc is not None and action.starts_at_utc > now_utc))
    }
