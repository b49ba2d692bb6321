"""Each measure of the claims against arithmetic by hand."""

from dataclasses import replace

import numpy as np
import pytest

from headroom.simulation.claims.measures import (
    idle_percent,
    least_and_most_instances,
    less_percent,
    over_provisioned_usd,
    peak_hours_utilization_percent,
    response_spread_seconds,
    scaling_errors,
    short_steps,
    slower_while_scaling_percent,
    usd_a_month,
)
from headroom.simulation.engine import Pool, Run

POOL = Pool(instance_type="gpu", purchase_option="on_demand", usd_per_hour=6.0, lead_time_seconds=60.0)
LATENCIES = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


def run_of(
    ready: list[int],
    *,
    billed: list[int] | None = None,
    arriving: list[float] | None = None,
    utilization: list[float] | None = None,
    late: list[float] | None = None,
    step_seconds: float = 60.0,
) -> Run:
    """A run of one pool at six dollars an hour; latency is exponential with a mean of a second, never while scaling."""
    steps, nothing = len(ready), [0.0] * len(ready)
    counts = np.array([ready])
    return Run(
        step_seconds=step_seconds,
        arriving=np.array(arriving or [100.0] * steps),
        ready=counts,
        billed=counts if billed is None else np.array([billed]),
        wanted=counts[0],
        waiting=np.array(nothing),
        failed=np.array(nothing),
        late=np.array(late or nothing),
        utilization=np.array(utilization or [0.5] * steps),
        latencies_seconds=LATENCIES,
        slower_requests=1000.0 * np.exp(-LATENCIES),
        slower_requests_while_scaling=0.0 * LATENCIES,
        cold_starts=0,
        cold_start_seconds=0.0,
        interruptions=0,
        scaling_actions=0,
        pools=(POOL,),
    )


def test_a_month_has_730_hours_at_the_replays_pace() -> None:
    # two instances for half an hour and four for another: three on average, at 6 USD, for 730 hours
    assert usd_a_month(run_of([2] * 30 + [4] * 30)) == pytest.approx(3 * 6.0 * 730)


def test_less_is_a_share_of_what_was_before_and_negative_where_it_is_more() -> None:
    assert less_percent(200.0, 150.0) == 25.0
    assert less_percent(100.0, 130.0) == -30.0
    assert less_percent(0.0, 5.0) is None
    assert less_percent(float("inf"), 5.0) is None
    assert less_percent(5.0, float("inf")) is None


def test_fewest_and_most_leave_the_first_hour_out() -> None:
    # the fleet falls from 50 to 10 at once; after the first hour it has 8 to 12
    assert least_and_most_instances(run_of([50] * 5 + [10] * 55 + [8] + [12])) == (8, 12)


def test_over_provisioning_is_what_is_billed_beyond_the_need() -> None:
    # needed 3, 3, 3, 3; billed 5, 3, 2, 4: 2 + 0 + 0 + 1 instance-minutes too many, at ten cents each
    run = run_of([5, 3, 2, 3], billed=[5, 3, 2, 4])
    assert over_provisioned_usd(run, np.array([3, 3, 3, 3])) == pytest.approx(0.30)


def test_over_provisioning_is_not_told_where_prices_differ() -> None:
    run = replace(run_of([1]), pools=(POOL, POOL))
    with pytest.raises(ValueError, match="expected one pool, found 2"):
        over_provisioned_usd(run, np.array([1]))


def test_the_spread_of_responses_is_p99_less_p50() -> None:
    # exponential with a mean of 1 s: ln 100 - ln 2 = ln 50
    assert response_spread_seconds(run_of([1])) == pytest.approx(np.log(50.0), rel=1e-9)


def test_an_error_of_scaling_is_a_late_request_in_a_minute_that_is_too_short() -> None:
    # 3 are needed: minutes of 2 and 1 are short, with 7 and 11 late; the 5 that are late with enough do not count
    run = run_of([3, 2, 1, 4], late=[5.0, 7.0, 11.0, 0.0])
    needed = np.array([3, 3, 3, 3])
    assert scaling_errors(run, needed) == 18.0
    assert short_steps(run, needed) == 2


def test_use_at_the_peak_is_that_of_each_days_busiest_hour() -> None:
    # hourly steps, two days and a bit. Day one is busiest at 5: 2 of 4 busy; day two at 20: 9 of 12
    arriving, ready, busy = [10.0] * 50, [4] * 50, [0.1] * 50
    arriving[5], busy[5] = 99.0, 0.5
    arriving[24 + 20], ready[24 + 20], busy[24 + 20] = 50.0, 12, 0.75
    arriving[49], busy[49] = 500.0, 1.0  # a day that is not whole
    run = run_of(ready, arriving=arriving, utilization=busy, step_seconds=3600.0)
    # (2 + 9) busy over (4 + 12) at work
    assert peak_hours_utilization_percent(run) == pytest.approx(100 * 11 / 16)


def test_idle_is_weighed_by_the_instances_at_work() -> None:
    # 1 instance fully busy and 3 idle: a quarter of the time at work is busy
    assert idle_percent(run_of([1, 3], utilization=[1.0, 0.0])) == pytest.approx(75.0)


def test_slower_while_scaling_sets_the_minutes_of_launches_against_the_others() -> None:
    # 1000 requests with a mean of 1 s, and 400 in minutes of launches with a mean of 1.25 s: 25 % slower throughout
    scaling = 400.0 * np.exp(-LATENCIES / 1.25)
    run = run_of([1])
    run = replace(run, slower_requests=run.slower_requests + scaling, slower_requests_while_scaling=scaling)
    assert slower_while_scaling_percent(run, 95.0) == pytest.approx(25.0, rel=1e-6)


def test_nothing_is_told_of_scaling_where_nothing_was_launched() -> None:
    assert slower_while_scaling_percent(run_of([1]), 95.0) is None
