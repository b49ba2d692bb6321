"""Requirements, actions and targets on 18 November 2026, small enough to work by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from headroom.domain.fleet import NO_STEP_LIMITS, Bounds, StepLimits
from headroom.domain.scaling import (
    Action,
    ActionPurpose,
    Baseline,
    CapacityRequirement,
    CapacitySchedule,
    CapacitySetting,
    CapacityStep,
    PresentAction,
    ScalingApi,
    TargetState,
)
from headroom.scheduling import action_name, schedule_capacity

DEPLOYMENT, FLEET = "test", "chat-large"
NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
BOUNDS = Bounds(min_instances=1, max_instances=60)
BASELINE = Baseline(
    fleet_id=FLEET,
    setting=CapacitySetting(min_instances=2, max_instances=20, desired_instances=5),
    captured_at_utc=NOW,
)


def at(clock: str, *, day: int = 18) -> datetime:
    """Return a time such as "07:53" of a day in November 2026."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=UTC)


def requirement(*instances: int, first_hour: int = 6) -> CapacityRequirement:
    first = np.datetime64(f"2026-11-18T{first_hour:02d}:00:00", "s")
    hours = first + np.arange(len(instances)) * np.timedelta64(1, "h")
    return CapacityRequirement(
        fleet_id=FLEET,
        hours=hours.astype("datetime64[s]"),
        required_instances=np.array(instances, dtype=np.int64),
        demand_per_second=np.array(instances, dtype=np.float64) * 10,
        method="test",
    )


def schedule(
    *instances: int,
    current: int,
    lead_time_seconds: float = 300.0,
    min_dwell_seconds: float = 0.0,
    max_changes: int = 100,
    bounds: Bounds = BOUNDS,
    starts: datetime | None = None,
    step_limits: StepLimits = NO_STEP_LIMITS,
) -> CapacitySchedule:
    """Plan from 06:06 on for the hours from 06:00; the delay of actions is left out, to keep numbers round."""
    return schedule_capacity(
        requirement(*instances),
        lead_time_seconds=lead_time_seconds,
        min_dwell_seconds=min_dwell_seconds,
        max_changes=max_changes,
        bounds=bounds,
        starts_after_utc=starts or at("06:06"),
        ends_at_utc=at("06:00") + timedelta(hours=len(instances)),
        current_instances=current,
        step_limits=step_limits,
        action_delay_seconds=0.0,
    )


def steps_of(made: CapacitySchedule) -> list[tuple[str, int]]:
    return [(f"{step.starts_at_utc:%H:%M}", step.instances) for step in made.steps]


def plan(*steps: tuple[str, int], ends: str = "20:00") -> CapacitySchedule:
    return CapacitySchedule(
        fleet_id=FLEET,
        steps=tuple(
            CapacityStep(starts_at_utc=at(clock), need_at_utc=at(clock), instances=instances)
            for clock, instances in steps
        ),
        ends_at_utc=at(ends),
    )


def action(
    clock: str,
    least: int | None = 5,
    most: int | None = None,
    desired: int | None = None,
    *,
    purpose: ActionPurpose = ActionPurpose.RAISE,
) -> Action:
    start = at(clock)
    return Action(
        name=action_name(deployment=DEPLOYMENT, fleet_id=FLEET, starts_at_utc=start),
        fleet_id=FLEET,
        starts_at_utc=start,
        setting=CapacitySetting(min_instances=least, max_instances=most, desired_instances=desired),
        purpose=purpose,
        need_at_utc=start,
    )


def restore(clock: str = "20:00") -> Action:
    return action(clock, 2, 20, 5, purpose=ActionPurpose.RESTORE)


def present(wanted: Action, *, name: str | None = None, recurrence: str | None = None) -> PresentAction:
    return PresentAction(
        name=name or wanted.name,
        starts_at_utc=wanted.starts_at_utc,
        setting=wanted.setting,
        recurrence=recurrence,
    )


def target(
    *actions: PresentAction,
    api: ScalingApi = ScalingApi.EC2_AUTO_SCALING,
    has_reactive_policy: bool = False,
    has_predictive_policy: bool = False,
    is_suspended: bool = False,
    current_instances: int = 5,
) -> TargetState:
    return TargetState(
        fleet_id=FLEET,
        api=api,
        read_at_utc=NOW,
        setting=BASELINE.setting,
        current_instances=current_instances,
        actions=tuple(actions),
        has_reactive_policy=has_reactive_policy,
        has_predictive_policy=has_predictive_policy,
        is_scheduled_scaling_suspended=is_suspended,
    )


def starts(actions: Sequence[Action | PresentAction]) -> list[str]:
    return [f"{item.starts_at_utc:%H:%M}" for item in actions if item.starts_at_utc is not None]
