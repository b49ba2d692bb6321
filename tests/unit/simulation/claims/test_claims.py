"""What the article claims, how a verdict is reached, and the scenarios and demand that are played."""

import math
from dataclasses import replace
from datetime import timedelta

import holidays
import numpy as np
import pytest

from headroom.capacity.queueing import latency_percentile_seconds
from headroom.domain.serving import Slots
from headroom.simulation.claims.article import CLAIMS
from headroom.simulation.claims.claim import Better, Claim, Measured, Verdict
from headroom.simulation.claims.demand import DemandShape, generated_demand, scaled_to
from headroom.simulation.claims.scenarios import (
    CHOICES,
    CLINIC,
    DAYS,
    HISTORY_START,
    SHOP,
    SHOP_INSTANCES,
    START,
    USD_PER_HOUR,
    on_quicker_type,
)
from headroom.simulation.demand_path import Bursts

FLAT = DemandShape(
    busiest_hour_utc=20,
    day_swing=1.0,
    weekend_factor=1.0,
    day_variation=0.0,
    sales_per_week=0.0,
    sale_factor=1.0,
    sale_hours=1,
    bursts=Bursts(variation=0.0),
)


def claim(low: float, high: float, *, better: Better = Better.MORE, is_given: bool = False) -> Claim:
    return Claim(
        key="some",
        words="words",
        reading="reading",
        unit="%",
        low=low,
        high=high,
        measure=lambda _: Measured(value=None, why=""),
        better=better,
        is_given=is_given,
    )


@pytest.mark.parametrize(
    ("stated", "value", "verdict"),
    [
        (claim(35, 45), 35.0, Verdict.HOLDS),
        (claim(35, 45), 45.0, Verdict.HOLDS),
        (claim(35, 45), 45.1, Verdict.MORE),
        (claim(35, 45), 34.9, Verdict.FAILS),
        (claim(40, 40), 36.0, Verdict.HOLDS),  # a tenth of 40 is 4
        (claim(40, 40), 44.0, Verdict.HOLDS),
        (claim(40, 40), 35.9, Verdict.FAILS),
        (claim(210, 210, better=Better.LESS), 231.0, Verdict.HOLDS),
        (claim(210, 210, better=Better.LESS), 280.0, Verdict.FAILS),
        (claim(210, 210, better=Better.LESS), 150.0, Verdict.MORE),
        (claim(15, 25, better=Better.NEITHER), 35.0, Verdict.FAILS),
        (claim(60, math.inf, better=Better.NEITHER), 99.0, Verdict.HOLDS),
        (claim(22, 22, is_given=True), 22.0, Verdict.GIVEN),
        (claim(35, 45), None, Verdict.OPEN),
        (claim(35, 45), math.inf, Verdict.OPEN),
    ],
)
def test_a_verdict(stated: Claim, value: float | None, verdict: Verdict) -> None:
    assert stated.verdict(value) is verdict


def test_every_figure_that_the_issue_names_is_a_claim() -> None:
    stated = {(item.low, item.high) for claims in CLAIMS.values() for item in claims}
    case_study = {(22, 22), (85_000, 85_000), (280, 280), (8, 8), (35, 35), (68, 68), (32_000, 32_000), (210, 210)}
    strategies = {(35, 45), (60, 70), (40, 50), (55, 65)}
    assert stated >= case_study | strategies | {(40, 40), (25, 25), (60, 60), (15, 25), (45, 45), (30, 30)}
    keys = [item.key for claims in CLAIMS.values() for item in claims]
    assert len(set(keys)) == len(keys)


def test_the_shop_costs_what_the_article_says_and_is_as_slow_before_anything_waits() -> None:
    assert pytest.approx(85_000) == USD_PER_HOUR * 50 * 730
    serving = SHOP.fleet.serving
    assert isinstance(serving, Slots)
    assert serving.service_seconds == pytest.approx(0.280 / math.log(20))  # P(S > 280 ms) = 1 / 20
    p95 = latency_percentile_seconds(
        percentile=95.0,
        servers=SHOP_INSTANCES,
        rate_per_second=SHOP.mean_per_second,
        service_seconds=serving.service_seconds,
    )
    assert float(p95) == pytest.approx(0.280, abs=1e-5)
    assert SHOP.mean_per_second * serving.service_seconds == pytest.approx(0.22 * 50)


def test_on_the_quicker_type_the_same_work_costs_the_same() -> None:
    before, after = SHOP.fleet, on_quicker_type(SHOP).fleet
    assert isinstance(before.serving, Slots)
    assert isinstance(after.serving, Slots)
    assert after.serving.service_seconds == pytest.approx(before.serving.service_seconds * 210 / 280)
    prices = [fleet.current_type.on_demand_usd_per_hour or 0.0 for fleet in (before, after)]
    usd_a_request = [prices[0] * before.serving.service_seconds, prices[1] * after.serving.service_seconds]
    assert usd_a_request[0] == pytest.approx(usd_a_request[1])


def test_no_public_holiday_falls_into_what_is_played_or_learnt_from() -> None:
    days = [(HISTORY_START + timedelta(days=day)).date() for day in range((START - HISTORY_START).days + DAYS)]
    assert [day for day in days if day in holidays.country_holidays("US", years=2026)] == []
    assert HISTORY_START.weekday() == START.weekday() == 0


def test_a_scene_is_the_same_again_from_its_seed_and_has_the_mean_that_was_asked_for() -> None:
    one, again, other = SHOP.scene(0, days=2), SHOP.scene(0, days=2), SHOP.scene(1, days=2)
    assert one.known.rate_per_second.tobytes() == again.known.rate_per_second.tobytes()
    assert (one.known.rate_per_second != other.known.rate_per_second).any()
    for scene in (one, other):
        played = scene.known.rate_per_second[-scene.steps :]
        assert len(played) == 2 * 1440
        assert played.mean() == pytest.approx(SHOP.mean_per_second)


def test_a_choice_changes_one_thing_and_says_whether_it_is_demand() -> None:
    assert CHOICES[0].scenario == SHOP
    for choice in CHOICES[1:]:
        differs = [name for name in ("fleet", "shape") if getattr(choice.scenario, name) != getattr(SHOP, name)]
        assert differs == (["shape"] if choice.has_other_demand else ["fleet"])


def test_every_setting_says_whether_the_article_or_we_chose_it() -> None:
    assert {setting.source for scenario in (SHOP, CLINIC) for setting in scenario.settings} == {"article", "ours"}


def hourly(shape: DemandShape, days: int = 7) -> np.ndarray:
    """Demand by day and hour from a Monday on."""
    record = generated_demand(shape, start_utc=START, days=days, step_seconds=3600.0, seed=0)
    return record.rate_per_second.reshape(days, 24)


def test_a_day_swings_between_its_busiest_hour_and_twelve_hours_away() -> None:
    day = generated_demand(
        replace(FLAT, day_swing=3.0), start_utc=START, days=1, step_seconds=60.0, seed=0
    ).rate_per_second
    # 1 + cos / 2: from 1.5 at 20:00 to 0.5 at 08:00, 1 on average
    assert (day.max(), day.min(), day.mean()) == pytest.approx((1.5, 0.5, 1.0), abs=1e-4)
    assert {int(day.argmax()) // 60, int(day.argmin()) // 60} <= {19, 20, 7, 8}


def test_saturday_and_sunday_differ_from_workdays() -> None:
    assert hourly(replace(FLAT, weekend_factor=1.2)).mean(axis=1).tolist() == pytest.approx([1.0] * 5 + [1.2] * 2)


def test_a_sale_lasts_its_hours_and_lifts_them() -> None:
    week = hourly(replace(FLAT, sales_per_week=7.0, sale_factor=1.3, sale_hours=2))
    # one a day, two hours each
    assert (np.isclose(week, 1.3).sum(axis=1) == 2).all()
    assert (np.isclose(week, 1.0).sum(axis=1) == 22).all()


def test_scaling_gives_the_played_part_its_mean_and_the_rest_the_same_factor() -> None:
    drawn = generated_demand(replace(FLAT, weekend_factor=2.0), start_utc=START, days=7, step_seconds=3600.0, seed=0)
    scaled = scaled_to(drawn, 10.0, from_utc=START + timedelta(days=5))
    assert scaled.rate_per_second[-48:].mean() == pytest.approx(10.0)
    assert scaled.rate_per_second[0] == pytest.approx(5.0)
