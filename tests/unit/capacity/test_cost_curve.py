import numpy as np
import pytest
from tests.unit.capacity.small_fleet import SLOTS, fleet, forecast

from headroom.capacity import cost_curve, sustainable_rate
from headroom.columns import QUANTILE_LEVELS

CHAT = fleet()
"""10/s an instance; a shortage costs nine times what an instance too many does."""
AT_Q50, AT_Q90, AT_Q95, AT_Q99 = (QUANTILE_LEVELS.index(level) for level in (0.50, 0.90, 0.95, 0.99))


def test_instances_cost_their_price_and_shortage_ten_times_what_is_missing_on_average() -> None:
    # q90 is 9000/s: 900 instances, q95 950, q99 990
    curve = cost_curve(CHAT, forecast(9000.0), sustainable_rate(CHAT, "g5.xlarge"), usd_per_hour=2.0)
    assert curve.instance_usd[AT_Q90] == 2 * 900
    # above q90: a mean of 25 missing over .05, of 70 over .04, of 90 over .01
    missing = 25 * 0.05 + 70 * 0.04 + 90 * 0.01
    assert curve.shortage_usd[AT_Q90] == pytest.approx(2 * 10 * missing)
    assert curve.shortage_usd[AT_Q99] == 0.0  # more than the last quantile is not known


def test_the_cost_is_least_at_the_critical_ratio() -> None:
    for ratio, level in ((9.0, 0.90), (1.0, 0.50), (4.0, 0.80), (19.0, 0.95)):
        one = fleet(shortage_cost_ratio=ratio)
        curve = cost_curve(one, forecast(9000.0, 7000.0), sustainable_rate(one, "g5.xlarge"), usd_per_hour=2.0)
        assert curve.cheapest_level == level
        assert curve.critical_ratio == pytest.approx(level)


def test_hours_add_up_and_only_the_first_may_be_asked_for() -> None:
    rate = sustainable_rate(CHAT, "g5.xlarge")
    both = cost_curve(CHAT, forecast(9000.0, 500.0), rate, usd_per_hour=2.0)
    first = cost_curve(CHAT, forecast(9000.0, 500.0), rate, usd_per_hour=2.0, hours=1)
    second = cost_curve(CHAT, forecast(500.0), rate, usd_per_hour=2.0)
    np.testing.assert_allclose(both.total_usd, first.total_usd + second.total_usd)


def test_slots_are_sized_by_their_queue_at_every_level() -> None:
    slots = fleet(serving=SLOTS)
    curve = cost_curve(slots, forecast(900.0), sustainable_rate(slots, "g5.xlarge"), usd_per_hour=1.0)
    assert (np.diff(curve.instance_usd) >= 0).all()
    assert (np.diff(curve.shortage_usd) <= 0).all()
    assert curve.instance_usd[AT_Q50] < curve.instance_usd[AT_Q95]


def test_nothing_to_serve_costs_nothing() -> None:
    curve = cost_curve(CHAT, forecast(0.0), sustainable_rate(CHAT, "g5.xlarge"), usd_per_hour=2.0)
    assert curve.total_usd.tolist() == [0.0] * 13
