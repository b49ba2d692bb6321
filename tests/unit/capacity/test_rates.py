import numpy as np
import pytest
from tests.unit.capacity.small_fleet import SLOTS, cpu_type, fleet, gpu_type, measured

from headroom.capacity import RateSource, UnknownRate, sustainable_rate
from headroom.capacity.rates import slot_queue
from headroom.capacity.throughput import bandwidth_gb_per_second
from headroom.domain.fleet import InstanceOption
from headroom.domain.serving import Objective

TYPES = {
    kind.name: kind
    for kind in (
        gpu_type("g5.xlarge", "A10G"),
        gpu_type("g6.xlarge", "L4", memory_mib_each=22_888),
        gpu_type("g5g.xlarge", "T4g", architecture="arm64"),
        gpu_type("odd.xlarge", "Abacus 9"),
        cpu_type("c7i.xlarge", vcpus=4, memory_mib=8192),
        cpu_type("c7i.4xlarge", vcpus=16, memory_mib=32_768),
    )
}
G5 = InstanceOption(name="g5.xlarge", sustainable_rate_per_second=10.0)


def test_a_measured_rate_comes_before_the_owners_benchmark() -> None:
    rate = sustainable_rate(fleet(G5), "g5.xlarge", measured_rates={"g5.xlarge": measured(8.0)})
    assert (rate.rate_per_second, rate.source) == (8.0, RateSource.HISTORY)


def test_the_owners_benchmark_comes_before_any_specification() -> None:
    both = fleet(G5, InstanceOption(name="g6.xlarge", sustainable_rate_per_second=7.0))
    rate = sustainable_rate(both, "g6.xlarge", types=TYPES)
    assert (rate.rate_per_second, rate.source) == (7.0, RateSource.CONFIGURATION)


def test_another_gpu_type_is_scaled_by_memory_bandwidth() -> None:
    # L4 300 GB/s over A10G 600 GB/s: half of 10/s
    rate = sustainable_rate(fleet(G5), "g6.xlarge", types=TYPES)
    assert rate.rate_per_second == pytest.approx(5.0)
    assert rate.source is RateSource.SPECIFICATION
    assert "0.50 x the 10/s of g5.xlarge by GPU memory bandwidth" in rate.method


def test_service_time_scales_with_the_inverse_of_the_rate() -> None:
    # .4 s on g5 at 10/s; at 5/s it is .8 s
    rate = sustainable_rate(fleet(G5, serving=SLOTS), "g6.xlarge", types=TYPES)
    assert rate.service_seconds == pytest.approx(0.8)
    assert sustainable_rate(fleet(G5, serving=SLOTS), "g5.xlarge").service_seconds == pytest.approx(0.4)


def test_types_without_gpu_are_scaled_by_vcpus() -> None:
    small = fleet(InstanceOption(name="c7i.xlarge", sustainable_rate_per_second=3.0))
    assert sustainable_rate(small, "c7i.4xlarge", types=TYPES).rate_per_second == pytest.approx(12.0)


def test_todays_rate_can_come_from_the_queue_on_one_instance() -> None:
    rate = sustainable_rate(fleet(InstanceOption(name="g5.xlarge"), serving=SLOTS), "g5.xlarge")
    # four slots of .4 s carry less than 10/s, and not much less at five times the service time
    assert 8.0 < rate.rate_per_second < 10.0
    assert rate.source is RateSource.CONFIGURATION
    assert rate.service_seconds == pytest.approx(0.4)


def test_sagemaker_names_are_found_in_the_catalogue_of_ec2() -> None:
    variant = fleet(InstanceOption(name="ml.g5.xlarge", sustainable_rate_per_second=10.0))
    assert sustainable_rate(variant, "ml.g6.xlarge", types=TYPES).rate_per_second == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("today", "other", "reason"),
    [
        ("g5.xlarge", "g5g.xlarge", "arm64"),
        ("g5.xlarge", "odd.xlarge", "Abacus 9 is not in the table"),
        ("g5.xlarge", "c7i.xlarge", "c7i.xlarge has no GPU"),
        ("c7i.xlarge", "g5.xlarge", "c7i.xlarge has no GPU"),
        ("g5.xlarge", "g9.xlarge", "g9.xlarge is not in the catalogue"),
        ("g9.xlarge", "g5.xlarge", "g9.xlarge is not in the catalogue"),
    ],
)
def test_types_that_no_specification_compares_say_why(today: str, other: str, reason: str) -> None:
    one = fleet(InstanceOption(name=today, sustainable_rate_per_second=10.0))
    with pytest.raises(UnknownRate, match=reason):
        sustainable_rate(one, other, types=TYPES)


def test_a_rate_that_nothing_tells_names_the_key_to_set() -> None:
    unknown = fleet(InstanceOption(name="g5.xlarge"), objective=Objective(ttft_seconds=1.0, itl_seconds=0.1))
    with pytest.raises(UnknownRate, match="sustainable_rate_per_second"):
        sustainable_rate(unknown, "g5.xlarge")
    with pytest.raises(UnknownRate, match="neither its rate nor that of today's"):
        sustainable_rate(unknown, "g6.xlarge", types=TYPES)


def test_a_known_type_needs_no_rate_of_todays() -> None:
    unknown = fleet(InstanceOption(name="g5.xlarge"))
    rate = sustainable_rate(unknown, "g6.xlarge", measured_rates={"g6.xlarge": measured(4.0)})
    assert (rate.rate_per_second, rate.service_seconds) == (4.0, None)


def test_bandwidth_counts_gpus_memory_sizes_and_shares_of_one() -> None:
    assert bandwidth_gb_per_second(gpu_type("g5.12xlarge", "A10G", count=4)) == 2400.0
    assert bandwidth_gb_per_second(gpu_type("p4d.24xlarge", "A100", count=8, memory_mib_each=40_960)) == 8 * 1555.0
    assert bandwidth_gb_per_second(gpu_type("p4de.24xlarge", "A100", count=8, memory_mib_each=81_920)) == 8 * 2039.0
    # an eighth of an L4: 2,861 of 22,888 MiB
    assert bandwidth_gb_per_second(gpu_type("g6f.large", "L4", memory_mib_each=2861)) == pytest.approx(37.5)
    assert bandwidth_gb_per_second(gpu_type("g7e.2xlarge", "RTX PRO Server 6000")) == 1597.0
    assert bandwidth_gb_per_second(cpu_type("m7i.large", vcpus=2, memory_mib=8192)) is None


def test_the_method_of_a_measured_rate_says_what_it_was_fitted_on() -> None:
    rate = sustainable_rate(fleet(G5), "g5.xlarge", measured_rates={"g5.xlarge": measured(8.0)})
    assert rate.method == (
        "measured on 800 hours at 0.8 to 9.6/s an instance, 3 saturated hours left out: interval 7.6 to 8.4/s"
    )


def test_a_measured_pool_sets_the_service_time_with_which_its_queue_carries_what_it_carried() -> None:
    slots = fleet(G5, serving=SLOTS)
    # what the queue of fleets.yaml carries on six instances, each
    queue = slot_queue(slots, 0.4)
    assert queue is not None
    each = max(share for share in np.linspace(8.0, 10.0, 2001) if queue.is_met(6, 6 * share))
    same = sustainable_rate(slots, "g5.xlarge", measured_rates={"g5.xlarge": measured(each, instances=6)})
    assert same.service_seconds == pytest.approx(0.4, rel=1e-3)
    less = sustainable_rate(slots, "g5.xlarge", measured_rates={"g5.xlarge": measured(0.8 * each, instances=6)})
    assert (less.service_seconds or 0.0) > 0.4
    slower = slot_queue(slots, less.service_seconds or 0.0)
    assert slower is not None
    assert slower.is_met(6, 6 * 0.8 * each)
    assert not slower.is_met(6, 6 * 0.81 * each)


def test_another_types_benchmark_is_compared_with_todays_benchmark_and_not_with_a_pool() -> None:
    both = fleet(G5, InstanceOption(name="g6.xlarge", sustainable_rate_per_second=5.0), serving=SLOTS)
    known = {"g5.xlarge": measured(9.5, instances=6)}
    today = sustainable_rate(both, "g5.xlarge", measured_rates=known)
    other = sustainable_rate(both, "g6.xlarge", measured_rates=known)
    # 10/s over 5/s: twice the service time, whatever the pool carried
    assert other.service_seconds == pytest.approx(2 * (today.service_seconds or 0.0))
