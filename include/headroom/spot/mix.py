"""How a fleet's need is bought: the cheapest on-demand base and spot pools whose joint risk fits the owner's budget.

Whole numbers of instances are chosen by mixed-integer linear programming so that
- losing any k pools at once leaves enough: on demand + spot - the k largest pools >= required, k being at least 1;
- spot is at most `spot.max_fraction` of all instances, so that the on-demand share rounds up as EC2's does;
- where there are several zones, none holds more than its even share of the spot instances, rounded up.
The chance of being short has no linear form, so it is evaluated exactly (headroom.spot.joint_risk) for the cheapest mix
of each k from 1 to all pools; the cheapest of those inside `spot.risk_budget_fraction` is the plan. Losing all pools is
survived by on-demand instances alone, so there always is one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, sparse

from headroom.domain.demand import Floats
from headroom.domain.fleet import Fleet, TargetKind
from headroom.domain.instance_type import CapacityPool
from headroom.domain.plan import SpotAllocation, SpotMixPlan
from headroom.spot.joint_risk import REGION_CORRELATION, shortage_probability
from headroom.spot.manifest import mixed_instances_policy

MOST_POOLS: Final = 24
"""Pools considered: the cheapest by price; AWS advises at least ten types, and more than this changes no plan."""
ANY_ZONE: Final = "any"
"""Zone of on-demand instances, which the group places itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOffer:
    """A spot pool that could serve the fleet.

    `relative_rate` is its type's sustainable rate over that of today's type. An instance counts as one of today's, so
    pools below 1 are passed over.
    """

    pool: CapacityPool
    spot_usd_per_hour: float
    interruption_probability: float
    relative_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class _Mix:
    on_demand: int
    spot: tuple[int, ...]
    usd_per_hour: float
    risk: float


def plan_spot_mix(
    fleet: Fleet,
    *,
    required_instances: int,
    offers: Sequence[PoolOffer],
    on_demand_usd_per_hour: float,
    launch_template: Mapping[str, str] | None = None,
    correlation: float = REGION_CORRELATION,
) -> SpotMixPlan:
    """Return the cheapest way to buy `required_instances` of today's type that keeps risk and limits of `fleet.spot`.

    `launch_template` goes into the MixedInstancesPolicy as its LaunchTemplateSpecification; without it the policy is
    for a group that has one already. Targets other than EC2 Auto Scaling groups get no policy.
    """
    if required_instances < 0:
        raise ValueError(f"required_instances must be at least 0, found {required_instances}")
    usable = _usable(offers, on_demand_usd_per_hour)
    limits = fleet.spot
    mixes = [_Mix(required_instances, (0,) * len(usable), required_instances * on_demand_usd_per_hour, 0.0)]
    if usable and limits.max_fraction > 0 and required_instances > 0:
        for lost_pools in range(1, len(usable) + 1):
            mix = _solve(
                usable,
                required=required_instances,
                on_demand_usd_per_hour=on_demand_usd_per_hour,
                max_fraction=limits.max_fraction,
                lost_pools=lost_pools,
                correlation=correlation,
            )
            if mix is not None:
                mixes.append(mix)
    best = min(
        (mix for mix in mixes if mix.risk <= limits.risk_budget_fraction),
        key=lambda mix: (round(mix.usd_per_hour, 9), mix.risk),
    )
    held = [(offer, count) for offer, count in zip(usable, best.spot, strict=True) if count > 0]
    policy = None
    if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
        policy = mixed_instances_policy(
            today=fleet.current_type.name,
            spot_types=[offer.pool.instance_type for offer, _ in held],
            on_demand_instances=best.on_demand,
            spot_instances=sum(best.spot),
            launch_template=launch_template,
        )
    return SpotMixPlan(
        fleet_id=fleet.id,
        required_instances=required_instances,
        allocations=_allocations(fleet, best, held, on_demand_usd_per_hour),
        shortage_probability=best.risk,
        risk_budget_fraction=limits.risk_budget_fraction,
        cost_usd_per_hour=best.usd_per_hour,
        on_demand_cost_usd_per_hour=required_instances * on_demand_usd_per_hour,
        mixed_instances_policy=policy,
        explanation=_explain(
            fleet, best, held, pools_seen=len(offers), pools_usable=len(usable), required=required_instances
        ),
    )


def _usable(offers: Sequence[PoolOffer], on_demand_usd_per_hour: float) -> list[PoolOffer]:
    """Return the pools worth considering, each once, in an order that does not depend on how they came."""
    by_pool = {
        offer.pool: offer
        for offer in offers
        if offer.relative_rate >= 1.0 - 1e-9 and offer.spot_usd_per_hour < on_demand_usd_per_hour
    }
    ordered = sorted(
        by_pool.values(),
        key=lambda offer: (offer.spot_usd_per_hour, offer.pool.instance_type, offer.pool.availability_zone),
    )
    return ordered[:MOST_POOLS]


def _solve(
    offers: Sequence[PoolOffer],
    *,
    required: int,
    on_demand_usd_per_hour: float,
    max_fraction: float,
    lost_pools: int,
    correlation: float,
) -> _Mix | None:
    """Return the cheapest mix that survives the loss of any `lost_pools` pools; None when the solver finds none.

    Variables: on demand d, spot x_i, and t, u_i, with which "the k largest" is linear: the sum of the k largest x_i is
    the least of k t + sum of u_i over u_i >= x_i - t, u_i >= 0.
    """
    count = len(offers)
    prices = [offer.spot_usd_per_hour for offer in offers]
    cost = np.array([on_demand_usd_per_hour, *prices, 0.0, *([0.0] * count)])
    rows: list[Floats] = []
    lower: list[float] = []

    def at_least(
        bound: float, *, on_demand: float, spot: Floats, level: float = 0.0, above: Floats | None = None
    ) -> None:
        rows.append(np.concatenate([[on_demand], spot, [level], np.zeros(count) if above is None else above]))
        lower.append(bound)

    ones, identity = np.ones(count), np.eye(count)
    at_least(required, on_demand=1.0, spot=ones, level=-float(lost_pools), above=-ones)
    for index in range(count):
        at_least(0.0, on_demand=0.0, spot=-identity[index], level=1.0, above=identity[index])
    at_least(0.0, on_demand=max_fraction, spot=-(1.0 - max_fraction) * ones)
    zones = [offer.pool.availability_zone for offer in offers]
    distinct = sorted(set(zones))
    if len(distinct) > 1:
        for zone in distinct:
            is_here = np.array([1.0 if name == zone else 0.0 for name in zones])
            # spot here <= spot / zones, rounded up: less than one instance above the even share
            margin = (len(distinct) - 1) / len(distinct)
            at_least(-margin, on_demand=0.0, spot=ones / len(distinct) - is_here)
    most = 2 * required + count
    result = optimize.milp(
        cost,
        constraints=optimize.LinearConstraint(sparse.csr_array(np.array(rows)), np.array(lower), np.inf),
        integrality=np.array([1.0] * (1 + count) + [0.0] * (1 + count)),
        bounds=optimize.Bounds(0.0, float(most)),
        options={"time_limit": 10.0, "mip_rel_gap": 1e-6},
    )
    if result.x is None:
        return None
    whole = np.rint(result.x[: 1 + count]).astype(int)
    on_demand, spot = int(whole[0]), tuple(int(number) for number in whole[1:])
    risk = shortage_probability(
        on_demand_instances=on_demand,
        spot_instances=spot,
        interruption_probabilities=[offer.interruption_probability for offer in offers],
        required_instances=required,
        correlation=correlation,
    )
    return _Mix(on_demand, spot, float(np.dot(cost[: 1 + count], whole)), risk)


def _allocations(
    fleet: Fleet,
    mix: _Mix,
    held: Sequence[tuple[PoolOffer, int]],
    on_demand_usd_per_hour: float,
) -> tuple[SpotAllocation, ...]:
    base = SpotAllocation(
        pool=CapacityPool(instance_type=fleet.current_type.name, availability_zone=ANY_ZONE),
        purchase_option="on_demand",
        instances=mix.on_demand,
        usd_per_hour=on_demand_usd_per_hour,
    )
    spot = [
        SpotAllocation(
            pool=offer.pool,
            purchase_option="spot",
            instances=count,
            usd_per_hour=offer.spot_usd_per_hour,
        )
        for offer, count in held
    ]
    return (base, *spot) if mix.on_demand else tuple(spot)


def _explain(
    fleet: Fleet,
    mix: _Mix,
    held: Sequence[tuple[PoolOffer, int]],
    *,
    pools_seen: int,
    pools_usable: int,
    required: int,
) -> str:
    if not held:
        why = (
            "no pool is as fast as today's type and cheaper"
            if not pools_usable
            else "spot would cost more or risk too much"
        )
        if fleet.spot.max_fraction == 0:
            why = "spot.max_fraction is 0"
        return f"{required} on demand: {why} ({pools_seen} pools looked at)"
    largest = max(count for _, count in held)
    total = mix.on_demand + sum(mix.spot)
    return (
        f"{mix.on_demand} on demand and {sum(mix.spot)} spot in {len(held)} pools: {total - required} more than the "
        f"{required} required, so that losing the largest pool ({largest}) leaves {total - largest}; chance of being "
        f"short {mix.risk:.2g}, budget {fleet.spot.risk_budget_fraction:.2g}; on-demand share "
        f"{math.ceil(100 * mix.on_demand / total)} %"
    )
