from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from headroom.domain.window import Window
from headroom.sandbox.demand_generator import DemandShape, GeneratedDemand
from headroom.sandbox.fleet_lives import LIVES
from headroom.sandbox.world import DEFAULT_NOW

START = datetime(2026, 10, 7, tzinfo=UTC)  # a Wednesday
DAYS = 42


def generate(fleet_id: str = "chat-large", *, seed: int = 0, launches: tuple[Window, ...] = ()) -> GeneratedDemand:
    return GeneratedDemand(
        seed=seed,
        fleet_number=0,
        shape=LIVES[fleet_id].demand,
        start_utc=START,
        now_utc=DEFAULT_NOW,
        launches=launches,
    )


def shape_of(fleet_id: str) -> DemandShape:
    return LIVES[fleet_id].demand


def daily_means(demand: GeneratedDemand, days: int = 56) -> dict[date, float]:
    rate = demand.steps(days * 288).rate_per_second.reshape(days, 288).mean(axis=1)
    return {(START + timedelta(days=day)).date(): float(rate[day]) for day in range(days)}


def test_more_steps_begin_with_the_same_steps() -> None:
    for fleet_id in ("chat-large", "vision-batch"):
        few, many = generate(fleet_id).steps(3 * 288), generate(fleet_id).steps(50 * 288)
        np.testing.assert_array_equal(few.rate_per_second, many.rate_per_second[: 3 * 288])
        np.testing.assert_array_equal(few.count, many.count[: 3 * 288])
        np.testing.assert_array_equal(few.is_reported, many.is_reported[: 3 * 288])


def test_another_seed_changes_the_numbers_and_keeps_the_size() -> None:
    one, other = (generate(seed=seed).steps(DAYS * 288) for seed in (0, 1))
    assert (one.count != other.count).mean() > 0.99
    for steps in (one, other):
        assert steps.rate_per_second.mean() == pytest.approx(shape_of("chat-large").mean_per_second, rel=0.01)


def test_weekends_and_public_holidays_are_quieter_for_a_chat() -> None:
    means = daily_means(generate())
    weekdays = [mean for day, mean in means.items() if day.weekday() < 5]
    weekends = [mean for day, mean in means.items() if day.weekday() >= 5]
    assert np.mean(weekends) < 0.8 * np.mean(weekdays)
    thanksgiving, week_before = means[date(2026, 11, 26)], means[date(2026, 11, 19)]
    assert thanksgiving < 0.85 * week_before


def test_days_peak_and_nights_are_low() -> None:
    rate = generate().steps(DAYS * 288).rate_per_second.reshape(DAYS, 24, 12).mean(axis=(0, 2))
    assert 13 <= int(rate.argmax()) <= 20  # UTC: the American day
    assert rate.min() < 0.3 * rate.max()


def test_demand_grows() -> None:
    means = list(daily_means(generate(), days=42).values())
    assert np.mean(means[-7:]) > 1.02 * np.mean(means[:7])


def test_a_launch_lifts_demand_while_it_lasts() -> None:
    launch = Window(datetime(2026, 10, 22, 14, tzinfo=UTC), datetime(2026, 10, 23, 14, tzinfo=UTC))
    plain, lifted = generate().steps(30 * 288), generate(launches=(launch,)).steps(30 * 288)
    ratio = lifted.rate_per_second / plain.rate_per_second
    inside = slice(15 * 288 + 16 * 12, 16 * 288 + 12 * 12)
    outside = slice(0, 15 * 288)
    assert ratio[inside].mean() > 1.15 * ratio[outside].mean()


def test_the_batch_fleet_idles_at_night_and_bursts_by_day() -> None:
    rate = generate("vision-batch").steps(DAYS * 288).rate_per_second.reshape(DAYS, 24, 12).mean(axis=2)
    busy = shape_of("vision-batch").busy_per_second
    assert rate[:, 5:9].max() < 0.02 * busy  # 05 to 09 UTC is the American night
    assert rate.max() > 0.7 * busy


def test_some_samples_get_lost_but_none_of_the_six_hours_before_opening() -> None:
    reported = [generate(seed=seed).steps(DAYS * 288 + 72).is_reported for seed in range(8)]
    assert any((~one).any() for one in reported)
    opening = int((DEFAULT_NOW - START).total_seconds()) // 300
    for one in reported:
        assert one[opening - 72 : opening + 1].all()
        assert one.mean() > 0.98
