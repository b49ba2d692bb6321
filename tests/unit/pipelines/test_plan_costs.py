"""What a plan is estimated to cost, in hand-worked numbers, and the words that mark it as an estimate."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from headroom.actuation.baseline import Adoption
from headroom.domain.scaling import Baseline, CapacitySetting, ScalingApi, TargetState
from headroom.pipelines.plan_costs import PlanCosts, describe_estimate, running_under_plan, today_instances

NOW = datetime(2026, 11, 18, 6, tzinfo=UTC)


def adoption(*, has_reactive_policy: bool, desired: int | None = 6, minimum: int | None = 2) -> Adoption:
    setting = CapacitySetting(min_instances=minimum, max_instances=20, desired_instances=desired)
    state = TargetState(
        fleet_id="chat",
        api=ScalingApi.EC2_AUTO_SCALING,
        read_at_utc=NOW,
        setting=setting,
        current_instances=9,
        actions=(),
        has_reactive_policy=has_reactive_policy,
        has_predictive_policy=False,
        is_scheduled_scaling_suspended=False,
    )
    baseline = Baseline(fleet_id="chat", setting=setting, captured_at_utc=NOW)
    return Adoption(state=state, baseline=baseline, is_captured=True)


@pytest.mark.parametrize(
    ("target", "observed", "expected", "basis"),
    [
        ({"has_reactive_policy": False}, [4.0, 5.0], [6, 6, 6], "baseline"),
        ({"has_reactive_policy": False, "desired": None}, None, [2, 2, 2], "baseline"),
        ({"has_reactive_policy": True}, [4.0, 5.0], [4, 5, 4], "in_service"),
        ({"has_reactive_policy": True}, None, [9, 9, 9], "desired"),
        ({"has_reactive_policy": False, "desired": None, "minimum": None}, None, [9, 9, 9], "desired"),
    ],
    ids=["fixed", "its minimum", "counted a day before", "a policy nobody counts", "no setting at all"],
)
def test_what_would_run_without_the_plan_says_what_it_was_counted_by(
    target: Any, observed: Any, expected: Any, basis: Any
) -> None:
    counted = None if observed is None else np.array(observed)

    instances, found = today_instances(adoption(**target), counted, 3)

    assert instances.tolist() == expected
    assert found == basis


def test_a_plan_below_what_a_policy_runs_costs_what_the_policy_runs() -> None:
    running = running_under_plan(
        np.array([3.0, 8.0, 1.0]), np.array([5.0, 5.0, 2.0]), adoption(has_reactive_policy=True)
    )

    assert running.tolist() == [5.0, 8.0, 1.0]  # at its minimum of 2 no policy went above it


def costs(usd_per_hour: float | None, price_day: date | None = None) -> PlanCosts:
    return PlanCosts(
        today_instances=np.full(48, 50.0),
        instances_basis="baseline",
        planned_instances=np.array([10.0] * 12 + [20.0] * 12 + [99.0] * 24),
        usd_per_hour=usd_per_hour,
        price_day=price_day,
    )


def test_an_estimate_is_of_the_first_day_and_names_the_price_list() -> None:
    record = costs(5.672, date(2026, 11, 18)).record()

    assert record["today_usd_per_day"] == 6806.4  # 50 x 24 x 5.672
    assert record["planned_usd_per_day"] == 2041.92  # (12 x 10 + 12 x 20) x 5.672
    assert describe_estimate(record, "g5.12xlarge") == (
        "Estimated cost, no bill: about 6,806.40 USD a day as it runs today, about 2,041.92 under the plan "
        "(g5.12xlarge on demand at 5.672 USD an hour, from the price list of 2026-11-18)"
    )


def test_a_price_of_the_configuration_is_said_to_be_one() -> None:
    assert describe_estimate(costs(5.672).record(), "g5.12xlarge").endswith("from fleets.yaml)")


def test_without_a_price_every_cost_is_null_and_said_to_be_unknown() -> None:
    unknown = costs(None)

    columns = unknown.columns_at(0)
    assert (columns["cost_basis"], columns["today_instances"]) == ("unknown", 50.0)
    assert columns["today_cost_usd"] is columns["planned_cost_usd"] is columns["usd_per_hour"] is None
    assert unknown.record()["today_usd_per_day"] is None
    assert describe_estimate(unknown.record(), "g5.12xlarge").startswith(
        "Cost unknown: no on-demand price of g5.12xlarge"
    )


def test_an_hours_costs_are_its_instances_times_the_price() -> None:
    columns = costs(0.1).columns_at(12)

    assert (columns["today_cost_usd"], columns["planned_cost_usd"]) == (Decimal("5.0"), Decimal("2.0"))
    assert columns["cost_basis"] == "estimated"
