import pytest
from tests.unit.capacity.small_fleet import SLOTS, cpu_type, fleet, forecast, gpu_type

from headroom.capacity import rightsize
from headroom.domain.fleet import Bounds, Fleet, InstanceOption, Workload
from headroom.domain.instance_type import InstanceType
from headroom.domain.plan import InfeasibleType, RightsizingOption

TYPES = {
    kind.name: kind
    for kind in (
        gpu_type("g5.xlarge", "A10G"),
        gpu_type("g6.xlarge", "L4", memory_mib_each=22_888),
        gpu_type("g6e.xlarge", "L40S", memory_mib_each=45_776),
        gpu_type("tiny.xlarge", "A10G", memory_mib_each=2_000),
        cpu_type("m7i.large", vcpus=2, memory_mib=8192),
    )
}
PRICES = {"g5.xlarge": 1.0, "g6.xlarge": 0.8, "g6e.xlarge": 1.2, "tiny.xlarge": 0.1, "m7i.large": 0.1}


def options_of(
    one: Fleet,
    *peaks: float,
    types: dict[str, InstanceType] | None = None,
    prices: dict[str, float] | None = None,
    spot: dict[str, float] | None = None,
) -> tuple[list[RightsizingOption], list[InfeasibleType]]:
    return rightsize(
        one,
        forecast(*peaks),
        types=TYPES if types is None else types,
        on_demand_usd_per_hour=PRICES if prices is None else prices,
        spot_usd_per_hour=spot or {},
    )


def test_the_cheapest_feasible_type_is_recommended_and_the_next_is_the_runner_up() -> None:
    one = fleet(workload=Workload(model_parameters_billion=1))
    options, infeasible = options_of(one, 100.0, 50.0)
    # g5 10/s: 10 + 5 = 15 h x 1.0 = 15.0; g6 5/s: 20 + 10 = 30 h x .8 = 24; L40S 864/600 x 10 = 14.4/s: 7 + 4 = 11 h
    # x 1.2 = 13.2
    assert [(option.rank, option.instance_type, option.instance_hours) for option in options] == [
        (1, "g6e.xlarge", 11.0),
        (2, "g5.xlarge", 15.0),
        (3, "g6.xlarge", 30.0),
    ]
    assert [option.cost_usd for option in options] == pytest.approx([13.2, 15.0, 24.0])
    assert [option.is_current for option in options] == [False, True, False]
    assert {item.instance_type: item.reason for item in infeasible}.keys() == {"tiny.xlarge", "m7i.large"}


def test_the_break_even_rate_is_where_the_type_would_cost_what_todays_does() -> None:
    options, _ = options_of(fleet(), 100.0, 50.0)
    by_name = {option.instance_type: option for option in options}
    # 14.4/s x 13.2 / 15 = 12.672/s
    assert by_name["g6e.xlarge"].break_even_rate_per_second == pytest.approx(12.672)
    assert by_name["g5.xlarge"].break_even_rate_per_second is None
    assert "12% cheaper than today's type" in by_name["g6e.xlarge"].explanation
    assert "60% dearer" in by_name["g6.xlarge"].explanation
    assert by_name["g5.xlarge"].explanation.startswith("today's type: 10 instances at the peak")


def test_gpu_memory_is_a_hard_constraint_with_its_numbers_in_the_reason() -> None:
    one = fleet(workload=Workload(model_parameters_billion=1))
    _, infeasible = options_of(one, 10.0)
    reasons = {item.instance_type: item.reason for item in infeasible}
    assert "of GPU memory and 1.8 GiB are usable" in reasons["tiny.xlarge"]
    assert "has no GPU" in reasons["m7i.large"]


def test_todays_type_stays_an_option_though_the_estimate_says_it_cannot_fit() -> None:
    one = fleet(workload=Workload(model_parameters_billion=70))
    options, _ = options_of(one, 10.0)
    assert [option.instance_type for option in options] == ["g5.xlarge"]
    assert "it runs today, though by fleets.yaml weights and KV cache need" in options[0].explanation


def test_a_type_without_price_is_infeasible_and_says_so() -> None:
    _, infeasible = options_of(fleet(), 10.0, prices={"g5.xlarge": 1.0})
    reasons = {item.instance_type: item.reason for item in infeasible}
    assert reasons["g6.xlarge"] == "no on-demand price of it is known"


def test_a_price_in_the_configuration_comes_before_the_market() -> None:
    own = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=10.0, on_demand_usd_per_hour=0.5)
    options, _ = options_of(fleet(own), 10.0, types={})
    assert [(option.instance_type, option.usd_per_hour) for option in options] == [("g5.xlarge", 0.5)]


def test_spot_rows_come_after_all_on_demand_rows_and_are_never_todays() -> None:
    options, _ = options_of(fleet(), 10.0, spot={"g5.xlarge": 0.3})
    last = options[-1]
    assert (last.purchase_option, last.instance_type, last.rank) == ("spot", "g5.xlarge", len(options))
    assert not last.is_current
    assert "at the spot price of now" in last.explanation


def test_the_minimum_of_the_fleet_holds_for_every_type() -> None:
    one = fleet(bounds=Bounds(min_instances=3, max_instances=4))
    options, _ = options_of(one, 10.0, 100.0)
    by_name = {option.instance_type: option for option in options}
    assert by_name["g6e.xlarge"].instance_hours == 3 + 7
    # the maximum was chosen for today's type and does not hide what demand needs
    assert by_name["g5.xlarge"].peak_instances == 10


def test_a_type_too_slow_for_the_objective_is_infeasible() -> None:
    # exponential service of .8 s has p95 2.4 s > 2 s
    _, infeasible = options_of(fleet(serving=SLOTS), 10.0)
    reasons = {item.instance_type: item.reason for item in infeasible}
    assert "no number of instances can meet 2 s" in reasons["g6.xlarge"]


def test_cpu_types_need_todays_memory_per_vcpu_and_must_not_be_burstable() -> None:
    types = {
        kind.name: kind
        for kind in (
            cpu_type("m7i.large", vcpus=2, memory_mib=8192),
            cpu_type("m7i.xlarge", vcpus=4, memory_mib=16_384),
            cpu_type("c7i.xlarge", vcpus=4, memory_mib=8192),
            cpu_type("t3.xlarge", vcpus=4, memory_mib=16_384),
        )
    }
    one = fleet(InstanceOption(name="m7i.large", sustainable_rate_per_second=10.0))
    options, infeasible = options_of(one, 40.0, types=types, prices=dict.fromkeys(types, 0.1))
    assert [option.instance_type for option in options] == ["m7i.xlarge", "m7i.large"]
    reasons = {item.instance_type: item.reason for item in infeasible}
    assert "would need 16.0 GiB, and it has 8.0 GiB" in reasons["c7i.xlarge"]
    assert "burstable" in reasons["t3.xlarge"]


def test_sagemaker_fleets_see_only_sagemakers_types_and_others_none_of_them() -> None:
    both = {**TYPES, **{f"ml.{name}": kind for name, kind in TYPES.items()}}
    prices = dict.fromkeys(both, 1.0)
    variant = fleet(InstanceOption(name="ml.g5.xlarge", sustainable_rate_per_second=10.0))
    options, _ = options_of(variant, 10.0, types=both, prices=prices)
    assert all(option.instance_type.startswith("ml.") for option in options)
    options, _ = options_of(fleet(), 10.0, types=both, prices=prices)
    assert not any(option.instance_type.startswith("ml.") for option in options)
