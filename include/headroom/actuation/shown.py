"""What a person is shown before they answer: the target as it was read, and what would be written to it. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from headroom.actuation.records import present_from, present_of, present_records, setting_from, setting_record
from headroom.domain.scaling import ActionDiff, CapacitySetting, PresentAction, TargetState


class Purpose(StrEnum):
    """What a person is asked to let be written."""

    PLAN = "plan"
    WITHDRAWAL = "withdrawal"
    """The owner changed the target: our pending actions are to be taken back, the last to give the new baseline."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The target and the diff as they stood at `read_at_utc`; actions by name, with their values.

    `standing` are all actions at the target, ours and others'; `written` those that would be created or replaced,
    `kept` those that stand as wanted, `deleted` those that would go. `planned_usd_per_day` is the plan's estimate of
    its first day, None where no price is known.
    """

    purpose: Purpose
    read_at_utc: datetime
    setting: CapacitySetting
    current_instances: int
    has_reactive_policy: bool
    has_predictive_policy: bool
    is_scheduled_scaling_suspended: bool
    standing: tuple[PresentAction, ...]
    written: tuple[PresentAction, ...]
    kept: tuple[PresentAction, ...]
    deleted: tuple[PresentAction, ...]
    planned_usd_per_day: float | None = None

    @cached_property
    def digest(self) -> str:
        """Tells this from anything else that could be shown: SHA-256 of the record, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.record(), sort_keys=True).encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "purpose": self.purpose.value,
            "read_at_utc": self.read_at_utc.isoformat(),
            "setting": setting_record(self.setting),
            "current_instances": self.current_instances,
            "has_reactive_policy": self.has_reactive_policy,
            "has_predictive_policy": self.has_predictive_policy,
            "is_scheduled_scaling_suspended": self.is_scheduled_scaling_suspended,
            "standing": present_records(self.standing),
            "written": present_records(self.written),
            "kept": present_records(self.kept),
            "deleted": present_records(self.deleted),
            "planned_usd_per_day": self.planned_usd_per_day,
        }


def shown_of(
    state: TargetState, diff: ActionDiff, *, purpose: Purpose, planned_usd_per_day: float | None = None
) -> Shown:
    """Return what there is to show of a diff made against `state`."""
    return Shown(
        purpose=purpose,
        read_at_utc=state.read_at_utc,
        setting=state.setting,
        current_instances=state.current_instances,
        has_reactive_policy=state.has_reactive_policy,
        has_predictive_policy=state.has_predictive_policy,
        is_scheduled_scaling_suspended=state.is_scheduled_scaling_suspended,
        standing=_by_name(state.actions),
        written=_by_name(map(present_of, (*diff.create, *diff.replace))),
        kept=_by_name(map(present_of, diff.keep)),
        deleted=_by_name(diff.delete),
        planned_usd_per_day=planned_usd_per_day,
    )


def shown_from(record: Mapping[str, Any]) -> Shown:
    """Read what Shown.record wrote."""
    actions = {
        key: tuple(present_from(item) for item in record[key]) for key in ("standing", "written", "kept", "deleted")
    }
    return Shown(
        purpose=Purpose(record["purpose"]),
        read_at_utc=datetime.fromisoformat(record["read_at_utc"]),
        setting=setting_from(record["setting"]),
        current_instances=record["current_instances"],
        has_reactive_policy=record["has_reactive_policy"],
        has_predictive_policy=record["has_predictive_policy"],
        is_scheduled_scaling_suspended=record["is_scheduled_scaling_suspended"],
        planned_usd_per_day=record["planned_usd_per_day"],
        **actions,
    )


def _by_name(actions: Iterable[PresentAction]) -> tuple[PresentAction, ...]:
    return tuple(sorted(actions, key=lambda action: action.name))
