"""Policies and oracles over one scene, with the figures they are compared by; pure.

The oracles are relaxations (oracle.py): their cost, the requests they keep and the hours they keep are the
relaxation's own. Their latencies, successes and utilization are those of their path played in the engine, with
instances that are there the moment they are wanted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan, Conditions, Run, run
from headroom.simulation.oracle import OraclePath, kept_by_instances, kept_where_every_step_does, least_cost
from headroom.simulation.policy import Policy, Scene, Swept
from headroom.units import SECONDS_PER_HOUR

ORACLE: Final = "oracle"
ORACLE_HOURLY: Final = "oracle_hourly"
SHARES: Final = (0.99, 0.995, 0.999)
"""Shares of requests inside the objective at which policies are compared (issue 03)."""
_ROUNDING: Final = 1e-6

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A policy, or an oracle, and what became of the fleet under it.

    `bound_usd`: no policy on one pool of the fleet's type today that keeps as many requests costs less; None where the
    policy buys otherwise, or nobody asked.
    """

    name: str
    run: Run
    bound_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptPoint:
    """What a policy cost and kept at one setting of its main knob, or the oracle at one share of requests."""

    name: str
    setting: str
    cost_usd: float
    slo_met_fraction: float
    slo_hours_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """All that was played over one scene.

    `rate_per_second`: demand of each step played, shape (steps,). `needed`: the fewest instances that keep the
    objective in it with nothing waiting before, one above the most allowed where none do. `target_requests`: what they
    keep, and so the oracles. `plain_usd`: each step's demand over what one instance sustains, rounded up, at its price.
    `refused`: by policy, why it was not played. `swept`: every policy at every setting of its knob, and the oracle at
    SHARES.
    """

    scene: Scene
    rate_per_second: Floats
    needed: Counts
    target_requests: float
    plain_usd: float
    played: dict[str, Played]
    refused: dict[str, str]
    swept: tuple[SweptPoint, ...] = ()

    @property
    def oracle_usd(self) -> float:
        """Cost of the oracle that changes at any step."""
        return self.played[ORACLE].run.cost_usd

    def cost_over_oracle(self, played: Played) -> float | None:
        """Return a cost as a multiple of the oracle's; None where that is nothing."""
        return played.run.cost_usd / self.oracle_usd if self.oracle_usd > 0 else None


def play(
    policies: Sequence[Policy],
    scene: Scene,
    *,
    conditions: Conditions,
    is_swept: bool = False,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Replay:
    """Play the oracles and each policy, with `is_swept` also at every setting of its knob, and find its bound.

    Bounds are left out otherwise: each takes ten times as long as the policy.

    A policy that says by a ValueError that it cannot plan here (no forecast, no price, an objective that nothing keeps)
    is refused with its reason; the others go on. TooManyCountsError where the oracle has too much to search.
    """
    total = len(policies) + 2
    on_progress(0, total)
    bench = _Bench(scene, conditions)
    played = {ORACLE_HOURLY: bench.oracle(ORACLE_HOURLY), ORACLE: bench.oracle(ORACLE)}
    refused: dict[str, str] = {}
    swept: list[SweptPoint] = []
    if is_swept:
        swept += [bench.point(ORACLE, f"{100 * share:g} % of requests", bench.at_share(share)) for share in SHARES]
    for done, policy in enumerate(policies, start=2):
        on_progress(done, total)
        try:
            plan = policy.plan(scene)
        except ValueError as error:
            refused[policy.name] = str(error)
            continue
        found = Played(name=policy.name, run=bench.run(plan))
        played[policy.name] = bench.bounded(found) if is_swept else found
        if is_swept and isinstance(policy, Swept):
            swept += [
                bench.point(policy.name, setting, bench.run(tried.plan(scene)))
                for setting, tried in policy.swept().items()
            ]
    on_progress(total, total)
    return Replay(
        scene=scene,
        rate_per_second=bench.rates,
        needed=bench.needed,
        target_requests=bench.target,
        plain_usd=_plain_usd(bench.rates, scene),
        played=played,
        refused=refused,
        swept=tuple(swept),
    )


def run_plan(plan: CapacityPlan, scene: Scene, conditions: Conditions) -> Run:
    """Return what becomes of the fleet over the scene's span.

    It starts with the scene's first instances; a fleet of several pools as the plan has it, so that no policy begins
    with launches.
    """
    return run(
        scene.rate_per_second,
        plan,
        step_seconds=scene.step_seconds,
        queue=scene.queue,
        most_instances=scene.fleet.bounds.max_instances,
        initial_instances=[scene.initial_instances] if len(plan.pools) == 1 else plan.floors[:, 0].tolist(),
        conditions=conditions,
    )


class _Bench:
    """One scene's demand and what each count of instances keeps of it, for all that is played over it."""

    def __init__(self, scene: Scene, conditions: Conditions) -> None:
        self._scene, self._conditions = scene, conditions
        self.rates = scene.rate_per_second
        self._arriving = self.rates * scene.step_seconds
        self._kept = kept_by_instances(
            self.rates,
            step_seconds=scene.step_seconds,
            queue=scene.queue,
            pool=scene.pool,
            most_instances=scene.fleet.bounds.max_instances,
            least_instances=max(scene.fleet.bounds.min_instances, scene.initial_instances),
        )
        percentile = scene.queue.percentile
        needed = needed_instances(self._kept, self._arriving, percentile=percentile)
        is_none = needed == self._kept.shape[1]
        self.needed = np.where(is_none, scene.fleet.bounds.max_instances + 1, needed)
        self.target = self._reachable(kept_where_every_step_does(self._kept, self._arriving, percentile=percentile))

    def run(self, plan: CapacityPlan) -> Run:
        return run_plan(plan, self._scene, self._conditions)

    def bounded(self, played: Played) -> Played:
        """Add the bound at the requests kept, which holds for what is bought as the oracle buys."""
        if played.run.pools != (self._scene.pool,):
            return played
        kept = float((played.run.arriving - played.run.late).sum())
        return replace(played, bound_usd=self._path(self._reachable(kept)).bound_usd)

    def oracle(self, name: str) -> Played:
        path = self._path(self.target, is_hourly=name == ORACLE_HOURLY)
        return Played(name=name, run=self._relaxed(path), bound_usd=path.bound_usd)

    def at_share(self, share: float) -> Run:
        """Return the oracle that keeps a share of requests, or as many as can be kept."""
        return self._relaxed(self._path(self._reachable(share * float(self._arriving.sum()))))

    def point(self, name: str, setting: str, run: Run) -> SweptPoint:
        return SweptPoint(
            name=name,
            setting=setting,
            cost_usd=run.cost_usd,
            slo_met_fraction=run.slo_met_fraction,
            slo_hours_fraction=run.slo_hours_fraction(self._scene.queue.percentile),
        )

    def _reachable(self, requests: float) -> float:
        """Return a target that rounding does not put above what the most instances keep."""
        return min(requests, float(self._kept.max(axis=1).sum()) * (1.0 - _ROUNDING))

    def _path(self, target_requests: float, *, is_hourly: bool = False) -> OraclePath:
        scene = self._scene
        return least_cost(
            self._kept,
            target_requests=target_requests,
            step_seconds=scene.step_seconds,
            usd_per_hour=scene.pool.usd_per_hour,
            lead_time_seconds=scene.pool.lead_time_seconds,
            least_instances=scene.fleet.bounds.min_instances,
            steps_between_changes=round(SECONDS_PER_HOUR / scene.step_seconds) if is_hourly else 1,
        )

    def _relaxed(self, path: OraclePath) -> Run:
        """Return the path played at once and undrained, with the relaxation's own late requests and bill."""
        scene = self._scene
        at_once = replace(scene.pool, lead_time_seconds=0.0, refused_fraction=0.0, stillborn_fraction=0.0)
        plan = CapacityPlan(pools=(at_once,), floors=path.instances[None, :])
        there_at_once = replace(scene, initial_instances=int(path.instances[0]))
        run = run_plan(plan, there_at_once, replace(self._conditions, drain_seconds=0.0))
        kept = self._kept[np.arange(len(self._kept)), path.instances]
        lead_steps = math.ceil(scene.pool.lead_time_seconds / scene.step_seconds - 1e-9)
        late = self._arriving - kept
        return replace(
            run,
            late=late,
            gaps=run.gaps and run.gaps.at_most(late),
            billed=billed_with_launches(path.instances, lead_steps)[None, :],
            cold_start_seconds=path.launches * lead_steps * scene.step_seconds,
            pools=(scene.pool,),
        )


def needed_instances(kept: Floats, arriving: Floats, *, percentile: float) -> Counts:
    """Return the fewest instances that hold the objective's percentile in each step, one above all where none do.

    `kept`: shape (steps, counts), by kept_by_instances; `arriving`: requests, shape (steps,).
    """
    is_enough = kept >= (arriving * percentile / 100.0)[:, None] * (1.0 - 1e-9)
    needed: Counts = np.where(is_enough.any(axis=1), is_enough.argmax(axis=1), kept.shape[1])
    return needed


def billed_with_launches(instances: Counts, lead_steps: int) -> Counts:
    """Return instances at work and on their way to it in each step; shapes (steps,).

    What was launched before the first step is billed in it, so that the sum is that of all launches.

    >>> billed_with_launches(np.array([1, 1, 1, 3]), 2).tolist()
    [1, 3, 3, 3]
    >>> billed_with_launches(np.array([1, 2, 2]), 2).tolist()
    [3, 2, 2]
    """
    billed: Counts = instances.copy()
    rises = np.maximum(np.diff(instances, prepend=instances[:1]), 0)
    for step in np.flatnonzero(rises):
        first = max(0, step - lead_steps)
        billed[first:step] += rises[step]
        billed[0] += rises[step] * max(0, lead_steps - step)
    return billed


def _plain_usd(rates: Floats, scene: Scene) -> float:
    instances = np.ceil(rates / scene.rate_per_instance * (1.0 - 1e-12))
    return float(instances.sum()) * scene.step_seconds / SECONDS_PER_HOUR * scene.pool.usd_per_hour
