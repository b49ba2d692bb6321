"""What a series that is not an even, well-known one gets: an answer that is defined, and why."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import FIRST_HOUR, after_hours, history_of, series_of, shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.ensemble import CHEAP_MEMBERS, MEMBERS, NOTHING_LEARNT, forecast
from headroom.forecasting.fleet_forecast import forecast_fleet, select_provisionally
from headroom.forecasting.level_shift import brought_to_new_level
from headroom.forecasting.members import Forecaster
from headroom.forecasting.series import ONE_HOUR, Series, prepare
from headroom.forecasting.series_forecast import SeriesForecast

pytestmark = pytest.mark.thorough

LOW, HIGH = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)
THREE_DAYS = 72


def forecast_values(values: Floats, members: tuple[Forecaster, ...] = CHEAP_MEMBERS) -> SeriesForecast:
    return forecast(prepare(series_of(values)), NOTHING_LEARNT, horizon_steps=THREE_DAYS, seed=0, members=members)


def covered(made: SeriesForecast, came: Floats) -> float:
    return float(((made.quantiles[:, LOW] <= came) & (came <= made.quantiles[:, HIGH])).mean())


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("days_since", [2, 3, 5])
def test_after_a_level_shift_of_two_days_the_old_shape_is_repeated_at_the_new_level(
    factor: float, days_since: int
) -> None:
    values = shaped_demand(24 * 28 + THREE_DAYS)
    values[24 * (28 - days_since) :] *= factor
    made = forecast_values(values[: 24 * 28])
    assert np.mean(made.median / values[24 * 28 :]) == pytest.approx(1.0, abs=0.1)
    assert covered(made, values[24 * 28 :]) > 0.7
    assert f"hours before the last {24 * days_since} were brought to the new level" in made.note


def test_neither_one_day_nor_a_burst_nor_a_lone_wild_day_is_a_new_level() -> None:
    values = shaped_demand(24 * 28)
    for since, factor in ((24, 2.0), (48, 5.0), (48, 1.2)):
        moved = values.copy()
        moved[-since:] *= factor
        assert brought_to_new_level(series_of(moved)).level_shift is None
    restless = values.copy()
    restless[-48:-24] *= 2.0
    assert brought_to_new_level(series_of(restless)).level_shift is None


def test_after_a_level_shift_nobody_says_that_the_last_week_was_at_the_new_level() -> None:
    shifted, steady = shaped_demand(24 * 28), shaped_demand(24 * 28)
    shifted[-72:] *= 2.0
    made_at = after_hours(24 * 28)
    told = [
        forecast_fleet(
            history_of(seen),
            made_at_utc=made_at,
            selection=select_provisionally(history_of(seen), made_at_utc=made_at),
        ).explanation
        for seen in (shifted, steady)
    ]
    assert "the last week" not in told[0]
    assert "the last week" in told[1]


def test_a_day_that_nobody_saw_hides_no_shift_and_moves_its_begin_nowhere() -> None:
    values = shaped_demand(24 * 28)
    values[-72:] *= 2.0
    values[-48:-24] = np.nan
    found = brought_to_new_level(series_of(values))
    assert found.level_shift is not None
    assert found.level_shift[1] == 72
    assert found.observed[-72:-48].tolist() == values[-72:-48].tolist()


@pytest.mark.parametrize("hours_left", [0, 12])
def test_an_event_of_days_is_no_new_level_and_ends_when_the_calendar_says(hours_left: int) -> None:
    usual = shaped_demand(24 * 28 + THREE_DAYS)
    seen = usual[: 24 * 28].copy()
    seen[-72:] *= 1.8
    made_at = after_hours(24 * 28)
    sale = CalendarEvent(
        name="sale",
        kind=EventKind.SALE,
        starts_at_utc=made_at - timedelta(hours=72),
        ends_at_utc=made_at + timedelta(hours=hours_left),
    )
    history = history_of(seen)
    chosen = select_provisionally(history, made_at_utc=made_at, events=(sale,))
    made = forecast_fleet(history, made_at_utc=made_at, events=(sale,), selection=chosen)
    after = made.mean_at_level(0.5)[24:] / usual[24 * 29 :]
    assert after.mean() == pytest.approx(1.0, abs=0.1)  # and not 1.8


def test_weekends_and_series_under_sixteen_days_are_no_shift() -> None:
    for hours in (24 * 28, 24 * 27, 24 * 26, 24 * 15):
        series = series_of(shaped_demand(hours))
        assert brought_to_new_level(series) is series


def test_a_constant_series_that_has_just_moved_is_no_longer_certain() -> None:
    values = np.full(24 * 17, 5.0)
    values[-12:] = 8.0
    made = forecast_values(values)
    assert (made.quantiles[:, HIGH] > made.quantiles[:, LOW]).all()
    assert covered(made, np.full(THREE_DAYS, 8.0)) == 1.0


def test_one_hour_of_demand_after_weeks_of_none_is_no_more_than_a_chance() -> None:
    values = np.zeros(24 * 16)
    values[-1] = 3.0
    made = forecast_values(values)
    hour = np.arange(THREE_DAYS) % 24
    assert made.median[hour != 23].max() < 0.01
    assert made.median.max() < 0.5 * 3.0  # at the same hour of the next days some members repeat it, most do not
    assert made.quantiles.max() <= 4 * 3.0


def test_near_duplicate_series_get_near_duplicate_forecasts() -> None:
    values = shaped_demand(24 * 21)
    one, other = forecast_values(values), forecast_values(values * (1 + 1e-6))
    assert other.quantiles == pytest.approx(one.quantiles, rel=1e-4)
    assert other.mean_weights() == pytest.approx(one.mean_weights(), rel=1e-3)


def test_a_growing_demand_is_forecast_above_its_last_week() -> None:
    """One per cent a day: the same three days a week before were 7 % lower."""
    values = shaped_demand(24 * 35 + THREE_DAYS) * 1.01 ** (np.arange(24 * 35 + THREE_DAYS) / 24)
    made = forecast_values(values[: 24 * 35], MEMBERS)
    came, week_before = values[24 * 35 :], values[24 * 28 : 24 * 31]
    assert abs(made.median.mean() / came.mean() - 1) < abs(week_before.mean() / came.mean() - 1)
    assert covered(made, came) > 0.6


def test_a_ramp_up_is_followed_late_inside_a_wide_band_and_never_beyond_four_times_the_most_seen() -> None:
    """From nothing to full in three weeks: no season before it was like it, so the band must carry what is to come."""
    ramp = np.clip(np.arange(24 * 21 + THREE_DAYS) / (24 * 21), 0.05, None)
    values = shaped_demand(len(ramp)) * ramp
    made = forecast_values(values[: 24 * 21], MEMBERS)
    assert made.median.mean() > values[: 24 * 21].mean()
    assert made.median.mean() > 0.75 * values[24 * 21 :].mean()  # the week before was 0.7 of it
    assert covered(made, values[24 * 21 :]) > 0.4
    assert made.quantiles.max() <= 4 * values[: 24 * 21].max()


def test_gaps_at_the_same_hour_of_many_days_leave_the_other_hours_as_they_were() -> None:
    whole = shaped_demand(24 * 21)
    hour, day = np.arange(len(whole)) % 24, np.arange(len(whole)) // 24
    gappy = np.where((hour >= 12) & (hour < 15) & (day % 2 == 0), np.nan, whole)
    made, usual = forecast_values(gappy), forecast_values(whole)
    assert np.isfinite(made.quantiles).all()
    assert made.median == pytest.approx(usual.median, rel=0.25)


@pytest.mark.parametrize("first", ["2026-03-01T00:00:00", "2028-02-10T00:00:00"])
def test_hours_are_utc_so_clock_changes_and_leap_days_are_days_like_others(first: str) -> None:
    """In the UTC hours of 2026-03-08 (US) and -29 (EU) clocks change; 2028-02-29 is a leap day."""
    values = shaped_demand(24 * 21)
    start = np.datetime64(first, "s")
    made = [
        forecast(
            Series(series_id="x", hours=at + ONE_HOUR * np.arange(len(values)), observed=values, calendar=Calendar()),
            NOTHING_LEARNT,
            horizon_steps=THREE_DAYS,
            seed=0,
            members=CHEAP_MEMBERS,
        )
        for at in (FIRST_HOUR, start)
    ]
    assert made[0].quantiles.tolist() == made[1].quantiles.tolist()


def test_demand_by_a_local_clock_is_followed_when_the_clocks_change() -> None:
    """New York goes from UTC-5 to UTC-4 on 2026-03-08 at 07:00 UTC: every hour of the week comes an hour sooner.

    The week before, which weekly naive repeats, is an hour late for seven days.
    """
    days = 60
    first = datetime(2026, 2, 2, tzinfo=UTC)
    clock = [(first + timedelta(hours=hour)).astimezone(ZoneInfo("America/New_York")) for hour in range(24 * days)]
    shape = [(10 + 8 * np.sin(2 * np.pi * (at.hour - 8) / 24)) * (0.5 if at.weekday() >= 5 else 1.0) for at in clock]
    values = np.array(shape) * np.exp(0.1 * np.random.default_rng(1).standard_normal(24 * days))
    hours = np.datetime64("2026-02-02T00:00:00", "s") + ONE_HOUR * np.arange(24 * days)
    changed = 24 * 34  # the day of the change, whose origin knows nothing of it
    errors, naive_errors, inside = [], [], []
    for origin in range(changed, changed + 24 * 8, 24):
        known = Series(series_id="x", hours=hours[:origin], observed=values[:origin], calendar=Calendar(country="US"))
        made = forecast(prepare(known), NOTHING_LEARNT, horizon_steps=24, seed=0, members=CHEAP_MEMBERS)
        came = values[origin : origin + 24]
        errors.append(float(np.abs(made.median - came).sum() / came.sum()))
        naive_errors.append(float(np.abs(values[origin - 168 : origin - 144] - came).sum() / came.sum()))
        inside.append(covered(made, came))
    assert all(ours < 1.05 * naive for ours, naive in zip(errors, naive_errors, strict=True))
    assert np.mean(errors) < 0.95 * np.mean(naive_errors)
    assert np.mean(inside) > 0.7


def test_twenty_thousand_hours_take_no_longer_than_twelve_weeks_and_thirty_are_enough() -> None:
    values = shaped_demand(20_000)
    started = time.process_time()
    long = forecast_values(values)
    assert time.process_time() - started < 10
    assert long.quantiles.tolist() == forecast_values(values[-24 * 7 * 12 :]).quantiles.tolist()
    assert forecast_values(values[:30]).median[:24] == pytest.approx(values[6:30])


@pytest.mark.parametrize("hours_missing", [11 * 24, 30 * 24])
def test_demand_that_nobody_has_seen_for_long_is_not_forecast_with_certainty(hours_missing: int) -> None:
    """No past origin has anything to be judged by, and a band without errors had no width."""
    values = np.concatenate([shaped_demand(24 * 21), np.full(hours_missing, np.nan)])
    made = forecast(prepare(series_of(values)), NOTHING_LEARNT, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    assert (made.quantiles[:, 10] > 2 * made.median).all()
    assert (made.quantiles[:, 2] < made.median / 2).all()
    assert "too little was seen to judge: bands of typical width" in made.note
