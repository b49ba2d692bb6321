from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import MONDAY, series_of

from headroom.domain.demand import Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.parts import level_of_last_week, median_parts
from headroom.forecasting.series import Series

DAILY = np.repeat([0.8, 1.2], 12)  # nights and days; their mean is 1
WEEK = (1.0, 2.0, 0.5, 1.0, 1.0, 1.0, 1.0)  # Tuesdays double, Wednesdays half, all together 1
TREND, HOUR_OF_DAY, DAY_OF_WEEK, HOLIDAY, EVENT, REST = range(6)


def demand(days: int, *, week: tuple[float, ...] = (1.0,)) -> Floats:
    return 100.0 * np.outer(np.resize(week, days), DAILY).ravel()


def with_calendar(series: Series, calendar: Calendar) -> Series:
    return Series(series_id=series.series_id, hours=series.hours, observed=series.observed, calendar=calendar)


def test_level_hour_day_and_newest_hours_are_told_apart() -> None:
    path = demand(3, week=WEEK)
    path[:6] *= 1.1
    parts = median_parts(series_of(demand(28, week=WEEK)), path, {})

    assert parts[:, TREND] == pytest.approx(100)
    # nights 100 x 0.8, days 100 x 1.2
    assert parts[:, HOUR_OF_DAY] == pytest.approx(np.tile(np.repeat([-20.0, 20.0], 12), 3))
    # Monday as it comes; Tuesday 80 more on top of 80; Wednesday half of 80 off
    assert parts[[0, 24, 48, 60], DAY_OF_WEEK] == pytest.approx([0, 80, -40, -60])
    # six hours of 80 that are 10 % higher
    assert parts[:6, REST] == pytest.approx(8)
    assert parts[6:, REST] == pytest.approx(0, abs=1e-9)
    assert not parts[:, [HOLIDAY, EVENT]].any()


def test_days_of_the_week_that_the_path_does_not_follow_are_no_part_of_it() -> None:
    parts = median_parts(series_of(demand(28, week=WEEK)), demand(3), {})

    assert parts[:, TREND] == pytest.approx(100, abs=0.1)
    assert parts[:, DAY_OF_WEEK] == pytest.approx(0, abs=0.1)
    assert parts[:, REST] == pytest.approx(0, abs=0.1)


def test_half_of_the_weekly_shape_counts_for_half_of_it() -> None:
    half = tuple(np.sqrt(WEEK))  # on the log scale
    parts = median_parts(series_of(demand(28, week=WEEK)), demand(3, week=half), {})

    # Tuesday is sqrt(2) = 1.414 of 80
    assert parts[24, DAY_OF_WEEK] == pytest.approx(33.1, abs=0.2)


def test_a_holiday_and_an_event_take_and_add_what_the_members_were_told_they_do() -> None:
    sale = CalendarEvent(
        name="sale",
        kind=EventKind.SALE,
        starts_at_utc=MONDAY + timedelta(days=51, hours=12),
        ends_at_utc=MONDAY + timedelta(days=52),
    )
    # 24 to 26 November 2026 are ahead; Thanksgiving starts at 5:00 UTC on the 26th, and so after 53 hours
    series = with_calendar(series_of(demand(50)), Calendar(country="US", events=(sale,)))
    path = demand(3)
    path[36:48] *= 1.5
    path[53:] *= 0.8
    parts = median_parts(series, path, {"holiday": np.log(0.8), "event_sale": np.log(1.5), "event_launch": 1.0})

    assert parts[:, TREND] == pytest.approx(100)
    assert parts[36:48, EVENT] == pytest.approx(60)  # half of 120 more
    assert not np.delete(parts[:, EVENT], range(36, 48)).any()
    assert parts[[52, 53, 60], HOLIDAY] == pytest.approx([0, -16, -24])  # a fifth of 80 and of 120
    assert parts[:, REST] == pytest.approx(0, abs=1e-9)


def test_growth_is_no_day_of_the_week() -> None:
    growing = demand(31) * np.exp(0.1 / 168 * np.arange(31 * 24))
    parts = median_parts(series_of(growing[: 28 * 24]), growing[28 * 24 :], {})

    assert parts[:, DAY_OF_WEEK] == pytest.approx(0, abs=1e-6)
    # the second and third day ahead have their middle at day 30, more than four weeks after the first hour's 100
    assert parts[0, TREND] == pytest.approx(100 * np.exp(0.1 * 30 / 7), rel=0.01)


def test_short_histories_and_paths_have_no_weekly_part_and_no_rest() -> None:
    parts = median_parts(series_of(demand(3)), demand(1), {})

    assert parts[:, TREND] == pytest.approx(100)
    assert parts[:, DAY_OF_WEEK:] == pytest.approx(0, abs=1e-9)


def test_no_demand_has_no_parts() -> None:
    assert not median_parts(series_of(np.zeros(24 * 8)), np.zeros(72), {}).any()


def test_weeks_with_gaps_still_tell_their_days() -> None:
    history = demand(28, week=WEEK)
    history[:24] = np.nan  # a Monday of four
    history[24 * 8 : 24 * 22 : 7] = np.nan
    parts = median_parts(series_of(history), demand(3, week=WEEK), {})

    assert parts[[0, 24, 48], DAY_OF_WEEK] == pytest.approx([0, 80, -40])


def test_the_level_of_the_last_week_is_that_of_its_usual_day() -> None:
    # 100 on six days and 800 on one: 100 x 8^(1/7) = 134.6
    week = np.repeat([100.0, 100, 100, 800, 100, 100, 100], 24)
    assert level_of_last_week(series_of(week)) == pytest.approx(134.59, abs=0.01)
    assert level_of_last_week(series_of(week[1:])) is None
    week[: 24 * 4] = np.nan
    assert level_of_last_week(series_of(week)) is None
