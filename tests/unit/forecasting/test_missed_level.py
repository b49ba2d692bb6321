"""A level that moved hours ago moves the next hours, once three checks in a row missed it on one side."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.domain.demand import Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.backtest import forecast_models
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.ensemble import CHEAP_MEMBERS, forecast, forecast_with_members, select
from headroom.forecasting.losses import MEDIAN_INDEX
from headroom.forecasting.missed_level import kept_ahead, missed_level
from headroom.forecasting.series import ONE_HOUR, Series, prepare

AGREEING = np.array([[7.0, 9.0], [6.0, 6.0], [5.0, 5.0], [0.1, -0.1]])
"""Newest first: misses of 8, 6 and 5, and one from before that is none."""


def test_the_smallest_of_three_misses_on_one_side_is_believed() -> None:
    assert missed_level(AGREEING, usual_error=1.0) == 5.0
    assert missed_level(-AGREEING, usual_error=1.0) == -5.0


@pytest.mark.parametrize(
    ("errors", "usual_error"),
    [
        (AGREEING, 2.6),  # the smallest is less than twice the usual error
        (AGREEING * [[1.0], [-1.0], [1.0], [1.0]], 1.0),
        (AGREEING[:2], 1.0),
        (np.where(AGREEING == 6.0, np.nan, AGREEING), 1.0),
        (AGREEING, 0.0),  # nothing is known of usual errors
    ],
)
def test_misses_that_are_few_or_small_or_of_both_sides_move_nothing(errors: Floats, usual_error: float) -> None:
    assert missed_level(errors, usual_error=usual_error) == 0.0


def test_a_check_with_one_hour_seen_still_tells() -> None:
    seen_once = AGREEING.copy()
    seen_once[1, 0] = np.nan
    assert missed_level(seen_once, usual_error=1.0) == 5.0


def test_a_check_that_no_number_could_hold_is_one_that_nobody_saw() -> None:
    beyond = AGREEING.copy()
    beyond[1] = np.inf, -np.inf
    assert missed_level(beyond, usual_error=1.0) == 0.0
    beyond[1] = np.inf, 6.0
    assert missed_level(beyond, usual_error=1.0) == 5.0


@pytest.mark.parametrize(
    "misses",
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [20.0, -20.0, 20.0, -20.0, 20.0, -20.0],
        [20.0, 20.0, -20.0, -20.0, 20.0, 20.0],
        [20.0, 20.0, 0.0, 0.0, 20.0, 20.0],
        [np.nan] * 6,
        [20.0, 20.0, np.nan, np.nan, np.nan, np.nan],  # right after a gap
        [np.nan, np.nan, 20.0, 20.0, 20.0, 20.0],  # in one
    ],
)
def test_six_hours_that_do_not_all_tell_the_same_move_nothing(misses: list[float]) -> None:
    assert missed_level(np.reshape(misses, (3, 2)), usual_error=1.0) == 0.0


def test_six_hours_that_all_miss_by_the_same_are_believed() -> None:
    assert missed_level(np.full((3, 2), -20.0), usual_error=1.0) == -20.0


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e100])
def test_demand_of_any_size_gives_numbers_and_no_warning_when_it_jumps(size: float) -> None:
    usual = shaped_demand(24 * 8)
    chosen = select(prepare(series_of(usual * size)), horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    jumped = np.concatenate([usual * size, np.full(6, 1e100)])
    made = forecast(prepare(series_of(jumped)), chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    assert np.isfinite(made.quantiles).all()


def test_one_hour_of_demand_ever_and_then_all_of_it_gives_numbers_and_no_warning() -> None:
    lone = np.zeros(60)
    lone[30] = 1.0
    chosen = select(prepare(series_of(lone)), horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    jumped = np.concatenate([lone, np.full(6, 1e100)])
    made = forecast(prepare(series_of(jumped)), chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    assert np.isfinite(made.quantiles).all()


def test_a_miss_fades_by_half_in_a_day() -> None:
    assert kept_ahead(8.0, np.array([0.0, 24.0])) == pytest.approx([8.0, 3.85], abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_a_dozen_hours_after_the_level_moved_the_next_hours_are_at_the_new_one(factor: float) -> None:
    usual = shaped_demand(24 * 21 + 48)
    chosen = select(prepare(series_of(usual[: 24 * 21])), horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    moved = usual.copy()
    moved[24 * 21 :] *= factor
    known = 24 * 21 + 12
    made = forecast(prepare(series_of(moved[:known])), chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    ratio = made.median[:4] / usual[known : known + 4]
    assert ratio == pytest.approx(np.full(4, factor), rel=0.15)
    assert "all missed on one side" in made.note


def test_a_single_hour_far_off_moves_nothing() -> None:
    usual = shaped_demand(24 * 21)
    chosen = select(prepare(series_of(usual)), horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    spiked = usual.copy()
    spiked[-1] *= 3.0
    made = forecast(prepare(series_of(spiked)), chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    assert "all missed on one side" not in made.note


def test_a_naive_rule_that_is_judged_alone_stays_the_rule() -> None:
    values = shaped_demand(24 * 21 + 12)
    values[24 * 21 :] *= 1.8
    made = forecast_models(series_of(values), ["seasonal_naive_daily"], horizon_steps=24, seed=0)
    assert made["seasonal_naive_daily"][:, MEDIAN_INDEX] == pytest.approx(values[-24:])


def launch_of_a_day(values: Floats, *, starts: int) -> Series:
    """Return the series with a launch over the 24 hours from step `starts` on, the first of its kind."""
    first = series_of(values)
    at: datetime = (first.hours[0] + starts * ONE_HOUR).astype("datetime64[us]").item().replace(tzinfo=UTC)
    launch = CalendarEvent(name="x", kind=EventKind.LAUNCH, starts_at_utc=at, ends_at_utc=at + timedelta(days=1))
    return replace(first, calendar=Calendar(events=(launch,)))


def test_what_an_event_does_to_demand_moves_its_own_hours_and_none_after_it() -> None:
    starts, known = 24 * 21, 24 * 21 + 10
    usual = shaped_demand(starts + 48)
    slack = usual.copy()
    slack[starts : starts + 24] *= 0.6
    chosen = select(
        prepare(launch_of_a_day(usual[:starts], starts=starts)), horizon_steps=48, seed=0, members=CHEAP_MEMBERS
    )
    series = prepare(launch_of_a_day(slack[:known], starts=starts))
    made = forecast(series, chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS)
    assert "all missed on one side" in made.note
    still = forecast_with_members(series, chosen, horizon_steps=48, seed=0, members=CHEAP_MEMBERS, is_moved=False)
    assert (made.median[:14] < 0.9 * still.median[:14]).all()
    assert made.median[14:] == pytest.approx(still.median[14:])
