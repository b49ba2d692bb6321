from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.scheduling.small_context import BOUNDS_OF_FLEET, FLEET_OBJECT, WANTED, context, forecast, refusals
from tests.unit.scheduling.small_plan import (
    BASELINE,
    DEPLOYMENT,
    FLEET,
    action,
    at,
    present,
    restore,
    schedule,
    target,
)

from headroom.domain.fleet import StepLimits
from headroom.domain.scaling import Action, ScalingApi
from headroom.domain.window import Window
from headroom.scheduling import actions_for, check_guardrails, diff_actions
from headroom.scheduling.guardrails import RULES


def test_a_sound_plan_passes_every_rule_and_each_says_why() -> None:
    verdicts = check_guardrails(context())
    assert [verdict.rule for verdict in verdicts if not verdict.is_passed] == []
    assert len(verdicts) == len(RULES) == 18
    assert len({verdict.rule for verdict in verdicts}) == len(RULES)
    assert all(verdict.reason for verdict in verdicts)


FROM_THE_PAST = Window(at("02:00"), at("03:00"))


@pytest.mark.parametrize(
    ("rule", "changes", "reason"),
    [
        ("kill_switch", {"kill_switch": "incident 4711"}, "the kill switch is thrown: incident 4711"),
        ("window", {"window": FROM_THE_PAST}, "the window ended 3.1 h before now"),
        ("data_fresh", {"newest_sample_utc": None}, "no demand was seen at all"),
        (
            "data_fresh",
            {"newest_sample_utc": at("03:55")},
            "the newest demand sample is of 2026-11-18 03:55Z, 2.2 h ago",
        ),
        ("data_complete", {"samples_seen": 229}, "229 of 288 recent samples were seen, fewer than 80%"),
        ("data_complete", {"samples_expected": 0, "samples_seen": 0}, "0 of 0 recent samples"),
        ("forecast_current", {"forecast": None}, "there is no forecast"),
        ("forecast_current", {"forecast": forecast(made="04:00")}, "the forecast is of 2026-11-18 04:00Z, 2.1 h old"),
        (
            "forecast_current",
            {"forecast": forecast(hours=8)},
            "the forecast ends at 2026-11-18 14:00Z, before headroom-",
        ),
        ("forecast_in_band", {"hours_judged": 12, "hours_inside_band": 5}, "inside the forecast's band in 5 of 12"),
    ],
)
def test_bad_inputs_are_refused_with_a_reason(rule: str, changes: dict[str, Any], reason: str) -> None:
    made = refusals(context(**changes))
    assert list(made) == [rule]
    assert reason in made[rule]


def test_too_few_judged_hours_say_nothing_against_a_forecast() -> None:
    assert refusals(context(hours_judged=5, hours_inside_band=0)) == {}
    assert refusals(context(hours_judged=6, hours_inside_band=3)) == {}


def test_a_suspended_target_is_refused() -> None:
    assert "scheduled scaling is suspended" in refusals(context(state=target(is_suspended=True)))["target_active"]


def test_a_policy_that_came_or_went_since_the_plan_asks_for_a_new_plan() -> None:
    assert (
        "reactive policy scales the target since"
        in refusals(context(state=target(has_reactive_policy=True)))["other_policies"]
    )
    for_reactive = (action("07:53", 12), restore("20:00"))
    assert "there is none any more" in refusals(context(wanted=for_reactive))["other_policies"]
    assert refusals(context(wanted=for_reactive, state=target(has_reactive_policy=True))) == {}


def test_other_policies_are_named() -> None:
    state = target(has_reactive_policy=True, has_predictive_policy=True)
    verdicts = {item.rule: item for item in check_guardrails(context(wanted=(restore("20:00"),), state=state))}
    assert verdicts["other_policies"].reason == "reactive and predictive scaling stays in force above our floor"


@pytest.mark.parametrize(
    "bad",
    [action("07:53", 21, None, 21), action("07:53", 0, None, 0), action("07:53", 12, 10, 12)],
)
def test_steps_outside_the_bounds_or_above_their_own_maximum_are_refused(bad: Action) -> None:
    # no instance at all is refused as carrying nothing, too
    assert set(refusals(context(wanted=(bad, restore("20:00"))))) - {"throughput"} == {"bounds"}


def with_limits(*, up: int | None = None, down: int | None = None, **changes: Any) -> dict[str, str]:
    step_limits = StepLimits(max_raise_instances=up, max_lowering_instances=down)
    return refusals(context(fleet=replace(FLEET_OBJECT, step_limits=step_limits), **changes))


def test_steps_larger_than_the_fleets_limits_are_refused() -> None:
    # 5 stand; 12 from 07:53, 4 from 14:00, and the restore, which is the owner's own
    name = WANTED[1].name
    reason = with_limits(down=7)["step_size"]
    assert reason == f"{name} goes from 12 to 4 instances at once; the fleet's step limit is 7"
    assert "from 5 to 12" in with_limits(up=6)["step_size"]
    assert with_limits(up=7, down=8) == {}


def test_steps_count_from_the_minimum_where_a_reactive_policy_scales_and_from_the_nearer_bound_outside() -> None:
    wanted = (action("07:53", 8), restore("20:00"))
    reactive = target(has_reactive_policy=True, current_instances=15)  # its minimum is 2
    assert with_limits(up=6, down=1, wanted=wanted, state=reactive) == {}
    assert "from 2 to 8" in with_limits(up=5, wanted=wanted, state=reactive)["step_size"]
    outside = target(current_instances=50)  # 20 are allowed
    assert with_limits(down=16, state=outside) == {}
    assert "from 20 to 12" in with_limits(down=7, state=outside)["step_size"]


def test_a_step_that_waited_past_its_start_is_not_between_what_stands_and_the_next() -> None:
    # at 06:05 the step of 05:30 is past, and only that of 06:00 is pushed: from 5 to 13 at once
    wanted = (action("05:30", 9, None, 9), action("06:00", 13, None, 13), restore("20:00"))
    assert "from 5 to 13" in with_limits(up=4, wanted=wanted)["step_size"]
    assert "step_size" not in with_limits(up=8, wanted=wanted)


def test_a_floor_made_within_the_limits_passes_them() -> None:
    step_limits = StepLimits(max_raise_instances=3, max_lowering_instances=2)
    made = schedule(5, 12, 3, 14, 1, current=5, min_dwell_seconds=1800, step_limits=step_limits, bounds=BOUNDS_OF_FLEET)
    wanted = actions_for(
        FLEET,
        made,
        deployment=DEPLOYMENT,
        api=ScalingApi.EC2_AUTO_SCALING,
        has_reactive_policy=False,
        has_predictive_policy=False,
        baseline=BASELINE,
        bounds=BOUNDS_OF_FLEET,
        current_instances=5,
    )
    assert len(wanted) > 5
    assert with_limits(up=3, down=2, wanted=wanted) == {}
    assert "step_size" in with_limits(up=2, down=2, wanted=wanted)


def test_more_actions_than_the_quota_leaves_are_refused() -> None:
    others = [present(action("05:00"), name=f"owner-{number}") for number in range(113)]
    reason = refusals(context(state=target(*others)))["quota"]
    assert reason == "3 actions of ours and 113 of others, 125 allowed, 10 kept free"
    application = target(*others, api=ScalingApi.APPLICATION_AUTO_SCALING)
    assert "quota" not in refusals(context(state=application))


def test_a_refused_action_refuses_the_push() -> None:
    wanted = (restore("06:00"), restore("06:01"))
    reason = refusals(context(wanted=wanted))["actions_available"]
    assert "20261118T0600Z cannot be had: its start 2026-11-18 06:00Z is past (and 1 more)" in reason


def test_a_plan_that_waited_for_its_approval_is_still_safe_to_push() -> None:
    wanted = (action("06:06", 12, None, 12), *WANTED[1:])
    later = at("06:40")
    diff = diff_actions(wanted, target(), deployment=DEPLOYMENT, fleet_id=FLEET, now_utc=later)
    assert [f"{item.starts_at_utc:%H:%M}" for item in diff.create] == ["06:41", "14:00", "20:00"]
    assert refusals(context(wanted=wanted, now_utc=later, diff=diff)) == {}


def test_a_plan_that_does_not_give_the_fleet_back_is_refused() -> None:
    assert "does not restore the baseline" in refusals(context(wanted=WANTED[:1]))["restore"]


def test_wanting_nothing_is_no_fault() -> None:
    assert refusals(context(wanted=())) == {}


def test_somebody_elses_action_against_ours_refuses_the_push() -> None:
    others = [present(action(clock, 3), name=f"owner-{clock}") for clock in ("09:00", "10:00")]
    reason = refusals(context(state=target(*others)))["foreign_actions"]
    assert reason == "owner-09:00 sets 3 at 2026-11-18 09:00Z, below our floor of 12 (and 1 more)"


def test_a_window_of_the_last_hour_is_not_past() -> None:
    assert refusals(context(now_utc=at("06:59"), newest_sample_utc=at("05:55") + timedelta(0))) == {}
