"""A floor that carries far too little or far too much of its forecast, with rates of 10/s at most and 1/s inside."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.capacity.small_fleet import SLOTS, measured
from tests.unit.capacity.small_fleet import fleet as capacity_fleet
from tests.unit.scheduling.small_context import FLEET_OBJECT, WANTED, context, forecast
from tests.unit.scheduling.small_plan import action, at, restore, target

from headroom.capacity import most_rate_per_second, sustainable_rate
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast
from headroom.domain.fleet import Bounds, InstanceOption, StepLimits
from headroom.domain.scaling import CapacitySetting, ScalingApi, Verdict
from headroom.domain.serving import Objective
from headroom.scheduling import GuardrailLimits
from headroom.scheduling.estimated_throughput import throughput_is_plausible

MEDIAN = QUANTILE_LEVELS.index(0.5)


def peaks(*per_hour: float, highest: float | None = None) -> DemandForecast:
    """Return a forecast from 06:00 whose median peaks are as given, alike at all quantiles, or `highest` at q99."""
    made = forecast(hours=len(per_hour))
    quantiles = np.repeat(np.array(per_hour)[:, None], len(QUANTILE_LEVELS), axis=1)
    if highest is not None:
        quantiles[:, -1] = highest
    return replace(made, mean_quantiles_per_second=quantiles, peak_quantiles_per_second=quantiles)


def verdict(**changes: Any) -> Verdict:
    return throughput_is_plausible(context(**changes))


def test_a_floor_below_half_the_median_peak_of_some_hour_is_refused() -> None:
    # 4 instances stand from 14:00 to 20:00 and carry at most 40/s: half of 80, and 49 % of 81
    calm = [10.0] * 9  # 06:00 to 15:00
    assert verdict(forecast=peaks(*calm, 80.0, *[10.0] * 5)).is_passed
    refused = verdict(forecast=peaks(*calm, 81.0, *[10.0] * 5))
    assert not refused.is_passed
    assert refused.reason == (
        "at 2026-11-18 15:00Z 4 instances carry at most 40/s, 49% of the median forecast peak of 81/s; "
        "at least 50% is asked for"
    )


def test_the_least_that_a_floor_carries_is_told_where_it_passes() -> None:
    assert verdict(forecast=peaks(*[10.0] * 9, 50.0, *[10.0] * 5)).reason == (
        "at 2026-11-18 15:00Z 4 instances carry at most 40/s, 80% of the median forecast peak of 50/s, "
        "the least of all hours to come"
    )


def test_the_share_is_the_limits() -> None:
    limits = GuardrailLimits(min_peak_fraction=0.9)
    assert not verdict(forecast=peaks(*[10.0] * 9, 50.0, *[10.0] * 5), limits=limits).is_passed


def test_an_hour_counts_with_the_least_that_stands_in_it() -> None:
    # in the hour of 13:00 a step down at 13:30 leaves 4 for its second half: 40/s of 100/s
    wanted = (action("07:53", 12, None, 12), action("13:30", 4, None, 4), restore("20:00"))
    demand = peaks(*[10.0] * 7, 100.0, *[10.0] * 7)
    assert "at 2026-11-18 13:00Z 4 instances" in verdict(forecast=demand, wanted=wanted).reason
    assert verdict(forecast=demand).is_passed  # until 14:00 12 stand


def test_what_stands_counts_until_the_first_step_and_hours_that_no_action_can_reach_do_not() -> None:
    # 5 stand until 07:53: the hour of 07:00 asks for 101/s, of which they carry 50/s
    assert "at 2026-11-18 07:00Z 5 instances" in verdict(forecast=peaks(10.0, 101.0, *[10.0] * 12)).reason
    # the hour of 06:00 began before now, and that of 20:00 is the owner's again
    assert verdict(forecast=peaks(1000.0, *[10.0] * 13, 1000.0)).is_passed


def test_a_plan_that_wants_nothing_is_judged_by_what_stands() -> None:
    assert not verdict(forecast=peaks(*[10.0] * 3, 200.0), wanted=()).is_passed
    assert verdict(forecast=peaks(*[10.0] * 3, 90.0), wanted=()).is_passed


def test_no_plan_is_asked_for_more_than_its_bounds_allow() -> None:
    narrow = replace(FLEET_OBJECT, bounds=Bounds(min_instances=1, max_instances=12))
    demand = peaks(*[10.0] * 3, 1000.0, *[10.0] * 10)
    passed = verdict(forecast=demand, fleet=narrow)
    assert passed.is_passed
    assert passed.reason.endswith("12% of the median forecast peak of 1000/s, all that its bounds allow")
    assert not verdict(forecast=demand).is_passed


def test_hours_that_step_limits_leave_short_are_the_plans_own_to_tell() -> None:
    demand = peaks(*[10.0] * 3, 1000.0, *[10.0] * 10)
    limited = replace(FLEET_OBJECT, step_limits=StepLimits(max_raise_instances=7))
    short = frozenset({at("09:00")})
    assert verdict(forecast=demand, fleet=limited, short_hours_utc=short).is_passed
    assert not verdict(forecast=demand, fleet=limited).is_passed
    assert not verdict(forecast=demand, short_hours_utc=short).is_passed  # without step limits there are none


def test_a_floor_far_above_the_highest_peak_is_refused() -> None:
    # 3 x 3.9/s are 12 instances of 1/s; 3 x 3.6/s 11
    name = WANTED[0].name
    assert verdict(forecast=peaks(*[1.0] * 14, highest=3.9)).is_passed
    assert verdict(forecast=peaks(*[1.0] * 14, highest=3.6)).reason == (
        f"{name} asks for 12 instances, which carry 12/s inside the objective; "
        "more than 3 times the highest forecast peak (q99: 3.6/s) is refused"
    )
    assert verdict(forecast=peaks(*[1.0] * 14, highest=3.6), limits=GuardrailLimits(max_peak_multiple=4.0)).is_passed


def test_the_hour_that_has_begun_may_be_the_highest() -> None:
    assert verdict(forecast=peaks(10.0, *[1.0] * 13)).is_passed


@pytest.mark.parametrize(
    "changes",
    [
        {"fleet": replace(FLEET_OBJECT, bounds=Bounds(min_instances=12, max_instances=20))},
        {"state": target(current_instances=12)},  # on its way down, however slowly
    ],
    ids=["its own minimum", "what stands already"],
)
def test_a_floor_that_nobody_raised_is_never_absurd(changes: dict[str, Any]) -> None:
    idle = peaks(*[0.0] * 14)
    assert not verdict(forecast=idle).is_passed
    assert verdict(forecast=idle, **changes).is_passed


def test_one_instance_is_never_absurd() -> None:
    wanted = (action("07:53", 1, None, 1), restore("20:00"))
    assert verdict(forecast=peaks(*[0.0] * 14), wanted=wanted, state=target(current_instances=0)).is_passed


def test_a_plan_that_does_not_say_its_rate_is_planned_again() -> None:
    assert not verdict(sustainable_rate_per_second=None).is_passed
    assert not verdict(most_rate_per_second=None).is_passed
    assert verdict(forecast=None).is_passed  # forecast_current refuses it


def test_slots_carry_at_most_what_keeps_all_of_them_busy() -> None:
    fleet = capacity_fleet(InstanceOption(name="g5.xlarge"), serving=SLOTS, objective=Objective(latency_seconds=2.0))
    rate = sustainable_rate(fleet, "g5.xlarge")
    assert most_rate_per_second(fleet, rate) == pytest.approx(10.0)  # 4 slots of 0.4 s
    assert rate.rate_per_second < 10.0
    # where the rate was measured, all slots busy are still above it
    known = sustainable_rate(fleet, "g5.xlarge", measured_rates={"g5.xlarge": measured(7.0)})
    assert most_rate_per_second(fleet, known) > 7.0


def test_without_slots_nothing_more_is_known_than_the_sustainable_rate() -> None:
    fleet = capacity_fleet()
    rate = sustainable_rate(fleet, "g5.xlarge")
    assert most_rate_per_second(fleet, rate) == rate.rate_per_second == 10.0


def test_more_than_the_owners_replicas_allow_nobody_may_ask_for() -> None:
    # the ScaledObject lets 4 run at most: 40/s of 100/s is all there is
    demand = peaks(*[10.0] * 9, 100.0, *[10.0] * 5)
    keda = replace(target(api=ScalingApi.KEDA), owners_setting=CapacitySetting(min_instances=2, max_instances=4))
    assert not verdict(forecast=demand).is_passed
    assert verdict(forecast=demand, state=keda).is_passed
