"""What must never happen between a requirement and a target.

- The floor covers every need, lead time before it and until it has ended, with no more changes than allowed, each at
  least a dwell after the one before and no further from it than the step limits, inside the bounds; more changes,
  less dwell or larger steps never cost more. Only a need that is reported as short is not covered.
- Names round-trip, and a name of another deployment or fleet is never taken for ours.
- Applying a diff leaves nothing to change; what is not ours is never created, replaced or deleted, and is there after
  it exactly as before; no two actions of a target start at the same moment because of us.
- The last action always gives the baseline back.
"""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scheduling.small_plan import BASELINE, DEPLOYMENT, FLEET, NOW, at, target

from headroom.domain.fleet import NO_STEP_LIMITS, Bounds, StepLimits
from headroom.domain.scaling import (
    Action,
    ActionPurpose,
    CapacityRequirement,
    CapacitySchedule,
    CapacitySetting,
    CapacityStep,
    PresentAction,
    ScalingApi,
)
from headroom.scheduling import (
    ScheduleImpossibleError,
    action_name,
    actions_for,
    apply_diff,
    diff_actions,
    floor_at,
    is_ours,
    parse_action_name,
    schedule_capacity,
)

START = at("06:06")
BOUNDS = Bounds(min_instances=1, max_instances=30)
NEEDS = st.lists(st.integers(min_value=0, max_value=35), min_size=1, max_size=30)
STEP_LIMITS = st.builds(
    StepLimits,
    max_raise_instances=st.none() | st.integers(min_value=1, max_value=30),
    max_lowering_instances=st.none() | st.integers(min_value=1, max_value=30),
)
MINUTES = st.integers(min_value=0, max_value=24 * 60)


def schedule(
    needs: list[int],
    *,
    lead_seconds: int,
    dwell_minutes: int,
    max_changes: int,
    current: int,
    step_limits: StepLimits = NO_STEP_LIMITS,
) -> CapacitySchedule:
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(len(needs)) * np.timedelta64(1, "h")
    requirement = CapacityRequirement(
        fleet_id=FLEET,
        hours=hours.astype("datetime64[s]"),
        required_instances=np.array(needs, dtype=np.int64),
        demand_per_second=np.array(needs, dtype=np.float64),
        method="test",
    )
    return schedule_capacity(
        requirement,
        lead_time_seconds=lead_seconds,
        min_dwell_seconds=dwell_minutes * 60,
        max_changes=max_changes,
        bounds=BOUNDS,
        starts_after_utc=START,
        ends_at_utc=at("06:00") + timedelta(hours=len(needs)),
        current_instances=current,
        step_limits=step_limits,
    )


def cost_of(made: CapacitySchedule, *, current: int) -> float:
    edges = [START, *(step.starts_at_utc for step in made.steps), made.ends_at_utc]
    levels = [current, *(step.instances for step in made.steps)]
    spans = (later - earlier for earlier, later in itertools.pairwise(edges))
    return sum(level * span.total_seconds() for level, span in zip(levels, spans, strict=True))


@settings(deadline=None, max_examples=200)
@given(
    needs=NEEDS,
    lead_seconds=st.integers(min_value=0, max_value=7200),
    dwell_minutes=st.sampled_from([0, 15, 30, 45, 60, 120]),
    max_changes=st.integers(min_value=1, max_value=12),
    current=st.integers(min_value=0, max_value=40),
    step_limits=STEP_LIMITS,
)
def test_the_floor_covers_every_need_within_all_limits(
    *,
    needs: list[int],
    lead_seconds: int,
    dwell_minutes: int,
    max_changes: int,
    current: int,
    step_limits: StepLimits,
) -> None:
    step_limits = step_limits if dwell_minutes else NO_STEP_LIMITS
    made = schedule(
        needs,
        lead_seconds=lead_seconds,
        dwell_minutes=dwell_minutes,
        max_changes=max_changes,
        current=current,
        step_limits=step_limits,
    )
    starts = [step.starts_at_utc for step in made.steps]
    assert len(starts) <= max_changes
    assert all(later - earlier >= timedelta(minutes=dwell_minutes) for earlier, later in itertools.pairwise(starts))
    assert all(START <= start < made.ends_at_utc and start.second == 0 for start in starts)
    assert all(BOUNDS.min_instances <= step.instances <= BOUNDS.max_instances for step in made.steps)
    assert all(before.instances != after.instances for before, after in itertools.pairwise(made.steps))
    before = min(max(current, BOUNDS.min_instances), BOUNDS.max_instances)
    for step in made.steps:
        assert step.instances - before <= (step_limits.max_raise_instances or BOUNDS.max_instances)
        assert before - step.instances <= (step_limits.max_lowering_instances or BOUNDS.max_instances)
        before = step.instances
    short = {item.need_at_utc: item for item in made.shortfalls}
    assert not short or step_limits.max_raise_instances
    for hour, need in enumerate(needs):
        begin, end = at("06:00") + timedelta(hours=hour), at("07:00") + timedelta(hours=hour)
        first = max(START, begin - timedelta(seconds=lead_seconds))
        asked = min(max(need, BOUNDS.min_instances), BOUNDS.max_instances)
        if begin in short:
            assert short[begin].required_instances == asked
            asked = short[begin].reachable_instances
        moments = [first, *(start for start in starts if first <= start < end)]
        assert all(floor_at(made, moment, current_instances=current) >= asked for moment in moments)


@settings(deadline=None, max_examples=100)
@given(
    needs=NEEDS,
    dwell_minutes=st.sampled_from([30, 60, 120]),
    max_changes=st.integers(min_value=1, max_value=8),
    current=st.integers(min_value=0, max_value=40),
    lowering=st.integers(min_value=1, max_value=30),
)
def test_more_freedom_never_costs_more(
    needs: list[int], dwell_minutes: int, max_changes: int, current: int, lowering: int
) -> None:
    def cost(*, dwell: int, changes: int, lowering: int | None = None) -> float:
        made = schedule(
            needs,
            lead_seconds=300,
            dwell_minutes=dwell,
            max_changes=changes,
            current=current,
            step_limits=StepLimits(max_lowering_instances=lowering),
        )
        return cost_of(made, current=current)

    strict = cost(dwell=dwell_minutes, changes=max_changes)
    assert cost(dwell=dwell_minutes, changes=max_changes + 1) <= strict
    assert cost(dwell=0, changes=max_changes) <= strict
    limited = cost(dwell=dwell_minutes, changes=max_changes, lowering=lowering)
    assert strict <= cost(dwell=dwell_minutes, changes=max_changes, lowering=lowering + 1) <= limited


@given(needs=NEEDS, current=st.integers(min_value=0, max_value=40))
def test_no_change_is_possible_only_where_what_stands_is_enough(needs: list[int], current: int) -> None:
    most = min(max(1, *needs, 1), BOUNDS.max_instances)
    try:
        made = schedule(needs, lead_seconds=0, dwell_minutes=0, max_changes=0, current=current)
    except ScheduleImpossibleError:
        assert current < most
    else:
        assert made.steps == ()
        assert current >= most


FLEET_IDS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DEPLOYMENTS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2099, 1, 1)).map(  # noqa: DTZ001, aware below
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC),
)


@given(fleet=FLEET_IDS, other=FLEET_IDS, deployment=DEPLOYMENTS, foreign=DEPLOYMENTS, moment=MOMENTS)
def test_names_round_trip_and_belong_to_one_fleet_of_one_deployment(
    fleet: str,
    other: str,
    deployment: str,
    foreign: str,
    moment: datetime,
) -> None:
    name = action_name(deployment=deployment, fleet_id=fleet, starts_at_utc=moment)
    assert parse_action_name(name, deployment=deployment, fleet_id=fleet) == moment
    if (other, foreign) != (fleet, deployment):
        assert parse_action_name(name, deployment=foreign, fleet_id=other) is None


@st.composite
def wanted_actions(draw: st.DrawFn) -> tuple[Action, ...]:
    minutes = sorted(draw(st.sets(MINUTES, max_size=6)))
    made = CapacitySchedule(
        fleet_id=FLEET,
        steps=tuple(
            CapacityStep(
                starts_at_utc=START + timedelta(minutes=minute),
                need_at_utc=START + timedelta(minutes=minute),
                instances=draw(st.integers(min_value=1, max_value=40)),
            )
            for minute in minutes
        ),
        ends_at_utc=START + timedelta(minutes=24 * 60 + 1),
    )
    return actions_for(
        FLEET,
        made,
        deployment=DEPLOYMENT,
        api=draw(st.sampled_from(ScalingApi)),
        has_reactive_policy=draw(st.booleans()),
        has_predictive_policy=draw(st.booleans()),
        baseline=BASELINE,
        bounds=BOUNDS,
        current_instances=draw(st.integers(min_value=0, max_value=40)),
    )


@st.composite
def present_actions(draw: st.DrawFn, wanted: tuple[Action, ...]) -> list[PresentAction]:
    """Draw a target's list: foreign ones at our starts and elsewhere, some of ours as wanted, changed or outdated."""
    listed: dict[datetime, PresentAction] = {}
    setting = CapacitySetting(min_instances=draw(st.integers(0, 9)), max_instances=draw(st.integers(10, 20)))
    for action in wanted:
        kind = draw(st.sampled_from(["absent", "same", "changed", "foreign"]))
        name = f"owner-{action.name}" if kind == "foreign" else action.name
        found = action.setting if kind == "same" else setting
        if kind != "absent":
            listed[action.starts_at_utc] = PresentAction(name=name, starts_at_utc=action.starts_at_utc, setting=found)
    for minute in draw(st.sets(st.integers(min_value=-60, max_value=24 * 60), max_size=8)):
        start = START + timedelta(minutes=minute)
        is_foreign = draw(st.booleans())
        ours = action_name(deployment=DEPLOYMENT, fleet_id=FLEET, starts_at_utc=start)
        name = f"headroom-another-{FLEET}-{start:%Y%m%dT%H%MZ}" if is_foreign else ours
        listed.setdefault(start, PresentAction(name=name, starts_at_utc=start, setting=setting))
    return list(listed.values())


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_diff_leaves_nothing_to_change_and_nobody_else_touched(data: st.DataObject) -> None:
    wanted = data.draw(wanted_actions())
    state = target(*data.draw(present_actions(wanted)))
    now = NOW + timedelta(minutes=data.draw(st.integers(min_value=0, max_value=12 * 60)))  # of a plan that waited
    diff = diff_actions(wanted, state, deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=now)
    after = apply_diff(state, diff)
    again = diff_actions(wanted, after, deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=now)
    assert again.is_empty

    def foreign(actions: tuple[PresentAction, ...]) -> list[PresentAction]:
        return [item for item in actions if not is_ours(item, deployment=DEPLOYMENT, fleet_id=FLEET)]

    assert foreign(after.actions) == foreign(state.actions) == list(diff.foreign)
    written = {item.name for item in (*diff.create, *diff.replace, *diff.keep)}
    assert written.isdisjoint(item.name for item in diff.foreign)
    assert all(is_ours(item, deployment=DEPLOYMENT, fleet_id=FLEET) for item in diff.delete)
    is_late = any(item.starts_at_utc <= now for item in wanted)
    to_come = [item for item in wanted if item.starts_at_utc > now]
    assert len(to_come) <= len(written) + len(diff.refused) <= len(to_come) + is_late
    coming = [item.starts_at_utc for item in after.actions if item.starts_at_utc and item.starts_at_utc > now]
    assert len(coming) == len(set(coming))


@settings(deadline=None)
@given(wanted=wanted_actions())
def test_the_last_action_gives_the_baseline_back(wanted: tuple[Action, ...]) -> None:
    last = max(wanted, key=lambda action: action.starts_at_utc)
    assert last.purpose is ActionPurpose.RESTORE
    assert last.setting.min_instances == BASELINE.setting.min_instances
    assert last.setting.max_instances == BASELINE.setting.max_instances
