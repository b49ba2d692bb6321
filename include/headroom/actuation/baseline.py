"""Whose setting is it: the owner's baseline, ours, or an owner's edit made since we last looked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from headroom.actuation.memory import BOUNDS, EARLY, FleetMemory, present_baseline, values_set_by
from headroom.domain.scaling import Baseline, CapacitySetting, PresentAction, TargetState


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerEdit:
    """The owner changed `fields` (minimum, maximum) since we last looked; `baseline` is what they now want."""

    fields: tuple[str, ...]
    found: CapacitySetting
    baseline: Baseline

    @property
    def reason(self) -> str:
        """Why the fleet pauses, for the one who is to confirm."""
        values = ", ".join(f"{field.removesuffix('_instances')} {getattr(self.found, field)}" for field in self.fields)
        return (
            f"the owner changed the target ({values} matches neither the baseline nor any due action); "
            "it is the new baseline, and the fleet is paused until that is confirmed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What stands at a target and what the owner's baseline is; planning starts from both.

    `problem` says why the baseline cannot be told, `paused_reason` why nothing may be pushed; `is_captured` is whether
    the ledger already holds the baseline.
    """

    state: TargetState
    baseline: Baseline
    is_captured: bool
    edit: OwnerEdit | None = None
    paused_reason: str | None = None
    problem: str | None = None


def adopt(state: TargetState, memory: FleetMemory | None, *, is_ours: Callable[[str], bool]) -> Adoption:
    """Tell the baseline of a target as it stands, from what the ledger remembers; pure."""
    if memory is None:
        ours = sorted(action.name for action in state.actions if is_ours(action.name))
        problem = (
            f"{len(ours)} actions of ours ({ours[0]} ...) stand at the target, but the ledger has no baseline for it: "
            "what the owner had set cannot be told; let them run out or remove them, then push again"
            if ours
            else None
        )
        return Adoption(state=state, baseline=present_baseline(state), is_captured=False, problem=problem)
    edit = find_owner_edit(state, memory)
    return Adoption(
        state=state,
        baseline=edit.baseline if edit else memory.baseline,
        is_captured=True,
        edit=edit,
        paused_reason=edit.reason if edit else memory.paused_reason,
    )


def find_owner_edit(state: TargetState, memory: FleetMemory) -> OwnerEdit | None:
    """Return the owner's edit of minimum or maximum, or None.

    A value is known when it is the baseline's, or stood when we last looked, or a due action sets it, ours or foreign.
    Each field is judged by itself, so that our own minimum is never adopted together with the owner's maximum.
    Where the target keeps the owner's setting apart from ours, it is theirs whatever we set, and compared as it is.
    """
    due = _due_actions(state, memory)
    owned = state.owners_setting
    found = state.setting if owned is None else owned
    fields = tuple(
        field
        for field in BOUNDS
        if getattr(found, field) != getattr(memory.baseline.setting, field)
        and (owned is not None or not _is_known(field, found, memory, due))
    )
    if not fields:
        return None
    adopted = replace(memory.baseline.setting, **{field: getattr(found, field) for field in fields})
    return OwnerEdit(
        fields=fields,
        found=found,
        baseline=Baseline(
            fleet_id=state.fleet_id,
            setting=_with_desired(adopted, state, memory, due),
            captured_at_utc=state.read_at_utc,
            running_instances=_inside(memory.baseline.running_instances, adopted),
        ),
    )


def seen_leaving_edits(
    memory: FleetMemory,
    state: TargetState,
    *,
    is_ours: Callable[[str], bool],
    also: Iterable[PresentAction] = (),
) -> FleetMemory:
    """Return the memory after looking at the target, as FleetMemory.seen; an owner's edit is left for a push to find.

    Who writes without asking whose setting stands there (a rollback, a look after writing) would else make it known.
    """
    seen = memory.seen(state, is_ours=is_ours, also=also)
    edit = find_owner_edit(state, memory)
    if edit is None:
        return seen
    due = _due_actions(state, memory)
    edited = [
        field for field in (*edit.fields, "desired_instances") if not _is_known(field, state.setting, memory, due)
    ]
    kept = {field: getattr(memory.setting, field) for field in edited}
    return replace(seen, setting=replace(seen.setting, **kept))


def _due_actions(state: TargetState, memory: FleetMemory) -> list[PresentAction]:
    """Return the actions that may have run since we last looked; a recurring one may have at any time."""
    latest = state.read_at_utc + EARLY
    return [
        action
        for action in (*memory.actions, *state.actions)
        if action.recurrence or (action.starts_at_utc is not None and action.starts_at_utc <= latest)
    ]


def _is_known(field: str, found: CapacitySetting, memory: FleetMemory, due: list[PresentAction]) -> bool:
    known = {getattr(setting, field) for setting in (memory.baseline.setting, memory.setting)}
    known |= values_set_by(due, field)
    return getattr(found, field) in known


def _with_desired(
    adopted: CapacitySetting,
    state: TargetState,
    memory: FleetMemory,
    due: list[PresentAction],
) -> CapacitySetting:
    """Take over the owner's desired capacity if it is theirs, and keep it inside the bounds they set."""
    found = state.setting.desired_instances
    if found is not None and not _is_known("desired_instances", state.setting, memory, due):
        adopted = replace(adopted, desired_instances=found)
    return with_desired_inside(adopted)


def with_desired_inside(setting: CapacitySetting) -> CapacitySetting:
    """Return `setting` with its desired capacity, if it has one, kept inside its bounds."""
    return replace(setting, desired_instances=_inside(setting.desired_instances, setting))


def _inside(instances: int | None, setting: CapacitySetting) -> int | None:
    if instances is None or setting.min_instances is None or setting.max_instances is None:
        return instances
    return min(max(instances, setting.min_instances), setting.max_instances)
