import itertools
from collections import Counter

import pytest
from tests.unit.capacity.small_fleet import fleet

from headroom.domain.fleet import InstanceOption, SpotLimits, TargetKind
from headroom.domain.instance_type import CapacityPool
from headroom.domain.plan import SpotMixPlan
from headroom.spot import PoolOffer, plan_spot_mix
from headroom.spot.joint_risk import shortage_probability


def offer(
    zone: str,
    usd: float = 0.3,
    *,
    name: str = "g5.xlarge",
    chance: float = 0.002,
    relative_rate: float = 1.0,
) -> PoolOffer:
    return PoolOffer(
        pool=CapacityPool(instance_type=name, availability_zone=zone),
        spot_usd_per_hour=usd,
        interruption_probability=chance,
        relative_rate=relative_rate,
    )


def plan(
    *offers: PoolOffer,
    required: int = 10,
    max_fraction: float = 0.6,
    budget: float = 0.01,
    kind: TargetKind = TargetKind.EC2_AUTO_SCALING_GROUP,
) -> SpotMixPlan:
    one = fleet(
        InstanceOption(name="g5.xlarge", sustainable_rate_per_second=10.0),
        spot=SpotLimits(max_fraction=max_fraction, risk_budget_fraction=budget),
        kind=kind,
    )
    return plan_spot_mix(one, required_instances=required, offers=offers, on_demand_usd_per_hour=1.0)


def counts(made: SpotMixPlan) -> dict[str, int]:
    return {
        f"{item.pool.instance_type}/{item.pool.availability_zone}/{item.purchase_option}": item.instances
        for item in made.allocations
    }


THREE_ZONES = (offer("a"), offer("b"), offer("c"))


def test_the_cheapest_mix_survives_the_loss_of_any_one_pool() -> None:
    made = plan(*THREE_ZONES)
    # d + s - s/3 >= 10 and s <= .6 (d + s): s = 6, d = 6 costs 7.8; s = 9, d = 6: 8.7; s = 7 (3, 2, 2), d = 6: 8.1;
    # s = 8 (3, 3, 2), d = 6 > 10 - 5 = 5 from s <= 1.5 d -> d >= 5.33: 8.4. So 6 on demand and 2 a zone.
    assert counts(made) == {
        "g5.xlarge/any/on_demand": 6,
        "g5.xlarge/a/spot": 2,
        "g5.xlarge/b/spot": 2,
        "g5.xlarge/c/spot": 2,
    }
    assert made.cost_usd_per_hour == pytest.approx(6 + 6 * 0.3)
    assert made.on_demand_cost_usd_per_hour == 10.0
    total = 12
    assert all(total - item.instances >= 10 for item in made.allocations if item.purchase_option == "spot")


def test_it_equals_the_cheapest_of_all_mixes_tried_by_hand() -> None:
    offers = (offer("a", 0.3), offer("b", 0.5))
    made = plan(*offers, required=5, budget=0.5)

    def is_allowed(on_demand: int, spot: tuple[int, int]) -> bool:
        total = on_demand + sum(spot)
        is_spread = max(spot) <= -(-sum(spot) // 2)
        return total - max(spot) >= 5 and sum(spot) <= 0.6 * total + 1e-9 and is_spread

    cheapest = min(
        on_demand + 0.3 * first + 0.5 * second
        for on_demand, first, second in itertools.product(range(11), repeat=3)
        if is_allowed(on_demand, (first, second))
    )
    assert made.cost_usd_per_hour == pytest.approx(cheapest)


def test_the_risk_is_evaluated_and_kept_inside_the_budget() -> None:
    made = plan(*THREE_ZONES)
    expected = shortage_probability(
        on_demand_instances=6,
        spot_instances=[2, 2, 2],
        interruption_probabilities=[0.002] * 3,
        required_instances=10,
    )
    assert made.shortage_probability == pytest.approx(expected)
    assert made.shortage_probability <= made.risk_budget_fraction == 0.01


def test_a_tighter_budget_buys_more_safety() -> None:
    risky = tuple(offer(zone, 0.1, chance=0.02) for zone in "abcd")
    loose, tight = plan(*risky, budget=0.02), plan(*risky, budget=0.0085)
    assert tight.shortage_probability < loose.shortage_probability
    assert tight.cost_usd_per_hour > loose.cost_usd_per_hour


def test_pools_too_risky_for_the_budget_leave_all_on_demand() -> None:
    made = plan(*(offer(zone, chance=0.3) for zone in "abc"))
    assert counts(made) == {"g5.xlarge/any/on_demand": 10}
    assert made.shortage_probability == 0.0
    assert "spot would cost more or risk too much (3 pools looked at)" in made.explanation


def test_no_zone_holds_more_than_its_share_of_the_spot_instances() -> None:
    cheap_zone = (offer("a", 0.1), offer("a", 0.1, name="g6e.xlarge"), offer("b", 0.4), offer("c", 0.4))
    made = plan(*cheap_zone, required=30)
    zones: Counter[str] = Counter()
    for item in made.allocations:
        if item.purchase_option == "spot":
            zones[item.pool.availability_zone] += item.instances
    spot = sum(zones.values())
    assert spot > 0
    assert all(held <= -(-spot // 3) for held in zones.values())


def test_the_on_demand_share_is_rounded_up() -> None:
    made = plan(*THREE_ZONES, required=11, max_fraction=0.5)
    spot = sum(item.instances for item in made.allocations if item.purchase_option == "spot")
    total = sum(item.instances for item in made.allocations)
    assert spot <= 0.5 * total
    policy = made.mixed_instances_policy
    assert policy is not None
    distribution = policy["InstancesDistribution"]
    assert isinstance(distribution, dict)
    share = distribution["OnDemandPercentageAboveBaseCapacity"]
    assert -(-share * total // 100) >= total - spot


def test_slower_and_dearer_pools_are_passed_over() -> None:
    made = plan(offer("a", relative_rate=0.5), offer("b", 1.5))
    assert counts(made) == {"g5.xlarge/any/on_demand": 10}
    assert "no pool is as fast as today's type and cheaper" in made.explanation


@pytest.mark.parametrize(("required", "max_fraction"), [(0, 0.6), (10, 0.0)])
def test_no_need_or_no_leave_to_use_spot_means_no_spot(required: int, max_fraction: float) -> None:
    made = plan(*THREE_ZONES, required=required, max_fraction=max_fraction)
    assert all(item.purchase_option == "on_demand" for item in made.allocations)
    assert made.cost_usd_per_hour == required


def test_the_policy_is_as_ec2_auto_scaling_takes_it() -> None:
    made = plan(*THREE_ZONES)
    assert made.mixed_instances_policy == {
        "LaunchTemplate": {"Overrides": [{"InstanceType": "g5.xlarge"}]},
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": 0,
            "OnDemandPercentageAboveBaseCapacity": 50,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }


def test_a_launch_template_goes_into_the_policy() -> None:
    one = fleet(spot=SpotLimits(max_fraction=0.6))
    template = {"LaunchTemplateId": "lt-1", "Version": "$Default"}
    made = plan_spot_mix(
        one,
        required_instances=10,
        offers=THREE_ZONES,
        on_demand_usd_per_hour=1.0,
        launch_template=template,
    )
    assert made.mixed_instances_policy is not None
    launch = made.mixed_instances_policy["LaunchTemplate"]
    assert isinstance(launch, dict)
    assert launch["LaunchTemplateSpecification"] == template


def test_other_targets_get_no_policy() -> None:
    assert plan(*THREE_ZONES, kind=TargetKind.ECS_SERVICE).mixed_instances_policy is None


def test_the_order_of_offers_changes_nothing() -> None:
    assert plan(*THREE_ZONES) == plan(*reversed(THREE_ZONES))


def test_a_negative_need_is_refused() -> None:
    with pytest.raises(ValueError, match="required_instances"):
        plan(*THREE_ZONES, required=-1)
