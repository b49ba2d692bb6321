"""Scaling: required capacity, its schedule, the actions that ask for it, and what stands at a target."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Floats, Hours

Counts = npt.NDArray[np.int64]

RELEASE_DELAY: Final = timedelta(minutes=5)
"""Between scaling in by a low maximum and releasing it: more than the two minutes an action can be late."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapacityRequirement:
    """Instances of today's type needed in each hour, shape (h,), and the demand they were sized for.

    `hours` are datetime64[s] hour starts in UTC; `demand_per_second` is the demand of their minutes at the
    critical-ratio quantile.
    """

    fleet_id: str
    hours: Hours
    required_instances: Counts
    demand_per_second: Floats
    method: str
    """How one instance's carrying capacity was found: benchmark, history or specification; then the formula."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityStep:
    """From `starts_at_utc` on, hold at least `instances`, for the need that begins at `need_at_utc`."""

    starts_at_utc: datetime
    need_at_utc: datetime
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityShortfall:
    """An hour whose `required_instances` no floor inside the fleet's step limits has asked for in time.

    `reachable_instances` are the most that can be asked for by the lead time before the hour; the rest comes later.
    """

    need_at_utc: datetime
    required_instances: int
    reachable_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySchedule:
    """A piecewise-constant floor: steps in time order; it ends at `ends_at_utc`, when the baseline is given back."""

    fleet_id: str
    steps: tuple[CapacityStep, ...]
    ends_at_utc: datetime
    shortfalls: tuple[CapacityShortfall, ...] = ()
    """The hours that step limits leave short, in time order."""


class ScalingApi(StrEnum):
    """The API that keeps a target's scheduled actions: one of AWS's two, or KEDA's ScaledObject."""

    EC2_AUTO_SCALING = "ec2_auto_scaling"
    APPLICATION_AUTO_SCALING = "application_auto_scaling"
    KEDA = "keda"


def only_maximum_scales_in(api: ScalingApi, *, has_reactive_policy: bool) -> bool:
    """Whether nothing but a low maximum scales a target in: no desired setting does, and no policy."""
    return api is ScalingApi.APPLICATION_AUTO_SCALING and not has_reactive_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySetting:
    """Minimum, maximum and desired instances; None means the setting is left as it is.

    Only EC2 Auto Scaling has a desired setting: elsewhere `desired_instances` is always None.
    """

    min_instances: int | None
    max_instances: int | None
    desired_instances: int | None = None


class ActionPurpose(StrEnum):
    """Why an action is there."""

    RAISE = "raise"
    LOWER = "lower"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One scheduled change at a scaling target that the plan asks for; `name` as CONTRACTS fixes it."""

    name: str
    fleet_id: str
    starts_at_utc: datetime
    setting: CapacitySetting
    purpose: ActionPurpose
    need_at_utc: datetime
    """Start of the hour whose need this action serves; the restore's is its own start."""
    demand_per_second: float | None = None
    """Largest demand of an hour's minutes (at the critical-ratio quantile) while it holds; None for the restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentAction:
    """A scheduled action as the target has it now, ours or another's."""

    name: str
    starts_at_utc: datetime | None
    setting: CapacitySetting
    recurrence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """What stands at a scaling target, read at `read_at_utc` by the cloud's clock."""

    fleet_id: str
    api: ScalingApi
    read_at_utc: datetime
    setting: CapacitySetting
    current_instances: int
    """Desired capacity now (desired count, desired instance count): what the target is heading for."""
    actions: tuple[PresentAction, ...]
    has_reactive_policy: bool
    has_predictive_policy: bool
    is_scheduled_scaling_suspended: bool
    owners_setting: CapacitySetting | None = None
    """The owner's own setting where the target keeps it apart from ours; None where the last to write it stands."""

    @property
    def is_scaled_in_by_maximum(self) -> bool:
        """Whether only a low maximum scales in here."""
        return only_maximum_scales_in(self.api, has_reactive_policy=self.has_reactive_policy)

    @property
    def instances_without_us(self) -> int:
        """What stands until an action of ours: the minimum where a reactive policy scales in, else what is desired."""
        return (self.setting.min_instances or 0) if self.has_reactive_policy else self.current_instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The owner's own setting at a target, captured when Headroom adopted it."""

    fleet_id: str
    setting: CapacitySetting
    captured_at_utc: datetime
    running_instances: int | None = None
    """Instances that ran when it was captured; needed where an API has no desired setting to give them back by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDiff:
    """What a push would change: only our own actions are ever in create, replace, delete or keep."""

    create: tuple[Action, ...]
    replace: tuple[Action, ...]
    delete: tuple[PresentAction, ...]
    keep: tuple[Action, ...]
    foreign: tuple[PresentAction, ...]
    refused: tuple[tuple[Action, str], ...] = ()
    """Wanted actions that cannot be had (a start time somebody else holds, already past), with the reason."""

    @property
    def is_empty(self) -> bool:
        """Whether applying the diff would make no write call."""
        return not (self.create or self.replace or self.delete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one guardrail says, with its reason in a sentence an engineer on call can act on."""

    rule: str
    is_passed: bool
    reason: str
    loosened: str = ""
    """Which limits of the rule configuration has loosened, from what to what; empty where it has none."""
