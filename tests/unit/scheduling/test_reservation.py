"""What to reserve, by hand from a plan's hours."""

import pytest
from tests.unit.scheduling.small_plan import at, requirement

from headroom.scheduling.reservation import advise_reservation, block_sizes

NEED = requirement(4, 9, 14, 12, 6, first_hour=6)


def test_it_reaches_from_a_lead_time_before_the_first_hour_that_lacks_to_the_end_of_the_last() -> None:
    # 8 came: 07:00 needs 9, 08:00 14, 09:00 12; the largest lacks 6
    found = advise_reservation(NEED, instance_type="g5.12xlarge", came_instances=8.0, lead_seconds=600.0)
    assert found is not None
    assert (found.instances, found.starts_at_utc, found.ends_at_utc) == (6, at("06:50"), at("10:00"))
    assert found.record()["kind"] == "on_demand_capacity_reservation"
    assert str(found) == ("an On-Demand capacity reservation of 6 g5.12xlarge, 2026-11-18 06:50Z to 2026-11-18 10:00Z")


def test_a_type_with_capacity_blocks_gets_whole_days_and_the_half_hour_that_blocks_end_early() -> None:
    found = advise_reservation(NEED, instance_type="p5.48xlarge", came_instances=7.6, lead_seconds=600.0)
    assert found is not None
    # 7.6 on average are 7 for sure
    assert (found.instances, found.ends_at_utc, found.days) == (7, at("10:30"), 1)
    assert str(found) == (
        "a Capacity Block of one day for 7 p5.48xlarge that covers 2026-11-18 06:50Z to 2026-11-18 10:30Z"
    )


@pytest.mark.parametrize("family", ["p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "trn1", "trn2"])
def test_every_family_that_aws_lists_comes_in_capacity_blocks(family: str) -> None:
    found = advise_reservation(NEED, instance_type=f"{family}.48xlarge", came_instances=8.0, lead_seconds=0.0)
    assert found is not None
    assert found.kind == "capacity_block"


def test_sagemaker_has_its_own() -> None:
    found = advise_reservation(NEED, instance_type="ml.p5.48xlarge", came_instances=8.0, lead_seconds=0.0)
    assert found is not None
    assert found.record()["kind"] == "ml_capacity_reservation"
    assert str(found).startswith("a SageMaker ML capacity reservation of 6 ml.p5.48xlarge")


def test_a_plan_that_needs_no_more_than_came_wants_no_reservation() -> None:
    assert advise_reservation(NEED, instance_type="g5.xlarge", came_instances=14.0, lead_seconds=300.0) is None


@pytest.mark.parametrize("instances", range(1, 200))
def test_blocks_hold_exactly_what_is_asked_for_and_are_as_few_as_64_instances_each_allow(instances: int) -> None:
    sizes = block_sizes(instances)
    assert len(sizes) == -(-instances // 64)
    assert sum(sizes) == instances
    assert list(sizes) == sorted(sizes, reverse=True)
