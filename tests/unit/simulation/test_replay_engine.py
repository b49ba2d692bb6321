"""The replay's engine: small fleets followed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from headroom.simulation.engine import CapacityPlan, Conditions, Pool, Reaction, ReactionKind, Run, run
from headroom.simulation.latency_table import RequestQueue

MINUTE = 60.0
# One slot of a tenth of a second: an instance serves 10 requests a second, 600 a minute.
QUEUE = RequestQueue(
    service_seconds=0.1, service_cv2=1.0, slots=1, latency_seconds=1.0, percentile=95.0, timeout_seconds=600.0
)
NO_DRAIN = Conditions(drain_seconds=0.0)


def pool(**changes: float) -> Pool:
    settings: dict[str, float] = {"usd_per_hour": 6.0, "lead_time_seconds": 120.0, **changes}
    return Pool(instance_type="g5.xlarge", purchase_option="on_demand", **settings)  # type: ignore[arg-type]


def play(
    rates: list[float],
    floor: list[int],
    *,
    initial: int = 1,
    queue: RequestQueue = QUEUE,
    conditions: Conditions = NO_DRAIN,
    reaction: Reaction | None = None,
    of_pool: Pool | None = None,
    step_seconds: float = MINUTE,
) -> Run:
    plan = CapacityPlan(pools=(of_pool or pool(),), floors=np.array([floor]), reaction=reaction)
    return run(
        np.array(rates, dtype=float),
        plan,
        step_seconds=step_seconds,
        queue=queue,
        most_instances=10,
        initial_instances=[initial],
        conditions=conditions,
    )


def test_an_instance_is_billed_from_its_launch_and_serves_a_lead_time_later() -> None:
    played = play([1.0] * 6, [1, 2, 2, 2, 2, 2])
    assert played.ready.tolist() == [[1, 1, 1, 2, 2, 2]]  # asked for at minute 1, two minutes on it serves
    assert played.billed.tolist() == [[1, 2, 2, 2, 2, 2]]
    # 11 instance-minutes at 6 USD an hour
    assert played.cost_usd == pytest.approx(11 / 60 * 6)
    assert played.cold_starts == 1
    assert played.cold_start_seconds == 120.0
    assert played.scaling_actions == 1


def test_a_launch_that_is_no_longer_wanted_is_ended_before_one_at_work() -> None:
    played = play([1.0] * 5, [1, 3, 2, 1, 1])
    assert played.ready.tolist() == [[1, 1, 1, 1, 1]]  # one launch was ended at minute 2, the other when it would serve
    assert played.billed.tolist() == [[1, 3, 2, 1, 1]]
    assert (played.cold_starts, played.cold_start_seconds) == (1, 120.0)  # only the other came so far


def test_a_launch_that_is_ended_at_once_is_billed_for_a_minute() -> None:
    # Steps of 10 s: the second instance is launched in step 1, ended in step 2, and paid for steps 1 to 6.
    played = play([1.0] * 9, [1, 2, 1, 1, 1, 1, 1, 1, 1], step_seconds=10.0)
    assert played.billed.tolist() == [[1, 2, 2, 2, 2, 2, 2, 1, 1]]
    # 9 + 6 steps of 10 s at 6 USD an hour
    assert played.cost_usd == pytest.approx(15 * 10 / 3600 * 6)


def test_launches_that_take_longer_say_how_long_they_took() -> None:
    late = Conditions(drain_seconds=0.0, lead_spread_fraction=2.0, seed=3)
    played = play([1.0] * 60, [1] + [6] * 59, conditions=late)
    rises = np.flatnonzero(np.diff(played.ready[0], prepend=1))
    came = np.repeat(rises, np.diff(played.ready[0], prepend=1)[rises])
    assert played.cold_starts == 5
    assert played.cold_start_seconds == float((came - 1).sum() * MINUTE)  # all were launched in minute 1
    assert played.cold_start_seconds > 5 * 120.0


def test_an_instance_that_drains_serves_no_more_and_is_still_billed() -> None:
    played = play([1.0] * 4, [2, 1, 1, 1], initial=2, conditions=Conditions(drain_seconds=120.0))
    assert played.ready.tolist() == [[2, 1, 1, 1]]
    assert played.billed.tolist() == [[2, 2, 2, 1]]


def test_what_cannot_be_served_waits_and_is_served_later() -> None:
    # 20 a second come and 10 are served: 600 wait after the first minute, and the second serves just these.
    played = play([20.0, 0.0, 0.0], [1, 1, 1])
    # (on average; chance leaves sqrt(1800) x 0.4 = 17 or so of the 1800 that come and go)
    assert played.waiting == pytest.approx([600.0, 17.0, 0.0], abs=10.0)
    assert played.failed.sum() == 0.0
    assert played.utilization == pytest.approx([1.0, 0.97, 0.04], abs=0.02)
    # Who comes in the n-th of 8 parts of the minute waits about (n + 1/2) x 7.5 s: all but the first seconds are late.
    assert played.late[0] > 0.98 * 1200


def test_what_would_wait_beyond_the_timeout_fails() -> None:
    queue = RequestQueue(
        service_seconds=0.1, service_cv2=1.0, slots=1, latency_seconds=1.0, percentile=95.0, timeout_seconds=30.0
    )
    # 300 can be served within 30 s, so of the 600 too many of the first minute 300 fail, then all 600.
    played = play([20.0, 20.0], [1, 1], queue=queue)
    assert played.failed == pytest.approx([300.0, 600.0], abs=2.0)
    assert played.success_fraction == pytest.approx(1500 / 2400, abs=2e-3)
    # Three in eight failed, and are slower than any latency: half of the requests have one, 95 % do not.
    assert played.latency_seconds(60.0) < 40.0
    assert played.latency_seconds(95.0) == np.inf


def test_without_an_instance_requests_fail_at_once() -> None:
    played = play([5.0, 5.0, 5.0], [0, 1, 1], initial=0)
    assert played.failed.tolist() == [300.0, 300.0, 300.0]
    assert played.late.tolist() == [300.0, 300.0, 300.0]
    assert played.slo_hours_fraction(95.0) == 0.0


def test_a_steady_queue_has_the_latency_of_its_formula() -> None:
    # M/M/1 at 9 of 10 a second: latency is exponential with mean 1 / (10 - 9) s, so p95 is ln 20 = 2.996 s.
    played = play([9.0] * 600, [1] * 600)
    assert played.latency_seconds(95.0) == pytest.approx(2.996, rel=0.02)
    assert played.latency_seconds(50.0) == pytest.approx(0.693, rel=0.02)
    # and e^-1 of the requests take longer than the objective of a second
    assert 1.0 - played.slo_met_fraction == pytest.approx(0.368, rel=0.02)


def test_an_interrupted_instance_serves_for_two_minutes_more_and_is_replaced() -> None:
    # Nobody survives a minute: the first is told at minute 0, and its successor launches then.
    played = play([1.0] * 5, [1] * 5, of_pool=pool(interruptions_per_hour=1e6, lead_time_seconds=60.0))
    assert played.ready.tolist() == [[1, 2, 2, 2, 2]]
    assert played.interruptions == 5


def test_an_instance_that_is_told_at_the_last_moment_serves_to_the_end_of_the_step() -> None:
    sudden = Conditions(notice_seconds=0.0, drain_seconds=0.0)
    of_pool = pool(interruptions_per_hour=1e6, lead_time_seconds=60.0)
    played = play([1.0] * 5, [1] * 5, of_pool=of_pool, conditions=sudden)
    assert played.ready.tolist() == [[1, 1, 1, 1, 1]]  # each has a successor, and none stays behind it


def test_refused_launches_are_asked_for_again() -> None:
    played = play([1.0] * 200, [2] * 200, of_pool=pool(refused_fraction=0.9))
    assert played.ready[0, -1] == 2
    first = int(np.argmax(played.ready[0] == 2))
    assert first > 3  # two minutes of lead are not enough: seed 0 is refused first


def test_stillborn_launches_are_billed_and_replaced() -> None:
    played = play([1.0] * 60, [2] * 60, of_pool=pool(stillborn_fraction=0.7))
    assert played.ready[0, -1] == 2
    assert (played.billed[0] == 2).all()


def test_target_tracking_scales_out_after_three_points_and_in_after_fifteen() -> None:
    reaction = Reaction(kind=ReactionKind.TARGET_TRACKING, parameters=(0.5, 3, 15, 0.9, 1))
    played = play([8.0] * 10 + [1.0] * 40, [1] * 50, reaction=reaction)
    # 80 % busy in minutes 0, 1, 2: at minute 3 it asks for ceil(1 x 0.8 / 0.5) = 2, which serve from minute 5
    assert played.wanted[:5].tolist() == [1, 1, 1, 2, 2]
    assert played.ready[0, 5] == 2
    # the first of 15 points under 45 % is minute 5 (2 at work, 40 %): 2 x 0.4 / 0.5 rounds up to 2, so nothing yet;
    # from minute 25 on all 15 points are at 5 %
    assert played.wanted[-1] == 1
    assert played.ready[0, -1] == 1


@pytest.mark.parametrize(
    ("rates", "floor", "message"),
    [
        ([-1.0], [1], "at least 0 and finite"),
        ([float("nan")], [1], "at least 0 and finite"),
        ([1.0, 1.0], [1], "floors have shape"),
    ],
)
def test_demand_or_a_plan_that_cannot_be_is_refused(rates: list[float], floor: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        play(rates, floor)


@pytest.mark.parametrize("seed", range(20))
def test_shares_of_requests_that_are_all_late_are_nothing_and_not_less(seed: int) -> None:
    # sums of rates of many sizes, of which all requests are late: their difference is rounding, of either sign
    rates = 10.0 ** np.random.default_rng(seed).uniform(-9, 3, 60)
    late = RequestQueue(
        service_seconds=60.0, service_cv2=0.0, slots=1, latency_seconds=1.0, percentile=95.0, timeout_seconds=600.0
    )
    played = play(rates.tolist(), [1] * 60, queue=late)
    assert played.slo_met_fraction == pytest.approx(0.0, abs=1e-12)
    assert 0.0 <= played.slo_met_fraction <= 1.0
    assert 0.0 <= played.success_fraction <= 1.0


def test_who_gives_up_makes_room_for_those_behind() -> None:
    # Minute 0, 1,800 requests: one instance serves 600, lets 20 s of its work, 200, wait and refuses 1,000; two serve
    # 1,200, let 400 wait and refuse 200. Minute 1, 1,200 requests: six serve 60 a second, so the backlog shrinks by 40
    # a second, is gone after 5 s or 10 s, and within a second's wait after 3.5 s or 8.5 s.
    impatient = replace(QUEUE, timeout_seconds=20.0)
    fewer, richer = (
        play([30.0, 20.0], [first, 6], initial=first, queue=impatient, of_pool=pool(lead_time_seconds=0.0))
        for first in (1, 2)
    )
    assert fewer.failed == pytest.approx([1000.0, 0.0], abs=3.0)
    assert richer.failed == pytest.approx([200.0, 0.0], abs=3.0)
    assert (fewer.waiting[0], richer.waiting[0]) == (200.0, 400.0)
    assert (fewer.late[0], richer.late[0]) == (1800.0, 1800.0)
    # looked at every 7.5 s from 3.75 s on: 50 ahead are 5/6 s, so of 150 come exp(-1/6 / 0.1) late; 250 ahead, all do
    assert fewer.late[1] == pytest.approx(150.0 * np.exp(-1.0 / 0.6), rel=0.02)
    assert richer.late[1] == pytest.approx(150.0, rel=0.02)
