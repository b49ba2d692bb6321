"""What must never happen between a plan and its guardrails.

- Tightening limits never turns a plan that was refused into one that passes, whatever the plan.
- What is tighter than all it replaces is never told as loosened, and what is looser always is.
- A plan that production makes is never refused by what its floor carries, with slots, rates, step limits, narrow bounds
  and whatever stands at the target, for shortage cost ratios of 3 and more.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.capacity.small_fleet import BATCHING, SLOTS
from tests.unit.capacity.small_fleet import fleet as capacity_fleet
from tests.unit.scheduling.small_context import context
from tests.unit.scheduling.small_plan import BASELINE, DEPLOYMENT, FLEET, at, present, target
from tests.unit.scheduling.small_plan import action as small_action

from headroom.capacity import most_rate_per_second, sustainable_rate
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.change_freeze import ChangeFreeze
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Bounds, InstanceOption, StepLimits
from headroom.domain.guardrail_settings import RANGES, GuardrailSettings
from headroom.domain.scaling import Action, ActionPurpose, ScalingApi
from headroom.domain.window import Window
from headroom.scheduling import (
    CostSoFar,
    action_name,
    actions_for,
    check_guardrails,
    diff_actions,
    earliest_start,
    limits_for,
    loosened_limits,
    max_changes,
    schedule_for,
)
from headroom.scheduling.estimated_throughput import throughput_is_plausible
from headroom.scheduling.guardrail_limits import DEFAULT_LIMITS, LOOSER_IF_LARGER
from headroom.scheduling.schedule import ScheduleImpossibleError

WHOLE = frozenset({"min_hours_judged", "reserved_actions"})
COUNTS = st.integers(min_value=0, max_value=30)
UNITS = st.floats(min_value=0.0, max_value=1.0)
FREEZES = st.lists(
    st.builds(
        lambda start, hours: ChangeFreeze(
            reason="frozen", starts_at_utc=at("00:00") + start, ends_at_utc=at("00:00") + start + hours
        ),
        st.integers(min_value=0, max_value=12).map(lambda hours: timedelta(hours=hours)),
        st.integers(min_value=1, max_value=12).map(lambda hours: timedelta(hours=hours)),
    ),
    max_size=2,
)
# numbers near those of the plans below, so that they bite
NEAR: dict[str, tuple[float, float]] = {
    **RANGES,
    "max_sample_age_seconds": (300, 10_000),
    "max_forecast_age_seconds": (300, 10_000),
    "max_usd_per_day": (0.01, 500),
    "max_usd_per_month": (0.01, 2000),
    "max_peak_multiple": (1, 30),
}


def limit(name: str) -> st.SearchStrategy[float]:
    least, most = NEAR[name]
    if name in WHOLE:
        return st.integers(min_value=int(least), max_value=int(most))
    return st.floats(min_value=least, max_value=most)


@st.composite
def two_settings(draw: st.DrawFn) -> tuple[GuardrailSettings, GuardrailSettings]:
    """Return limits, and limits none of which is looser."""
    loose: dict[str, Any] = {}
    tight: dict[str, Any] = {}
    for name in RANGES:
        pair = sorted((draw(limit(name)), draw(limit(name))), reverse=name in LOOSER_IF_LARGER)
        if getattr(DEFAULT_LIMITS, name) is not None or draw(st.booleans()):
            loose[name] = pair[0]
        tight[name] = pair[1]
    freezes = tuple(draw(FREEZES))
    return (
        GuardrailSettings(**loose, freezes=freezes),
        GuardrailSettings(**tight, freezes=(*freezes, *draw(FREEZES))),
    )


def flat_forecast(peaks: list[float], *, spread: float = 0.0, mean_share: float = 1.0) -> DemandForecast:
    """Return a forecast from 06:00 on whose quantiles lie up to `spread` of the median below and above it."""
    median = np.array(peaks)[:, None]
    quantiles = median * (1.0 + spread * (np.array(QUANTILE_LEVELS)[None, :] - 0.5))
    hours = np.datetime64("2026-11-18T06:00:00", "s") + np.arange(len(peaks)) * np.timedelta64(1, "h")
    return DemandForecast(
        fleet_id=FLEET,
        made_at_utc=at("06:00"),
        hours=hours.astype("datetime64[s]"),
        mean_quantiles_per_second=mean_share * quantiles,
        peak_quantiles_per_second=quantiles,
        members={},
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[Action, ...]:
    """Return any steps at all, most often with a restore."""
    minutes = sorted(draw(st.sets(st.integers(min_value=0, max_value=20 * 60), max_size=6)))
    steps = []
    for minute in minutes:
        start, level = at("05:30") + timedelta(minutes=minute), draw(COUNTS)
        made = small_action("00:00", level, None, level, purpose=draw(st.sampled_from(ActionPurpose)))
        name = action_name(deployment=DEPLOYMENT, fleet_id=FLEET, starts_at_utc=start)
        steps.append(replace(made, name=name, starts_at_utc=start))
    return tuple(steps)


@settings(max_examples=200, deadline=None)
@given(
    pair=two_settings(),
    wanted=plans(),
    peaks=st.lists(st.floats(min_value=0.0, max_value=50.0), min_size=1, max_size=30),
    numbers=st.fixed_dictionaries(
        {
            "samples_seen": st.integers(min_value=0, max_value=288),
            "hours_judged": st.integers(min_value=0, max_value=24),
            "hours_inside_band": st.integers(min_value=0, max_value=24),
            "usd_per_instance_hour": st.none() | st.floats(min_value=0.1, max_value=3.0),
        }
    ),
    minutes=st.integers(min_value=0, max_value=180),
    standing=COUNTS,
    has_policy=st.booleans(),
    so_far=st.none()
    | st.builds(
        CostSoFar,
        until_utc=st.just(at("06:00")),
        known_usd=st.floats(min_value=0.0, max_value=2000.0),
        unknown_days=st.integers(min_value=0, max_value=1),
    ),
)
def test_tightening_never_lets_a_refused_plan_pass(
    *,
    pair: tuple[GuardrailSettings, GuardrailSettings],
    wanted: tuple[Action, ...],
    peaks: list[float],
    numbers: dict[str, Any],
    minutes: int,
    standing: int,
    has_policy: bool,
    so_far: CostSoFar | None,
) -> None:
    now = at("06:00") + timedelta(minutes=minutes)
    state = target(
        *(present(action) for action in wanted[:2]), current_instances=standing, has_reactive_policy=has_policy
    )
    made = replace(
        context(wanted=wanted, state=state, **numbers),
        now_utc=now,
        window=Window(at("05:00"), at("06:00")),
        forecast=flat_forecast(peaks),
        diff=diff_actions(wanted, state, deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=now),
        cost_so_far=so_far,
    )
    loose, tight = (
        check_guardrails(replace(made, limits=limits_for(one), loosened=loosened_limits(one))) for one in pair
    )
    for before, after in zip(loose, tight, strict=True):
        assert before.rule == after.rule
        assert before.is_passed or not after.is_passed, (before, after)


@given(pair=two_settings())
def test_tightening_is_never_told_as_loosening_and_loosening_always_is(
    pair: tuple[GuardrailSettings, GuardrailSettings],
) -> None:
    loose, tight = pair
    assert {item.limit for item in loosened_limits(loose, tight)} <= {item.limit for item in loosened_limits(loose)}
    changed = {name for name, number in loose.numbers.items() if tight.numbers[name] != number}
    assert changed <= {item.limit for item in loosened_limits(tight, loose)}


@settings(max_examples=100, deadline=None)
@given(
    peaks=st.lists(st.just(0.0) | st.floats(min_value=0.01, max_value=300.0), min_size=48, max_size=48),
    spread=UNITS,
    mean_share=UNITS,
    ratio=st.floats(min_value=3.0, max_value=200.0),
    has_slots=st.booleans(),
    rate=st.floats(min_value=0.5, max_value=20.0),
    most=st.integers(min_value=1, max_value=120),
    least=st.integers(min_value=0, max_value=5),
    standing=st.integers(min_value=0, max_value=80),
    max_raise=st.none() | st.integers(min_value=1, max_value=10),
    max_lowering=st.none() | st.integers(min_value=1, max_value=10),
    foreign=st.integers(min_value=0, max_value=110),
    has_policy=st.booleans(),
    seconds=st.integers(min_value=0, max_value=20 * 60),
    lead_seconds=st.integers(min_value=0, max_value=7200),
)
def test_a_plan_that_production_makes_is_never_refused_by_what_it_carries(
    *,
    peaks: list[float],
    spread: float,
    mean_share: float,
    ratio: float,
    rate: float,
    most: int,
    least: int,
    standing: int,
    max_raise: int | None,
    max_lowering: int | None,
    foreign: int,
    seconds: int,
    lead_seconds: int,
    has_slots: bool,
    has_policy: bool,
) -> None:
    option = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=None if has_slots else rate)
    fleet = replace(
        capacity_fleet(
            option,
            serving=SLOTS if has_slots else BATCHING,
            bounds=Bounds(min_instances=min(least, most), max_instances=most),
            shortage_cost_ratio=ratio,
        ),
        id=FLEET,
        lead_time_seconds=float(lead_seconds),
        step_limits=StepLimits(max_raise_instances=max_raise, max_lowering_instances=max_lowering),
    )
    now = at("06:00") + timedelta(seconds=seconds)
    others = [present(small_action("23:00", 0), name=f"owner-{number}") for number in range(foreign)]
    state = target(*others, current_instances=standing, has_reactive_policy=has_policy)
    forecast = flat_forecast(peaks, spread=spread, mean_share=mean_share)
    carried = sustainable_rate(fleet, option.name)
    try:
        decided = schedule_for(
            fleet,
            forecast,
            rate=carried,
            starts_after_utc=earliest_start(now),
            current_instances=state.instances_without_us,
            max_changes=max_changes(state, deployment=DEPLOYMENT, fleet_id=FLEET),
        )
    except ScheduleImpossibleError:
        return
    wanted = actions_for(
        FLEET,
        decided.schedule,
        deployment=DEPLOYMENT,
        api=ScalingApi.EC2_AUTO_SCALING,
        has_reactive_policy=has_policy,
        has_predictive_policy=False,
        baseline=BASELINE,
        bounds=fleet.bounds,
        current_instances=state.instances_without_us,
    )
    verdict = throughput_is_plausible(
        replace(
            context(wanted=wanted, state=state),
            fleet=fleet,
            now_utc=now,
            forecast=forecast,
            sustainable_rate_per_second=carried.rate_per_second,
            most_rate_per_second=most_rate_per_second(fleet, carried),
            short_hours_utc=frozenset(item.need_at_utc for item in decided.schedule.shortfalls),
        )
    )
    assert verdict.is_passed, verdict.reason
