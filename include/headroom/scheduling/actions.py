"""From a capacity schedule to the fewest scheduled actions that make a target follow it, and give it back at the end.

Which settings an action has to set depends on who else scales the target. Raising a minimum scales out everywhere;
lowering it scales nothing in unless a reactive policy does. "needed" is the schedule's floor, "widest" the larger of
needed and the baseline's maximum.

====================  ========  ==========  =========================  ==========================================
API                   reactive  predictive  a step sets                a lowering is followed, and the end set, by
====================  ========  ==========  =========================  ==========================================
EC2 Auto Scaling      no        no          min, desired = needed      restore: min, max, desired of the baseline
EC2 Auto Scaling      yes       no          min = needed               restore: min, max of the baseline
EC2 Auto Scaling      no        yes         min, desired = needed      restore: min, max, desired of the baseline
EC2 Auto Scaling      yes       yes         min = needed               restore: min, max of the baseline
Application A. S.     no        no          min = max = needed         restore: min, max, by way of its instances
Application A. S.     yes       no          min = needed, max = widest restore: min, max of the baseline
Application A. S.     no        yes         raise: max = widest,       release of max five minutes later;
                                            lowering: max = needed     restore: min, max, by way of its instances
Application A. S.     yes       yes         min = needed, max = widest restore: min, max of the baseline
KEDA                  any       any         min = asked                restore: min, max of the baseline
====================  ========  ==========  =========================  ==========================================

Why. EC2: "If a new value for MinSize is specified without setting DesiredCapacity and the new MinSize is larger than
the current size of the group, this sets the group's DesiredCapacity to the new MinSize" (API reference,
UpdateAutoScalingGroup), so a minimum alone raises; nothing but a desired capacity lowers where no policy does. With a
reactive policy the desired capacity is the policy's business: it may stand far above our floor, and setting it would
throw away what the policy bought. Application Auto Scaling has no desired capacity: "If current capacity is greater
than the specified maximum capacity, Application Auto Scaling scales in to the specified maximum capacity" (user guide,
how scheduled scaling works), so the maximum is the only way down. Where a predictive policy is the only other one, a
maximum left low would cap its forecast, and the larger of both is to hold: the maximum is released once it has scaled
in. A predictive policy on EC2 raises the desired capacity again by itself at its next forecast hour.

EC2 actions name the maximum only where some step of the schedule needs more than the baseline's maximum; then every
step sets it, so that no step can find itself above it. Application Auto Scaling actions always name both, since a
maximum pinched by an earlier push may still stand. The restore names both always.

KEDA takes the largest of its triggers and minReplicaCount, whatever other triggers there are; when ours has ended the
rest holds, so a lowering and the end are followed by themselves. "asked" is needed, or as much more as the tolerance of
the HorizontalPodAutoscaler takes (headroom.scheduling.replicas). The restore names what is the owner's and never
changed by us, for the reader; step limits are kept to the letter, so with them asked is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from headroom.domain.fleet import NO_STEP_LIMITS, Bounds, StepLimits
from headroom.domain.scaling import (
    RELEASE_DELAY,
    Action,
    ActionPurpose,
    Baseline,
    CapacityRequirement,
    CapacitySchedule,
    CapacitySetting,
    CapacityStep,
    ScalingApi,
    only_maximum_scales_in,
)
from headroom.scheduling.names import action_name
from headroom.scheduling.replicas import replicas_asked
from headroom.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class _Draft:
    starts_at_utc: datetime
    setting: CapacitySetting
    purpose: ActionPurpose
    need_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """The row of the decision table that a target falls under, with what it needs to be applied."""

    api: ScalingApi
    has_reactive_policy: bool
    has_predictive_policy: bool
    baseline: CapacitySetting
    baseline_instances: int | None
    largest_step: int
    bounds: Bounds
    step_limits: StepLimits

    @property
    def is_scaled_in_by_maximum(self) -> bool:
        """Whether only a low maximum scales in here."""
        return only_maximum_scales_in(self.api, has_reactive_policy=self.has_reactive_policy)

    def widest(self, instances: int) -> int:
        owned = self.baseline.max_instances
        return max(instances, self.bounds.max_instances if owned is None else owned)

    @property
    def has_tolerance(self) -> bool:
        """Whether steps are made larger, or left out, so that what is asked for is what comes."""
        return self.api is ScalingApi.KEDA and self.step_limits == NO_STEP_LIMITS

    def asked(self, instances: int, *, running: int) -> int:
        """Return what a step to `instances` asks for, where `running` stand before it."""
        if not self.has_tolerance:
            return instances
        owned = self.baseline.max_instances
        most = self.bounds.max_instances if owned is None else min(self.bounds.max_instances, owned)
        return replicas_asked(instances, running=running, most=most)

    def setting(self, instances: int, purpose: ActionPurpose) -> CapacitySetting:
        """Return what a step to `instances` sets."""
        if self.api is ScalingApi.KEDA:
            return CapacitySetting(min_instances=instances, max_instances=None)
        if self.api is ScalingApi.APPLICATION_AUTO_SCALING:
            is_narrow = self.is_scaled_in_by_maximum and (
                purpose is ActionPurpose.LOWER or not self.has_predictive_policy
            )
            most: int | None = instances if is_narrow else self.widest(instances)
            return CapacitySetting(min_instances=instances, max_instances=most)
        owned = self.baseline.max_instances
        most = self.largest_step if owned is not None and self.largest_step > owned else None
        desired = None if self.has_reactive_policy else instances
        return CapacitySetting(min_instances=instances, max_instances=most, desired_instances=desired)

    def released(self, instances: int) -> CapacitySetting:
        return CapacitySetting(min_instances=instances, max_instances=self.widest(instances))

    def restored(self) -> CapacitySetting:
        has_desired = self.api is ScalingApi.EC2_AUTO_SCALING and not self.has_reactive_policy
        return CapacitySetting(
            min_instances=self.baseline.min_instances,
            max_instances=self.baseline.max_instances,
            desired_instances=self.baseline.desired_instances if has_desired else None,
        )


def actions_for(
    fleet_id: str,
    schedule: CapacitySchedule,
    *,
    deployment: str,
    api: ScalingApi,
    has_reactive_policy: bool,
    has_predictive_policy: bool,
    baseline: Baseline,
    bounds: Bounds,
    current_instances: int,
    requirement: CapacityRequirement | None = None,
    present: CapacitySetting | None = None,
    step_limits: StepLimits = NO_STEP_LIMITS,
) -> tuple[Action, ...]:
    """Return the actions that make a target follow `schedule` (table in the module docstring), in order of start.

    `current_instances` is what the schedule was made from: it tells whether the first step raises or lowers.
    `requirement` gives each action the largest demand it has to serve. The last action gives the baseline back; a
    schedule without steps at a target that `present` shows at its baseline already needs no action at all.
    """
    rules = _Rules(
        api=api,
        has_reactive_policy=has_reactive_policy,
        has_predictive_policy=has_predictive_policy,
        baseline=baseline.setting,
        baseline_instances=baseline.running_instances,
        largest_step=max((step.instances for step in schedule.steps), default=0),
        bounds=bounds,
        step_limits=step_limits,
    )
    if not schedule.steps and present is not None and _holds(present, rules.restored()):
        return ()
    drafts = [
        *_step_drafts(schedule.steps, rules, ends_at_utc=schedule.ends_at_utc, current_instances=current_instances),
        *_restore_drafts(rules, ends_at_utc=schedule.ends_at_utc),
    ]
    ends = [draft.starts_at_utc for draft in drafts[1:]] + [schedule.ends_at_utc]
    return tuple(
        Action(
            name=action_name(deployment=deployment, fleet_id=fleet_id, starts_at_utc=draft.starts_at_utc),
            fleet_id=fleet_id,
            starts_at_utc=draft.starts_at_utc,
            setting=draft.setting,
            purpose=draft.purpose,
            need_at_utc=draft.need_at_utc,
            demand_per_second=_largest_demand(requirement, draft, end),
        )
        for draft, end in zip(drafts, ends, strict=True)
    )


def _step_drafts(
    steps: Sequence[CapacityStep],
    rules: _Rules,
    *,
    ends_at_utc: datetime,
    current_instances: int,
) -> list[_Draft]:
    drafts: list[_Draft] = []
    before = standing = current_instances
    starts = [*(step.starts_at_utc for step in steps), ends_at_utc]
    for step, next_start in zip(steps, starts[1:], strict=True):
        purpose = ActionPurpose.RAISE if step.instances > before else ActionPurpose.LOWER
        asked = rules.asked(step.instances, running=standing)
        setting = rules.setting(asked, purpose)
        if asked != standing or not rules.has_tolerance:
            drafts.append(_Draft(step.starts_at_utc, setting, purpose, step.need_at_utc))
        standing = asked
        release_at = step.starts_at_utc + RELEASE_DELAY
        is_released = rules.is_scaled_in_by_maximum and rules.has_predictive_policy and purpose is ActionPurpose.LOWER
        if is_released and release_at < next_start:
            drafts.append(_Draft(release_at, rules.released(step.instances), purpose, step.need_at_utc))
        before = step.instances
    return drafts


def _restore_drafts(rules: _Rules, *, ends_at_utc: datetime) -> list[_Draft]:
    """Return the restore, led by one that sets the owner's instance count where no policy and no desired would."""
    restore = _Draft(ends_at_utc, rules.restored(), ActionPurpose.RESTORE, ends_at_utc)
    count = rules.baseline_instances
    if not rules.is_scaled_in_by_maximum or count is None:
        return [restore]
    release_at = ends_at_utc + RELEASE_DELAY
    pinched = CapacitySetting(min_instances=count, max_instances=count)
    return [
        _Draft(ends_at_utc, pinched, ActionPurpose.RESTORE, ends_at_utc),
        _Draft(release_at, rules.restored(), ActionPurpose.RESTORE, release_at),
    ]


def _holds(present: CapacitySetting, wanted: CapacitySetting) -> bool:
    """Whether each setting that `wanted` names stands already."""
    return all(
        getattr(wanted, field) in (None, getattr(present, field))
        for field in ("min_instances", "max_instances", "desired_instances")
    )


def _largest_demand(requirement: CapacityRequirement | None, draft: _Draft, ends_at_utc: datetime) -> float | None:
    if requirement is None or draft.purpose is ActionPurpose.RESTORE:
        return None
    begin, end = draft.starts_at_utc.timestamp(), ends_at_utc.timestamp()
    hours = requirement.hours.astype("datetime64[s]").astype(np.int64)
    is_held = (hours < end) & (hours + SECONDS_PER_HOUR > begin)
    return float(requirement.demand_per_second[is_held].max()) if is_held.any() else None
