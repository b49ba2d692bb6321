"""What must never happen when spot is planned.

- The chance of being short fits the budget, and losing any one pool leaves enough.
- Spot stays inside its share, no zone above its even part, and the plan never costs more than on demand alone.
- A chance is a chance; more on demand never makes a shortage likelier, more correlation never makes losing every pool
  less likely.
"""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.capacity.small_fleet import fleet

from headroom.domain.fleet import SpotLimits
from headroom.domain.instance_type import CapacityPool
from headroom.spot import PoolOffer, plan_spot_mix, shortage_probability

CHANCES = st.floats(min_value=0.0, max_value=0.6)
OFFERS = st.lists(
    st.builds(
        PoolOffer,
        pool=st.builds(
            CapacityPool,
            instance_type=st.sampled_from(["g5.xlarge", "g6e.xlarge"]),
            availability_zone=st.sampled_from(["a", "b", "c"]),
        ),
        spot_usd_per_hour=st.floats(min_value=0.05, max_value=1.2),
        interruption_probability=CHANCES,
    ),
    max_size=6,
    unique_by=lambda offer: offer.pool,
)


@settings(deadline=None, max_examples=60)
@given(
    offers=OFFERS,
    required=st.integers(min_value=0, max_value=40),
    max_fraction=st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
    budget=st.sampled_from([0.001, 0.01, 0.1]),
)
def test_a_plan_keeps_every_limit(offers: list[PoolOffer], required: int, max_fraction: float, budget: float) -> None:
    one = fleet(spot=SpotLimits(max_fraction=max_fraction, risk_budget_fraction=budget))
    made = plan_spot_mix(one, required_instances=required, offers=offers, on_demand_usd_per_hour=1.0)
    spot = [item for item in made.allocations if item.purchase_option == "spot"]
    total = sum(item.instances for item in made.allocations)
    held = sum(item.instances for item in spot)
    assert made.shortage_probability <= budget
    assert all(total - item.instances >= required for item in spot)
    assert held <= max_fraction * total + 1e-9
    assert made.cost_usd_per_hour <= made.on_demand_cost_usd_per_hour + 1e-6
    zones: Counter[str] = Counter()
    for item in spot:
        zones[item.pool.availability_zone] += item.instances
    distinct = {offer.pool.availability_zone for offer in offers if offer.spot_usd_per_hour < 1.0}
    if len(distinct) > 1:
        assert all(count <= -(-held // len(distinct)) for count in zones.values())


@settings(deadline=None)
@given(
    pools=st.lists(st.tuples(st.integers(min_value=0, max_value=20), CHANCES), max_size=8),
    on_demand=st.integers(min_value=0, max_value=30),
    required=st.integers(min_value=0, max_value=60),
    correlation=st.floats(min_value=0.0, max_value=1.0),
)
def test_risk_is_a_chance_that_on_demand_only_lowers(
    pools: list[tuple[int, float]],
    on_demand: int,
    required: int,
    correlation: float,
) -> None:
    def risk(base: int) -> float:
        return shortage_probability(
            on_demand_instances=base,
            spot_instances=[count for count, _ in pools],
            interruption_probabilities=[chance for _, chance in pools],
            required_instances=required,
            correlation=correlation,
        )

    assert -1e-12 <= risk(on_demand) <= 1 + 1e-12
    assert risk(on_demand + 1) <= risk(on_demand) + 1e-12


@settings(deadline=None)
@given(
    chance=st.floats(min_value=0.001, max_value=0.6),
    pools=st.integers(min_value=2, max_value=6),
    low=st.floats(min_value=0.0, max_value=1.0),
    high=st.floats(min_value=0.0, max_value=1.0),
)
def test_correlation_makes_losing_every_pool_likelier(chance: float, pools: int, low: float, high: float) -> None:
    def all_out(correlation: float) -> float:
        return shortage_probability(
            on_demand_instances=0,
            spot_instances=[1] * pools,
            interruption_probabilities=[chance] * pools,
            required_instances=1,
            correlation=correlation,
        )

    assert all_out(min(low, high)) <= all_out(max(low, high)) + 1e-12
