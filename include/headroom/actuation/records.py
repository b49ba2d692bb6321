"""Actions, settings and what we remember of a fleet as the plain JSON of ledger files, and back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from headroom.domain.scaling import Action, Baseline, CapacitySetting, PresentAction
from headroom.domain.window import as_utc

Record = dict[str, Any]


def setting_record(setting: CapacitySetting) -> Record:
    """Return a setting as JSON; a setting left as it is stands as null."""
    return {
        "min_instances": setting.min_instances,
        "max_instances": setting.max_instances,
        "desired_instances": setting.desired_instances,
    }


def setting_from(record: Mapping[str, Any]) -> CapacitySetting:
    """Read what setting_record wrote; ValueError naming the key where a size is none."""
    return CapacitySetting(
        min_instances=_size(record, "min_instances"),
        max_instances=_size(record, "max_instances"),
        desired_instances=_size(record, "desired_instances"),
    )


def _size(record: Mapping[str, Any], key: str) -> int | None:
    size = record[key]
    if size is None:
        return None
    if type(size) is not int or size < 0:  # a bool is no size, either
        raise ValueError(f"{key}: expected a whole number of instances or null, found {size!r}")
    return size


def moment_from(text: str) -> datetime:
    """Read a moment that stands in a record; ValueError where it has no zone."""
    return as_utc(datetime.fromisoformat(text))


def action_record(action: Action) -> Record:
    """Return a wanted action as JSON."""
    return {
        "name": action.name,
        "starts_at_utc": action.starts_at_utc.isoformat(),
        "need_at_utc": action.need_at_utc.isoformat(),
        "purpose": action.purpose.value,
        "demand_per_second": action.demand_per_second,
        **setting_record(action.setting),
    }


def present_record(action: PresentAction) -> Record:
    """Return an action that stands at a target as JSON."""
    return {
        "name": action.name,
        "starts_at_utc": action.starts_at_utc.isoformat() if action.starts_at_utc else None,
        "recurrence": action.recurrence,
        **setting_record(action.setting),
    }


def present_from(record: Mapping[str, Any]) -> PresentAction:
    """Read what present_record wrote, or action_record, as an action that stands."""
    name, starts_at, recurrence = record["name"], record["starts_at_utc"], record.get("recurrence")
    if not isinstance(name, str) or not isinstance(recurrence, str | None):
        raise TypeError(f"name, recurrence: expected texts, found {name!r} and {recurrence!r}")
    return PresentAction(
        name=name,
        starts_at_utc=moment_from(starts_at) if starts_at else None,
        setting=setting_from(record),
        recurrence=recurrence,
    )


def present_of(action: Action) -> PresentAction:
    """Return how `action` looks once it stands."""
    return PresentAction(name=action.name, starts_at_utc=action.starts_at_utc, setting=action.setting)


def present_records(actions: Iterable[PresentAction]) -> list[Record]:
    """Return actions as JSON in order of their names."""
    return [present_record(action) for action in sorted(actions, key=lambda action: action.name)]


def baseline_record(baseline: Baseline) -> Record:
    """Return a baseline as JSON."""
    return {
        "captured_at_utc": baseline.captured_at_utc.isoformat(),
        "running_instances": baseline.running_instances,
        **setting_record(baseline.setting),
    }


def baseline_from(fleet_id: str, record: Mapping[str, Any]) -> Baseline:
    """Read what baseline_record wrote."""
    return Baseline(
        fleet_id=fleet_id,
        setting=setting_from(record),
        captured_at_utc=moment_from(record["captured_at_utc"]),
        running_instances=_size(record, "running_instances"),
    )
