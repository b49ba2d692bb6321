"""A replayed fleet whose instances batch continuously: by hand, and beside a simulation token by token."""

import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.unit.capacity.batching_simulation import Engine, exponential_lengths, measure, serve
from tests.unit.capacity.test_continuous_batching import by_hand_rows, fitted, row
from tests.unit.simulation.small_scene import START, Holds, small_fleet

from headroom.capacity import BatchingProfile, sustainable_rate
from headroom.capacity.continuous_batching import BatchingInstance
from headroom.domain.demand import Floats
from headroom.domain.fleet import Fleet
from headroom.domain.serving import ContinuousBatching, Objective
from headroom.domain.window import HOUR
from headroom.simulation.batching_queue import BatchingQueue
from headroom.simulation.engine import CapacityPlan, Conditions, Pool, Run, run
from headroom.simulation.fleet_scene import SceneError, fleet_scene
from headroom.simulation.policy import DemandRecord, Scene
from headroom.simulation.replay import ORACLE, play

pytestmark = pytest.mark.thorough

PROFILE = BatchingProfile(rows=tuple(by_hand_rows()))
TOKENS = Objective(ttft_seconds=2.0, itl_seconds=0.1)
POOL = Pool(instance_type="g5.xlarge", purchase_option="on_demand", usd_per_hour=6.0, lead_time_seconds=0.0)
SATURATION = 16 / 4.2
"""Sixteen at a time, each for C(16) = 1 + 1.6 + 1.6 s (tests/unit/capacity/test_continuous_batching.py)."""


def queue(objective: Objective = TOKENS, *, timeout_seconds: float = 1e4) -> BatchingQueue:
    """Return p = .1 s, alpha = .01 s, beta = .001 s, 100 gaps: C(n) = 1 + .2 n s; at most 16 run."""
    instance = PROFILE.instance("g5.xlarge")
    assert instance is not None
    return queue_of(instance, objective, timeout_seconds=timeout_seconds)


def queue_of(instance: BatchingInstance, objective: Objective, *, timeout_seconds: float = 1e4) -> BatchingQueue:
    return BatchingQueue(
        instance=instance,
        objective=objective,
        timeout_seconds=timeout_seconds,
        sustainable_per_second=instance.sustainable_rate(objective),
    )


def held(of: BatchingQueue, rates: list[float], instances: int) -> Run:
    """Play a count of instances over minutes of these rates."""
    return run(
        np.array(rates),
        CapacityPlan(pools=(POOL,), floors=np.full((1, len(rates)), instances)),
        step_seconds=60.0,
        queue=of,
        most_instances=8,
        initial_instances=[instances],
    )


def batching_fleet() -> Fleet:
    return replace(small_fleet(most=20), serving=ContinuousBatching(profile="profile.parquet"), objective=TOKENS)


def batching_scene(*rates: float, fleet: Fleet | None = None) -> Scene:
    """An hour of one request a second, then a minute of each rate."""
    path = np.concatenate([np.full(60, 1.0), np.array(rates)])
    known = DemandRecord(start_utc=START - HOUR, step_seconds=60.0, rate_per_second=path)
    return fleet_scene(fleet or batching_fleet(), known, start_utc=START, end_utc=known.end_utc, profile=PROFILE)


def test_a_lonely_request_takes_its_prefill_and_its_own_steps() -> None:
    alone = held(queue(), [0.001] * 60, 1)
    # p = .1 s, and a step of alpha + beta = .011 s; between points of the grids, so within one of their steps
    assert alone.latency_seconds(50.0) == pytest.approx(0.1, rel=0.05)
    assert alone.gaps is not None
    assert alone.gaps.within(50.0) == pytest.approx(0.011, rel=0.1)
    assert alone.slo_met_fraction == pytest.approx(1.0, abs=1e-6)


def test_utilization_is_the_share_of_what_an_instance_can_carry() -> None:
    # two instances at .42 of their saturation: 3.2 of 7.62 requests a second
    assert held(queue(), [3.2] * 60, 2).utilization[-1] == pytest.approx(0.42, rel=1e-3)


def test_what_no_batch_takes_waits_for_its_turn() -> None:
    over = held(queue(), [5.0] * 3 + [1.0] * 3, 1)
    # 5 a second come and 3.81 leave: 71.4 more wait each minute; at 1 a second 168.6 leave each minute
    # a few more wait by chance
    grown = 60 * (5.0 - SATURATION)
    assert over.waiting[:3] == pytest.approx([grown + 3, 2 * grown + 4, 3 * grown + 5], abs=1.0)
    assert over.waiting[3] == pytest.approx(3 * grown - 60 * (SATURATION - 1.0), abs=10.0)
    assert over.waiting[4] < 1.0
    assert over.gaps is not None
    # behind 71 others a first token takes 19 s: after the first minute none keeps 2 s; and all gaps, at most
    # alpha + 16 beta = .026 s and some prefills, are as promised for most
    assert over.gaps.first_late[1:3] == pytest.approx(over.arriving[1:3])
    assert over.late[1:3] == pytest.approx(over.arriving[1:3])


def test_who_would_wait_beyond_the_timeout_fails() -> None:
    # 20 s of 3.81 a second: at most 76 wait, the rest of 3 x 71.4 fail
    over = held(queue(timeout_seconds=20.0), [5.0] * 3, 1)
    assert over.waiting[-1] == pytest.approx(20 * SATURATION, rel=1e-3)
    assert over.failed.sum() == pytest.approx(180 * (5.0 - SATURATION) - 20 * SATURATION, rel=0.05)


def test_a_request_keeps_the_objective_only_where_first_token_and_gaps_do() -> None:
    # five running take .015 s a step, and others' prefills are between: many miss .03 s, few 2 s to the first token
    objective = Objective(ttft_seconds=2.0, itl_seconds=0.03)
    tight = held(queue(objective), [2.5] * 60, 1)
    assert tight.gaps is not None
    first, gaps, either = tight.gaps.first_late.sum(), tight.gaps.late.sum(), tight.late.sum()
    assert 0 < first < gaps
    assert max(first, gaps) < either < first + gaps
    # more of the same instances, less of both
    assert held(queue(objective), [2.5] * 60, 2).late.sum() < either


def test_an_hour_is_kept_where_each_objective_is_at_its_percentile() -> None:
    objective = Objective(ttft_seconds=0.5, itl_seconds=0.03)
    of = queue(objective)
    both = held(of, [of.sustainable_per_second] * 60, 1)
    assert both.gaps is not None
    # production's rate: the objective which binds is missed by a twentieth, and one or the other by more
    worst = max(both.gaps.first_late.sum(), both.gaps.late.sum()) / both.arriving.sum()
    assert worst == pytest.approx(0.05, rel=0.02)
    assert 1.0 - both.slo_met_fraction > 0.06
    assert held(of, [0.98 * of.sustainable_per_second] * 60, 1).slo_hours_fraction(95.0) == 1.0
    assert held(of, [1.02 * of.sustainable_per_second] * 60, 1).slo_hours_fraction(95.0) == 0.0


def test_the_scene_decides_by_the_rate_that_production_plans_with() -> None:
    fleet, scene = batching_fleet(), batching_scene(1.0, 2.0)
    assert scene.rate == sustainable_rate(fleet, "g5.xlarge", profile=PROFILE)
    assert scene.rate.method.startswith("profile: ")
    instance = PROFILE.instance("g5.xlarge")
    assert instance is not None
    rates = scene.rate_per_instance * np.array([0.5, 1.0, 3.0, 3.01, 7.9])
    assert scene.instances_for(rates).tolist() == instance.instances_for(rates, TOKENS).tolist() == [1, 1, 3, 4, 8]


def test_policies_are_played_and_none_costs_less_than_its_bound() -> None:
    scene = batching_scene(*[2.0] * 30, *[9.0] * 60, *[2.0] * 30)
    holding = [Holds(name=f"holds {count}", instances=count) for count in (2, 3)]
    replay = play(holding, scene, conditions=Conditions(), is_swept=True)
    two, three, oracle = (replay.played[name].run for name in ("holds 2", "holds 3", ORACLE))
    # 9 a second are 2.36 times what one can do: three keep up, and two of them do not
    assert replay.needed[45] == 3
    assert two.slo_met_fraction < 0.5
    assert three.slo_met_fraction > 0.9
    for name in ("holds 2", "holds 3"):
        played = replay.played[name]
        assert played.bound_usd is not None
        assert played.run.cost_usd >= played.bound_usd * (1 - 1e-9)
    assert oracle.gaps is not None
    assert (oracle.gaps.first_late <= oracle.late + 1e-9).all()


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        (
            replace(batching_fleet(), demand=replace(batching_fleet().demand, unit="output_tokens")),
            "demand.unit: the replay plays requests, found output_tokens",
        ),
        (
            replace(batching_fleet(), objective=Objective(latency_seconds=2.0)),
            "objective: expected ttft_seconds and itl_seconds",
        ),
        (
            replace(batching_fleet(), serving=ContinuousBatching(profile="profile.parquet", timeout_seconds=1.0)),
            "serving: timeout_seconds 1 must be at least the objective 2",
        ),
        (
            replace(
                batching_fleet(),
                instance_types=(replace(batching_fleet().current_type, name="g6.xlarge"),),
            ),
            "serving.profile: profile.parquet has no row of g6.xlarge",
        ),
    ],
)
def test_a_fleet_that_no_profile_tells_of_is_refused_by_its_key(fleet: Fleet, said: str) -> None:
    with pytest.raises(SceneError, match=said):
        batching_scene(1.0, fleet=fleet)


# Beside the simulation: chat on an engine of at most 64, and one of few slots; profiles measured as their owner would.
CHAT, FEW = Engine(0.05, 0.02, 0.0005, 64), Engine(0.03, 0.025, 0.0002, 16)
LENGTHS = {CHAT: 200, FEW: 250}


@cache
def profiled(engine: Engine) -> BatchingInstance:
    generator = random.Random(5)  # noqa: S311, no secret
    rows = []
    for concurrency in (1, 2, 4, 8, 16, 32, 64):
        if concurrency <= engine.limit:
            lengths = exponential_lengths(max(600, 20 * concurrency), LENGTHS[engine], generator)
            ttft, itl = measure(engine, concurrency, lengths)
            rows.append(row(concurrency, ttft, itl, output_tokens=LENGTHS[engine]))
    return fitted(*rows)


def simulated(engine: Engine, rates: list[float], instances: int, seed: int) -> Floats:
    """Return arrival, time to first token and mean gap of each request, shape (3, n); split by chance, not evenly."""
    generator, lengths = np.random.default_rng(seed), random.Random(seed)  # noqa: S311, no secret
    minutes = [np.sort(generator.uniform(0, 60, generator.poisson(60 * rate))) for rate in rates]
    arrivals = np.concatenate([60 * minute + moments for minute, moments in enumerate(minutes)])
    chosen = generator.integers(0, instances, len(arrivals))
    parts = []
    for instance in range(instances):
        mine = arrivals[chosen == instance]
        served = serve(engine, mine.tolist(), exponential_lengths(len(mine), LENGTHS[engine], lengths))
        parts.append(np.array([mine, served.ttft_seconds, served.itl_seconds]))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(
    ("engine", "utilization", "percentiles"),
    [
        (CHAT, 0.4, (50, 95, 99)),
        (CHAT, 0.7, (50, 95, 99)),
        # beyond it many wait for a slot, and the tail hangs on the last percent of what was measured
        (FEW, 0.4, (50, 95, 99)),
        (FEW, 0.6, (50,)),
    ],
)
def test_percentiles_are_near_those_of_the_simulation(
    engine: Engine, utilization: float, percentiles: tuple[int, ...]
) -> None:
    objective = Objective(ttft_seconds=1.0, itl_seconds=0.06)
    of, instances = queue_of(profiled(engine), objective), 2
    rates = [utilization * instances * of.rate_per_second] * 60
    played, requests = held(of, rates, instances), simulated(engine, rates, instances, seed=1)
    settled = requests[:, requests[0] > 300]
    assert played.gaps is not None
    for percentile in percentiles:
        assert played.latency_seconds(percentile) == pytest.approx(np.percentile(settled[1], percentile), rel=0.05)
        assert played.gaps.within(percentile) == pytest.approx(np.percentile(settled[2], percentile), rel=0.1)


def test_an_overload_and_what_it_leaves_are_near_the_simulation() -> None:
    objective = Objective(ttft_seconds=2.0, itl_seconds=0.1)
    of, instances = queue_of(profiled(CHAT), objective), 2
    rates = [share * instances * of.rate_per_second for share in [0.5] * 15 + [0.8] * 5 + [1.3] * 5 + [0.6] * 15]
    played, requests = held(of, rates, instances), simulated(CHAT, rates, instances, seed=1)
    is_late = (requests[1] > 2.0) | (requests[2] > 0.1)
    assert is_late.mean() > 0.2
    assert 1.0 - played.slo_met_fraction == pytest.approx(is_late.mean(), rel=0.1)
    assert played.latency_seconds(95.0) == pytest.approx(np.percentile(requests[1], 95), rel=0.15)
    # minutes 25 to 28 work the queue off
    late_by_minute = np.bincount(requests[0].astype(int) // 60, is_late)
    assert played.late[15:33].sum() == pytest.approx(late_by_minute[15:33].sum(), rel=0.1)
