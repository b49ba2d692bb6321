from datetime import UTC, datetime, timedelta

import pytest

from headroom.domain.instance_type import CapacityPool, SpotPricePoint
from headroom.domain.window import Window
from headroom.spot import estimate_interruption
from headroom.spot.interruption import scarce_fraction

POOL = CapacityPool(instance_type="g5.xlarge", availability_zone="us-east-1a")
START = datetime(2026, 11, 4, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=10))


def price(day: float, usd: float, pool: CapacityPool = POOL) -> SpotPricePoint:
    return SpotPricePoint(pool=pool, timestamp_utc=START + timedelta(days=day), spot_usd_per_hour=usd)


def test_time_at_a_price_near_on_demand_is_time_without_capacity() -> None:
    # .4 before the window and on, .95 from day 3 to day 5, then .4: two days of ten
    prices = [price(5, 0.4), price(-2, 0.4), price(3, 0.95)]
    estimate = estimate_interruption(POOL, prices, on_demand_usd_per_hour=1.0, window=WINDOW)
    assert estimate.probability == pytest.approx(0.2)
    assert estimate.source == "price near on-demand 20% of the time"


def test_only_the_time_with_a_known_price_counts() -> None:
    # first known at day 5: one of the five known days is scarce
    prices = [price(5, 0.4), price(9, 0.95)]
    assert scarce_fraction(prices, threshold_usd_per_hour=0.9, window=WINDOW) == pytest.approx(0.2)


def test_an_advisor_band_is_a_rate_times_the_length_of_an_outage() -> None:
    # 10 % a month is .1 / 730 an hour, 8 hours each
    prices = [price(-1, 0.4)]
    estimate = estimate_interruption(POOL, prices, on_demand_usd_per_hour=1.0, window=WINDOW, advisor_band="5-10%")
    assert estimate.probability == pytest.approx(0.1 / 730 * 8)
    assert estimate.source == "advisor band 5-10%"


def test_without_any_sign_the_worst_band_is_assumed_and_said() -> None:
    estimate = estimate_interruption(POOL, [], on_demand_usd_per_hour=1.0, window=WINDOW)
    assert estimate.probability == pytest.approx(0.4 / 730 * 8)
    assert estimate.source == "no advisor band known, >20% assumed; no price history"


def test_prices_after_the_window_do_not_exist_yet() -> None:
    estimate = estimate_interruption(POOL, [price(11, 0.95)], on_demand_usd_per_hour=1.0, window=WINDOW)
    assert "no price history" in estimate.source


def test_an_unknown_band_and_prices_of_another_pool_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown advisor band '3%'"):
        estimate_interruption(POOL, [], on_demand_usd_per_hour=1.0, window=WINDOW, advisor_band="3%")
    other = CapacityPool(instance_type="g5.xlarge", availability_zone="us-east-1b")
    with pytest.raises(ValueError, match="prices of"):
        estimate_interruption(POOL, [price(0, 0.4, other)], on_demand_usd_per_hour=1.0, window=WINDOW)
