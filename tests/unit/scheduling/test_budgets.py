"""What the budgets of a day and of a month let pass, in instance-hours worked out by hand at 1 USD each."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.scheduling.small_context import WANTED, context, refusals
from tests.unit.scheduling.small_plan import action, at, present, restore, target

from headroom.domain.scaling import ActionPurpose, CapacitySetting, ScalingApi
from headroom.scheduling import CostSoFar, GuardrailLimits, check_guardrails
from headroom.scheduling.budgets import instance_hours

# From 06:05 to 06:05: 5 for 1.8 h, 12 for 6.1167 h, 4 for 6 h, and once the baseline is back 5 for 10.0833 h:
# 9 + 73.4 + 24 + 50.4167 = 156.82
DAY_USD = 156.82


def day(limit: float | None, **changes: Any) -> dict[str, str]:
    changes = {"usd_per_instance_hour": 1.0, **changes}
    return refusals(context(limits=GuardrailLimits(max_usd_per_day=limit), **changes))


def test_the_floor_of_a_day_is_held_against_its_budget() -> None:
    assert day(156.81) == {
        "budget": f"the next 24 hours' floor is estimated at {DAY_USD:.2f} USD, the budget is 156.81 USD a day"
    }
    assert day(156.82) == {}
    assert day(None) == {}
    # twice the price is twice the cost
    assert "313.63 USD" in day(313.0, usd_per_instance_hour=2.0)["budget"]


def test_a_price_that_nobody_knows_fails_where_a_budget_is_set_and_only_there() -> None:
    assert day(1e6, usd_per_instance_hour=None) == {"budget": "the price of an instance is not known"}
    assert day(None, usd_per_instance_hour=None) == {}


def test_a_step_that_waited_past_its_start_counts_from_now() -> None:
    # at 08:05 the step to 12 is past: 12 for 5.9167 h, 4 for 6 h, 5 for 12.0833 h: 71 + 24 + 60.4167 = 155.42
    late = context(now_utc=at("08:05"), usd_per_instance_hour=1.0, limits=GuardrailLimits(max_usd_per_day=155.0))
    assert "estimated at 155.42 USD" in refusals(late)["budget"]


def test_a_plan_over_the_budget_passes_where_what_stands_costs_more() -> None:
    # 12 stand until 20:00, and 5 from then on: 12 x 13.9167 + 5 x 10.0833 = 217.42, against the plan's
    # 12 for 7.9167 h, 4 for 6 h, 5 for 10.0833 h: 95 + 24 + 50.4167 = 169.42
    standing = target(present(restore("20:00")), current_instances=12)
    verdicts = check_guardrails(
        context(
            wanted=(action("14:00", 4, None, 4, purpose=ActionPurpose.LOWER), restore("20:00")),
            state=standing,
            usd_per_instance_hour=1.0,
            limits=GuardrailLimits(max_usd_per_day=100.0),
        )
    )
    (verdict,) = [item for item in verdicts if item.rule == "budget"]
    assert verdict.is_passed
    assert verdict.reason == (
        "the next 24 hours' floor is estimated at 169.42 USD, the budget is 100.00 USD a day; "
        "what stands at the target would cost 217.42 USD in that time, so this costs no more"
    )


@pytest.mark.parametrize(
    ("api", "has_policy", "setting", "expected"),
    [
        # from 5: a desired count is set; a minimum raises, a maximum lowers, and a low minimum alone changes nothing
        (
            ScalingApi.EC2_AUTO_SCALING,
            False,
            CapacitySetting(min_instances=2, max_instances=20, desired_instances=3),
            3,
        ),
        (ScalingApi.EC2_AUTO_SCALING, False, CapacitySetting(min_instances=9, max_instances=None), 9),
        (ScalingApi.EC2_AUTO_SCALING, False, CapacitySetting(min_instances=2, max_instances=None), 5),
        (ScalingApi.APPLICATION_AUTO_SCALING, False, CapacitySetting(min_instances=2, max_instances=4), 4),
        # a policy scales in to the minimum: only the floor is sure
        (ScalingApi.EC2_AUTO_SCALING, True, CapacitySetting(min_instances=2, max_instances=None), 2),
        (ScalingApi.EC2_AUTO_SCALING, True, CapacitySetting(min_instances=None, max_instances=4), 5),
        # KEDA's autoscaler goes down to the highest trigger that is left
        (ScalingApi.KEDA, False, CapacitySetting(min_instances=2, max_instances=None), 2),
    ],
)
def test_what_an_action_leaves_running(
    *, api: ScalingApi, has_policy: bool, setting: CapacitySetting, expected: int
) -> None:
    made = context(state=target(api=api, has_reactive_policy=has_policy))
    # 5 for an hour and what the action leaves for one more
    assert instance_hours(made, [(at("07:05"), setting)], end_utc=at("08:05")) == pytest.approx(5 + expected)


def month(limit: float | None, so_far: CostSoFar | None, **changes: Any) -> dict[str, str]:
    changes = {"usd_per_instance_hour": 1.0, **changes}
    return refusals(context(limits=GuardrailLimits(max_usd_per_month=limit), cost_so_far=so_far, **changes))


SO_FAR = CostSoFar(until_utc=at("06:00"), known_usd=1000.0, billed_days=15, estimated_days=3)


def test_a_month_is_what_it_has_cost_and_what_the_floor_adds() -> None:
    # from 06:00, where the cost ends, to the restore at 20:00: 5 for 1.8833 h, 12 for 6.1167 h, 4 for 6 h = 106.82
    assert month(1106.81, SO_FAR) == {
        "month_budget": (
            "November has cost 1000.00 USD until 2026-11-18 06:00Z (15 days billed, 3 days estimated), and the floor "
            "adds 106.82 USD until 2026-11-18 20:00Z; the budget is 1106.81 USD a month"
        )
    }
    assert month(1106.82, SO_FAR) == {}
    assert month(None, None) == {}


def test_days_of_unknown_cost_are_said_and_never_taken_for_free() -> None:
    gap = replace(SO_FAR, unknown_days=2)
    refused = month(1e6, gap)["month_budget"]
    assert "2 days of unknown cost" in refused
    assert refused.endswith("without the days of unknown cost nobody can tell")
    assert month(1e6, None) == {"month_budget": "what the month has cost so far is not known"}
    assert month(1e6, SO_FAR, usd_per_instance_hour=None) == {"month_budget": "the price of an instance is not known"}


def test_a_month_whose_budget_is_spent_lets_a_lowering_pass() -> None:
    spent = replace(SO_FAR, known_usd=5000.0)
    assert "month_budget" in month(4000.0, spent)
    # 12 stand; without the push they stay until the restore
    lowering = (action("14:00", 4, None, 4, purpose=ActionPurpose.LOWER), restore("20:00"))
    standing = target(present(restore("20:00")), current_instances=12)
    assert month(4000.0, spent, wanted=lowering, state=standing) == {}
    assert month(1e6, replace(spent, unknown_days=2), wanted=lowering, state=standing) == {}


def test_a_floor_beyond_the_months_end_is_the_next_months() -> None:
    # the month ends at 00:00, two hours before the restore at 02:00: 5 instances for 2 h from 22:00
    made = context(
        wanted=(),
        now_utc=at("22:05", day=30),
        usd_per_instance_hour=1.0,
        limits=GuardrailLimits(max_usd_per_month=1.0),
        cost_so_far=CostSoFar(until_utc=at("22:00", day=30), known_usd=0.0, estimated_days=30),
    )
    (verdict,) = [item for item in check_guardrails(made) if item.rule == "month_budget"]
    assert "the floor adds 10.00 USD until 2026-12-01 00:00Z" in verdict.reason


def test_a_month_that_has_just_begun_says_so() -> None:
    fresh = CostSoFar(until_utc=at("06:00"))
    assert "(it has just begun)" in month(1.0, fresh)["month_budget"]
    assert month(106.82, fresh) == {}


def test_the_plan_of_the_tests_is_the_one_worked_out_above() -> None:
    hours = instance_hours(
        context(), [(item.starts_at_utc, item.setting) for item in WANTED], end_utc=at("06:05", day=19)
    )
    assert hours == pytest.approx(DAY_USD, abs=0.005)
