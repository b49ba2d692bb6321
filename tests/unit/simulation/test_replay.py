from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.simulation.small_scene import START, Holds, Steps, small_fleet, small_scene

from headroom.capacity import ImpossibleObjective, sustainable_rate
from headroom.domain.fleet import Fleet
from headroom.domain.serving import Objective, Slots
from headroom.forecasting.series import ForecastError
from headroom.simulation.claims.playing import run_policy
from headroom.simulation.demand_path import DemandError
from headroom.simulation.engine import CapacityPlan, Conditions
from headroom.simulation.fleet_scene import SceneError, fleet_scene, serving_queue
from headroom.simulation.policy import Scene, Swept
from headroom.simulation.replay import ORACLE, ORACLE_HOURLY, play
from headroom.simulation.worst_hour import LateCause, worst_hour

# One instance serves 100 a second, so four minutes of 150 need two; six dollars an hour are ten cents a minute.
RISE = (80.0, 80.0, 150.0, 150.0, 150.0, 150.0, 80.0, 80.0, 80.0, 80.0)


def test_oracles_pay_only_for_what_keeps_the_objective() -> None:
    replay = play([], small_scene(*RISE), conditions=Conditions())
    assert replay.needed.tolist() == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1]
    oracle, hourly = replay.played[ORACLE].run, replay.played[ORACLE_HOURLY].run
    # 10 minutes of one, 4 of a second and its 2 of launching: 16 instance-minutes
    assert oracle.billed.tolist() == [[2, 2, 2, 2, 2, 2, 1, 1, 1, 1]]
    assert oracle.cost_usd == pytest.approx(1.6)
    assert oracle.slo_met_fraction == pytest.approx(1.0, abs=1e-5)
    # no change but on the hour: two for all ten minutes
    assert hourly.cost_usd == pytest.approx(2.0)
    # one sustains 90 a second: 6 minutes of one and 4 of two
    assert replay.plain_usd == pytest.approx(1.4)


def test_an_oracle_keeps_what_it_would_with_empty_queues_however_long_they_get() -> None:
    # 99 of 100 a second, minute after minute: chance alone makes a queue that a policy would have to carry on
    scene = small_scene(*[99.0] * 30, fleet=small_fleet(serving=Slots(service_seconds=1.0, slots=100)))
    replay = play([Holds()], scene, conditions=Conditions())
    oracle, holds = replay.played[ORACLE].run, replay.played["holds"].run
    assert oracle.ready.tolist() == holds.ready.tolist() == [[1] * 30]
    assert oracle.arriving.sum() - oracle.late.sum() == pytest.approx(replay.target_requests)
    assert oracle.late.sum() < 0.5 * holds.late.sum()


def test_a_policy_costs_what_it_is_billed_as_a_multiple_of_the_oracle() -> None:
    replay = play([Holds(instances=2)], small_scene(*RISE), conditions=Conditions(), is_swept=True)
    holds = replay.played["holds"]
    assert holds.run.cost_usd == pytest.approx(2.0)
    assert replay.cost_over_oracle(holds) == pytest.approx(1.25)
    assert holds.bound_usd == pytest.approx(1.6, abs=1e-4)


def test_every_policy_starts_with_what_the_last_known_hours_peak_needs() -> None:
    assert small_scene(*RISE, history=80.0).initial_instances == 1
    assert small_scene(*RISE, history=150.0).initial_instances == 2
    assert small_scene(*RISE, history=5000.0).initial_instances == 6  # the most the fleet may have
    # five minutes of 250 need three, though the hour's mean is 94
    scene = small_scene(*RISE)
    path = scene.known.rate_per_second.copy()
    path[50:55] = 250.0
    peaked = fleet_scene(
        scene.fleet, replace(scene.known, rate_per_second=path), start_utc=START, end_utc=scene.known.end_utc
    )
    assert peaked.initial_instances == 3


@dataclass(frozen=True, kw_only=True)
class InTwoPools:
    name: str = "in_two_pools"

    def plan(self, scene: Scene) -> CapacityPlan:
        pools = (scene.pool, replace(scene.pool, purchase_option="spot", usd_per_hour=2.0))
        return CapacityPlan(pools=pools, floors=np.tile(np.array([[1], [2]], dtype=np.int64), scene.steps))


def test_a_fleet_of_several_pools_starts_as_its_plan_has_it() -> None:
    scene, conditions = small_scene(*RISE), Conditions()
    run = play([InTwoPools()], scene, conditions=conditions).played["in_two_pools"].run
    assert run.cold_starts == 0
    assert run.ready.tolist() == [[1] * 10, [2] * 10]
    # ten minutes of one at ten cents and of two at a third of that each
    assert run.cost_usd == pytest.approx(1.0 + 2.0 / 3.0)
    assert run_policy(InTwoPools(), scene).billed.tobytes() == run.billed.tobytes()


def test_a_knob_is_swept_on_the_same_demand_and_the_oracle_with_it() -> None:
    assert isinstance(Holds(), Swept)
    swept = play([Holds()], small_scene(*RISE), conditions=Conditions(), is_swept=True).swept
    costs = {point.setting: point.cost_usd for point in swept if point.name == "holds"}
    assert costs == pytest.approx({"1 instances": 1.0, "2 instances": 2.0, "3 instances": 3.0})
    assert [point.setting for point in swept if point.name == ORACLE] == [
        "99 % of requests",
        "99.5 % of requests",
        "99.9 % of requests",
    ]


@dataclass(frozen=True, kw_only=True)
class Blind:
    name: str = "blind"

    def plan(self, _scene: Scene) -> CapacityPlan:
        raise ForecastError("two days of demand are needed")


def test_a_policy_that_cannot_plan_says_why_and_stops_no_other() -> None:
    replay = play([Blind(), Holds()], small_scene(*RISE), conditions=Conditions())
    assert replay.refused == {"blind": "two days of demand are needed"}
    assert "holds" in replay.played


def test_demand_of_nothing_costs_the_oracle_nothing() -> None:
    replay = play([Holds()], small_scene(0.0, 0.0, fleet=small_fleet(least=0)), conditions=Conditions())
    assert replay.oracle_usd == 0.0
    assert replay.cost_over_oracle(replay.played["holds"]) is None


def test_progress_is_told_policy_by_policy() -> None:
    told: list[tuple[int, int]] = []
    play([Holds()], small_scene(*RISE), conditions=Conditions(), on_progress=lambda *done: told.append(done))
    assert told == [(0, 3), (2, 3), (3, 3)]


def test_the_worst_hour_says_what_demand_did_what_was_ready_and_why_requests_were_late() -> None:
    # two are asked for at minute 3 and ready at minute 5: minute 2 nobody asked, 3 and 4 they start, then the queue
    replay = play([Steps(counts=(1, 1, 1, 2, 2, 2, 2, 1, 1, 1))], small_scene(*RISE), conditions=Conditions())
    worst = worst_hour(replay, replay.played["steps"].run)
    assert worst is not None
    late = replay.played["steps"].run.late
    assert worst.late_by_cause[LateCause.NOT_ASKED] == pytest.approx(late[2])
    assert worst.late_by_cause[LateCause.STARTING] == pytest.approx(late[3] + late[4])
    assert worst.late_by_cause[LateCause.QUEUE] == pytest.approx(late[5] + late[6])
    assert str(worst).startswith(
        "Wed 18 Nov 12:00 UTC: demand averaged 108 a second with a peak of 150; 1 to 2 instances were ready where up "
        "to 2 were needed; "
    )


def test_a_fleet_at_its_most_says_so_and_one_without_late_requests_has_no_worst_hour() -> None:
    scene = small_scene(*[900.0] * 5, fleet=small_fleet(most=2))
    replay = play([Holds(instances=2)], scene, conditions=Conditions())
    # the second starts for two minutes, then both are at work and no third may come
    worst = worst_hour(replay, replay.played["holds"].run)
    assert worst is not None
    assert worst.late_by_cause[LateCause.AT_MOST] > worst.late_by_cause[LateCause.STARTING] > 0
    calm = play([Holds(instances=2)], small_scene(50.0, 50.0), conditions=Conditions())
    assert worst_hour(calm, calm.played["holds"].run) is None


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        (
            replace(small_fleet(), objective=Objective(ttft_seconds=1.0, itl_seconds=0.05)),
            "objective.latency_seconds: is missing",
        ),
        (
            small_fleet(serving=Slots(service_seconds=1.0, service_cv2=0.0, timeout_seconds=2.0)),
            "timeout_seconds 2 must be at least the objective 5",
        ),
    ],
)
def test_a_fleet_that_the_replay_does_not_play_is_refused_by_its_key(fleet: Fleet, said: str) -> None:
    with pytest.raises(SceneError, match=said):
        serving_queue(fleet, sustainable_rate(fleet, "g5.xlarge"))


def test_an_objective_that_nothing_keeps_is_refused() -> None:
    # p95 of an exponential service of 2 s alone is ln(20) x 2 = 6 s
    with pytest.raises(ImpossibleObjective, match="no number of instances can meet 5 s"):
        small_scene(*RISE, fleet=small_fleet(serving=Slots(service_seconds=2.0)))


def test_a_span_needs_an_hour_before_it_and_a_step_in_it() -> None:
    scene = small_scene(*RISE)
    for start, end, said in (
        (START, START, "expected a start before the end"),
        (START - timedelta(minutes=1), START, "expected at least one whole hour of demand before it"),
        (START, START + timedelta(minutes=11), "--to: expected a time in 2026-11-18T11:00:00Z to 2026-11-18T12:10:00Z"),
    ):
        with pytest.raises(DemandError, match=said):
            fleet_scene(scene.fleet, scene.known, start_utc=start, end_utc=end)


def test_what_comes_after_the_end_is_not_in_the_scene() -> None:
    scene = small_scene(*RISE)
    shorter = fleet_scene(scene.fleet, scene.known, start_utc=START, end_utc=START + timedelta(minutes=4))
    assert shorter.steps == 4
    assert np.array_equal(shorter.known.rate_per_second, scene.known.rate_per_second[:64])
