"""What must hold of every replay, whatever the demand, the floor and the reactive policy.

Work is conserved; cost is hours times price; more capacity never serves fewer, and hurts no latency before anybody gave
up; no schedule beats the oracle's bound at the share it keeps; the same seed gives the same bytes; nothing that comes
later changes what was.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan, Conditions, Pool, Reaction, ReactionKind, Run, run
from headroom.simulation.latency_table import RequestQueue
from headroom.simulation.oracle import kept_by_instances, least_cost

STEPS, MOST, MINUTE, LEAD_SECONDS = 40, 6, 60.0, 120.0
QUEUE = RequestQueue(
    service_seconds=0.5, service_cv2=1.0, slots=2, latency_seconds=2.0, percentile=95.0, timeout_seconds=20.0
)
PATIENT = replace(QUEUE, timeout_seconds=20_000.0)  # 72,000 requests at most, 4 a second at least: nobody gives up
POOL = Pool(instance_type="g5.xlarge", purchase_option="on_demand", usd_per_hour=3.0, lead_time_seconds=LEAD_SECONDS)
UNLUCKY = Pool(
    instance_type="g5.xlarge",
    purchase_option="spot",
    usd_per_hour=1.0,
    lead_time_seconds=LEAD_SECONDS,
    interruptions_per_hour=3.0,
    refused_fraction=0.3,
    stillborn_fraction=0.1,
)
RATES = st.lists(st.floats(0.0, 30.0), min_size=STEPS, max_size=STEPS).map(np.array)
FLOORS = st.lists(st.integers(1, MOST), min_size=STEPS, max_size=STEPS).map(lambda counts: np.array([counts]))
REACTIONS = st.sampled_from(
    [
        None,
        Reaction(kind=ReactionKind.TARGET_TRACKING, parameters=(0.6, 1, 3, 0.9, 1)),
        Reaction(kind=ReactionKind.HPA, parameters=(0.6, 0.1, 5, 1.0, 4, 4)),
        Reaction(kind=ReactionKind.THRESHOLD, parameters=(0.8, 0.2, 1, 3, 1)),
    ]
)
SOME = settings(max_examples=60, deadline=None)


def play(
    rates: Floats,
    floors: Counts,
    reaction: Reaction | None = None,
    *,
    pool: Pool = POOL,
    seed: int = 0,
    initial: int = 2,
    queue: RequestQueue = QUEUE,
) -> Run:
    return run(
        rates,
        CapacityPlan(pools=(pool,), floors=floors, reaction=reaction),
        step_seconds=MINUTE,
        queue=queue,
        most_instances=MOST,
        initial_instances=[initial],
        conditions=Conditions(seed=seed, lead_spread_fraction=0.3 if pool is UNLUCKY else 0.0),
    )


@SOME
@given(RATES, FLOORS, REACTIONS, st.sampled_from([POOL, UNLUCKY]))
def test_work_is_conserved_and_cost_is_hours_times_price(
    rates: Floats, floors: Counts, reaction: Reaction | None, pool: Pool
) -> None:
    played = play(rates, floors, reaction, pool=pool)
    before = np.concatenate([[0.0], played.waiting[:-1]])
    served = before + played.arriving - played.failed - played.waiting
    able = played.ready[0] * QUEUE.rate_per_second * MINUTE
    assert (served >= -1e-6).all()
    assert (served <= able + 1e-6).all()
    assert served == pytest.approx(np.where(able > 0, played.utilization * able, 0.0), abs=1.0)
    assert (played.late >= -1e-9).all()
    assert (played.late <= played.arriving + 1e-9).all()
    assert (played.ready <= played.billed).all()
    assert played.cost_usd == pytest.approx(played.billed.sum() / 60.0 * pool.usd_per_hour)


def one_more(floors: Counts, start: int) -> Counts:
    more = floors.copy()
    more[0, start:] = np.minimum(more[0, start:] + 1, MOST)
    return more


BURST = np.where(np.arange(STEPS) == 32, 13.0, np.where(np.arange(STEPS) == 33, 3.0, 0.0))
BURST_FLOORS = np.where(np.isin(np.arange(STEPS), (31, 32, 33)), 3, 1)[None, :]
"""More requests are late with an instance more: test_replay_engine, test_who_gives_up_makes_room_for_those_behind."""


@SOME
@given(RATES, FLOORS, st.integers(0, STEPS - 1))
@example(BURST, BURST_FLOORS, 0)
def test_more_capacity_never_serves_fewer_and_hurts_no_latency_before_anybody_gave_up(
    rates: Floats, floors: Counts, start: int
) -> None:
    fewer, richer = play(rates, floors), play(rates, one_more(floors, start))
    unserved, more_unserved = (one.waiting + np.cumsum(one.failed) for one in (richer, fewer))
    assert (unserved <= more_unserved + 1e-6).all()
    # who gives up leaves room, and more do with fewer instances: those behind them may then wait less
    is_before = np.cumsum(fewer.failed) - fewer.failed <= 0
    assert richer.late[is_before].sum() <= fewer.late[is_before].sum() + 1e-6


@SOME
@given(RATES, FLOORS, st.integers(0, STEPS - 1))
@example(BURST, BURST_FLOORS, 0)
def test_more_capacity_never_hurts_latency_where_nobody_gives_up(rates: Floats, floors: Counts, start: int) -> None:
    fewer, richer = (play(rates, each, queue=PATIENT) for each in (floors, one_more(floors, start)))
    assert fewer.failed.sum() == 0
    assert richer.late.sum() <= fewer.late.sum() + 1e-6
    for percentile in (50.0, 95.0, 99.0):
        if fewer.arriving.sum() > 0:
            assert richer.latency_seconds(percentile) <= fewer.latency_seconds(percentile) * (1.0 + 1e-6)


@SOME
@given(RATES, FLOORS, REACTIONS)
def test_nobody_beats_the_oracles_bound_at_the_share_they_keep(
    rates: Floats, floors: Counts, reaction: Reaction | None
) -> None:
    played = play(rates, floors, reaction)
    kept = kept_by_instances(rates, step_seconds=MINUTE, queue=QUEUE, pool=POOL, most_instances=MOST)
    bound = least_cost(
        kept,
        target_requests=float(played.arriving.sum() - played.late.sum()),
        step_seconds=MINUTE,
        usd_per_hour=POOL.usd_per_hour,
        lead_time_seconds=LEAD_SECONDS,
        least_instances=1,
    )
    assert played.cost_usd >= bound.bound_usd - 1e-6


@SOME
@given(RATES, FLOORS, REACTIONS, st.integers(0, 1000))
def test_the_same_seed_gives_the_same_bytes(
    rates: Floats, floors: Counts, reaction: Reaction | None, seed: int
) -> None:
    first, second = (play(rates, floors, reaction, pool=UNLUCKY, seed=seed) for _ in range(2))
    for name in ("ready", "billed", "waiting", "late", "failed", "slower_requests"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@SOME
@given(RATES, RATES, FLOORS, REACTIONS, st.integers(1, STEPS - 1))
def test_nothing_that_comes_later_changes_what_was(
    rates: Floats, others: Floats, floors: Counts, reaction: Reaction | None, step: int
) -> None:
    changed = np.concatenate([rates[:step], others[step:]])
    first, second = play(rates, floors, reaction), play(changed, floors, reaction)
    assert (first.ready[:, : step + 1] == second.ready[:, : step + 1]).all()
    assert (first.billed[:, : step + 1] == second.billed[:, : step + 1]).all()
    assert (first.late[:step] == second.late[:step]).all()
