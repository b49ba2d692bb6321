import math

import pytest
from tests.unit.onboarding.small_account import group

from headroom.domain.account import MetricSummary
from headroom.onboarding.estimates import country_of, estimate, round_down, round_up

NAN = math.nan


def test_the_drafted_objective_is_above_the_usual_p95() -> None:
    estimates = estimate(group(), MetricSummary(latency_p95_seconds=(0.2, 0.3, NAN, 0.9)))
    # median of 0.2, 0.3, 0.9 = 0.3; x 1.5 = 0.45
    assert estimates.latency_seconds.value == 0.45


def test_the_mean_service_time_is_that_of_an_exponential_with_the_quiet_hours_median() -> None:
    estimates = estimate(group(), MetricSummary(latency_p50_seconds=(0.1, 0.1, 0.1, 0.5)))
    # 0.1 / ln 2 = 0.1443, rounded up to two digits
    assert estimates.service_seconds.value == 0.15


def test_the_rate_is_the_most_seen_on_an_instance_while_the_objective_held() -> None:
    summary = MetricSummary(
        demand_per_second=(40.0, 90.0, 200.0, NAN),
        latency_p95_seconds=(0.2, 0.2, 0.2, 0.2),
        instances=(4.0, 6.0, 0.0, 5.0),
    )
    rate = estimate(group(), summary).rate
    assert rate is not None
    assert rate.value == 15.0  # 90 / 6; 200 / 0 says nothing


def test_an_hour_that_broke_the_objective_does_not_show_what_an_instance_carries() -> None:
    summary = MetricSummary(
        demand_per_second=(40.0, 40.0, 90.0), latency_p95_seconds=(0.2, 0.2, 9.0), instances=(4.0, 4.0, 3.0)
    )
    rate = estimate(group(), summary).rate
    assert rate is not None
    assert rate.value == 10.0


def test_slots_are_the_requests_seen_at_a_time_by_littles_law() -> None:
    summary = MetricSummary(demand_per_second=(30.0, 10.0), latency_p50_seconds=(0.25, 0.25), instances=(3.0, 3.0))
    assert estimate(group(), summary).slots.value == 3  # 30 x 0.25 / 3 = 2.5


def test_without_hours_every_guess_says_that_it_is_a_default() -> None:
    estimates = estimate(group(), MetricSummary())
    assert not estimates.latency_seconds.is_measured
    assert not estimates.service_seconds.is_measured
    assert estimates.rate is None
    assert estimates.lead_seconds.value == 300


def test_latencies_of_zero_say_nothing() -> None:
    zeros = (0.0, 0.0, NAN)
    estimates = estimate(group(), MetricSummary(latency_p50_seconds=zeros, latency_p95_seconds=zeros))
    assert (estimates.latency_seconds.value, estimates.service_seconds.value) == (2.0, 0.5)
    assert not estimates.latency_seconds.is_measured


def test_the_lead_time_is_the_usual_launch_and_the_warm_up() -> None:
    found = group(launch_seconds=(80.0, 100.0, 700.0), warmup_seconds=120)
    assert estimate(found, MetricSummary()).lead_seconds.value == 240  # 100 + 120, in half minutes


def test_bounds_are_the_targets_own_and_a_guess_where_it_has_none() -> None:
    own = estimate(group(), MetricSummary())
    assert (own.min_instances.value, own.max_instances.value, own.min_instances.is_measured) == (2, 20, True)
    without = estimate(
        group(min_instances=None, max_instances=None, desired_instances=3, is_registered=False), MetricSummary()
    )
    assert (without.min_instances.value, without.max_instances.value, without.min_instances.is_measured) == (
        1,
        6,
        False,
    )


@pytest.mark.parametrize(
    ("value", "up", "down"), [(0.0012345, 0.0013, 0.0012), (0.45, 0.45, 0.45), (1234.0, 1300.0, 1200.0)]
)
def test_guesses_have_two_digits(value: float, up: float, down: float) -> None:
    assert (round_up(value), round_down(value)) == (up, down)


def test_a_region_lies_in_a_country() -> None:
    assert [country_of(region) for region in ("eu-west-1", "us-west-2", "xx-new-1")] == ["IE", "US", "US"]
