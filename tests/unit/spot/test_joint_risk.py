import numpy as np
import pytest

from headroom.spot import shortage_probability
from headroom.spot.joint_risk import _shock


def risk(
    spot: list[int],
    chances: list[float],
    *,
    required: int,
    on_demand: int = 0,
    correlation: float = 0.43,
) -> float:
    return shortage_probability(
        on_demand_instances=on_demand,
        spot_instances=spot,
        interruption_probabilities=chances,
        required_instances=required,
        correlation=correlation,
    )


def test_one_pool_is_short_exactly_as_often_as_it_is_out() -> None:
    assert risk([4], [0.1], required=4) == pytest.approx(0.1)


def test_two_independent_pools_fail_together_by_the_product() -> None:
    assert risk([4, 4], [0.1, 0.2], required=4, correlation=0.0) == pytest.approx(0.02)
    # either one out is enough: 1 - .9 x .8
    assert risk([4, 4], [0.1, 0.2], required=8, correlation=0.0) == pytest.approx(0.28)


def test_two_equal_pools_fail_together_as_their_correlation_says() -> None:
    # P(both) = q^2 + rho q (1 - q) = .01 + .43 x .09 = .0487, near five times independence
    assert risk([4, 4], [0.1, 0.1], required=1) == pytest.approx(0.0487)


def test_correlated_pools_cannot_be_told_from_one_when_correlation_is_full() -> None:
    assert risk([4, 4, 4], [0.1, 0.1, 0.1], required=1, correlation=1.0) == pytest.approx(0.1)


def test_unequal_pools_keep_their_own_chances() -> None:
    shock = _shock(np.array([0.05, 0.1, 0.2]), 0.43)
    mixture = shock.probability * shock.out_in_shock + (1 - shock.probability) * shock.out_otherwise
    assert mixture.tolist() == pytest.approx([0.05, 0.1, 0.2])
    # pools very different from each other: chances stay chances
    shock = _shock(np.array([0.001, 0.9]), 0.9)
    assert ((shock.out_in_shock >= 0) & (shock.out_in_shock <= 1 + 1e-12)).all()
    assert (shock.out_otherwise >= -1e-12).all()


def test_capacity_below_the_requirement_is_always_short_and_on_demand_alone_never() -> None:
    assert risk([2], [0.1], required=4, on_demand=1) == 1.0
    assert risk([], [], required=4, on_demand=4) == 0.0
    assert risk([0], [0.9], required=4, on_demand=4) == 0.0


def test_pools_that_are_never_out_are_never_short() -> None:
    assert risk([4], [0.0], required=4) == 0.0
    assert risk([4], [1.0], required=4) == pytest.approx(1.0)


def test_lengths_and_chances_are_checked() -> None:
    with pytest.raises(ValueError, match="1 pools have instances, 2 a chance"):
        risk([4], [0.1, 0.2], required=4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        risk([4], [1.1], required=4)
