import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import MONDAY, after_hours, history_of, shaped_demand, wandering_demand

from headroom.domain.demand import DemandForecast, Floats
from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting import ForecastError, Selection, forecast_fleet, refit_members, score_forecast, select_members
from headroom.forecasting.ensemble import CHEAP_MEMBERS
from headroom.forecasting.fleet_forecast import PROVISIONAL_NOTE, select_provisionally

HOURS = 24 * 17 + 12


@pytest.fixture(scope="module")
def demand() -> Floats:
    return wandering_demand(HOURS + 96)


@pytest.fixture(scope="module")
def selection(demand: Floats) -> Selection:
    return select_members(history_of(demand), made_at_utc=after_hours(HOURS))


def same_forecast(one: DemandForecast, other: DemandForecast) -> bool:
    return np.array_equal(one.mean_quantiles_per_second, other.mean_quantiles_per_second) and np.array_equal(
        one.peak_quantiles_per_second, other.peak_quantiles_per_second
    )


def test_members_that_must_be_fitted_take_part_and_the_forecast_is_close(demand: Floats, selection: Selection) -> None:
    forecast = forecast_fleet(history_of(demand), made_at_utc=after_hours(HOURS), selection=selection)
    assert forecast.members["prophet"] > 0.02
    assert forecast.members["gradient_boosting"] > 0.05
    assert sum(forecast.members.values()) == pytest.approx(1.0, abs=1e-5)
    assert forecast.hours[0] == np.datetime64("2026-10-22T12:00:00")
    for score in score_forecast(forecast, history_of(demand)):
        assert score["wape"] < 0.25  # the wandering itself has a standard deviation of 14 %
    assert "72 past origins in 17.5 days" in forecast.note


def test_a_selection_survives_json_and_gives_the_same_forecast(demand: Floats, selection: Selection) -> None:
    again = Selection.from_json(json.loads(json.dumps(selection.to_json(), allow_nan=False)))
    history, made_at = history_of(demand), after_hours(HOURS + 3)
    assert same_forecast(
        forecast_fleet(history, made_at_utc=made_at, selection=selection),
        forecast_fleet(history, made_at_utc=made_at, selection=again),
    )


@pytest.mark.thorough
def test_nothing_at_or_after_the_making_is_looked_at(demand: Floats, selection: Selection) -> None:
    changed = demand.copy()
    changed[HOURS:] = 1e6
    assert same_forecast(
        forecast_fleet(history_of(demand), made_at_utc=after_hours(HOURS), selection=selection),
        forecast_fleet(history_of(changed), made_at_utc=after_hours(HOURS), selection=selection),
    )
    assert select_members(history_of(changed), made_at_utc=after_hours(HOURS)).to_json() == selection.to_json()


def test_the_hourly_update_follows_a_sudden_rise(demand: Floats, selection: Selection) -> None:
    risen = demand.copy()
    risen[HOURS : HOURS + 6] *= 1.4
    calm = forecast_fleet(history_of(demand), made_at_utc=after_hours(HOURS + 6), selection=selection)
    roused = forecast_fleet(history_of(risen), made_at_utc=after_hours(HOURS + 6), selection=selection)
    assert roused.mean_at_level(0.5)[0] > 1.05 * calm.mean_at_level(0.5)[0]


def test_a_fit_too_old_is_made_again_and_the_weights_stay(demand: Floats, selection: Selection) -> None:
    made_at = after_hours(HOURS + 72)
    forecast = forecast_fleet(history_of(demand), made_at_utc=made_at, selection=selection)
    refitted = refit_members(history_of(demand), selection, made_at_utc=made_at)
    assert same_forecast(forecast, forecast_fleet(history_of(demand), made_at_utc=made_at, selection=refitted))
    assert (refitted.selected_at_utc, refitted.fitted_at_utc) == (after_hours(HOURS), made_at)
    assert refitted.targets["mean"].weights == selection.targets["mean"].weights


def test_peaks_never_lie_below_means() -> None:
    mean = shaped_demand(60)
    forecast = forecast_fleet(history_of(mean, peak=0.5 * mean), made_at_utc=after_hours(60))
    assert (forecast.peak_quantiles_per_second >= forecast.mean_quantiles_per_second).all()


def test_a_selection_from_the_future_is_not_used(demand: Floats, selection: Selection) -> None:
    history = history_of(demand[:60])
    assert same_forecast(
        forecast_fleet(history, made_at_utc=after_hours(60), selection=selection),
        forecast_fleet(history, made_at_utc=after_hours(60)),
    )


def test_hours_that_never_came_in_are_missing_not_zero() -> None:
    forecast = forecast_fleet(history_of(shaped_demand(60)), made_at_utc=after_hours(63))
    assert forecast.note.endswith("the newest 3 hours are missing")
    assert forecast.hours[0] == np.datetime64("2026-10-07T15:00:00")
    assert forecast.mean_at_level(0.5).min() > 0


def test_excluded_hours_are_not_learnt_from() -> None:
    demand = shaped_demand(60)
    demand[40:44] = 500.0
    outage = CalendarEvent(
        name="load test",
        kind=EventKind.EXCLUSION,
        starts_at_utc=MONDAY + timedelta(hours=40),
        ends_at_utc=MONDAY + timedelta(hours=44),
    )
    made = {"made_at_utc": after_hours(60)}
    assert forecast_fleet(history_of(demand), **made).peak_at_level(0.5).max() > 100
    assert forecast_fleet(history_of(demand), events=[outage], **made).peak_at_level(0.5).max() < 100


def test_no_demand_ever_seen_and_times_off_the_hour_are_refused() -> None:
    with pytest.raises(ForecastError, match="chat-large/mean: no value was ever seen"):
        forecast_fleet(history_of(np.full(5, np.nan)), made_at_utc=after_hours(5))
    with pytest.raises(ForecastError, match="chat-large: no hour of demand before"):
        select_members(history_of(np.ones(5)), made_at_utc=MONDAY)
    with pytest.raises(ValueError, match="on the hour"):
        forecast_fleet(history_of(np.ones(5)), made_at_utc=MONDAY + timedelta(minutes=5))


def test_a_selection_of_another_format_is_refused_by_name(selection: Selection) -> None:
    with pytest.raises(ValueError, match="selection of chat-large: format 99, expected 2"):
        Selection.from_json({**selection.to_json(), "format": 99})


def test_importing_the_forecaster_imports_neither_prophet_nor_pandas() -> None:
    program = "import sys, headroom.forecasting; sys.exit(bool({'prophet', 'pandas', 'holidays'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], check=False, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    assert found.returncode == 0


@pytest.mark.thorough
def test_a_selection_made_for_fewer_hours_is_made_anew_for_more(demand: Floats, selection: Selection) -> None:
    forecast = forecast_fleet(
        history_of(demand),
        made_at_utc=after_hours(HOURS),
        horizon_hours=168,
        selection=selection,  # of 72 hours: it knows nothing of the band 73-168
    )
    assert forecast.mean_quantiles_per_second.shape == (168, 13)


def test_a_provisional_selection_fits_nothing_and_covers_what_comes(demand: Floats) -> None:
    provisional = select_provisionally(history_of(demand), made_at_utc=after_hours(HOURS))
    forecast = forecast_fleet(history_of(demand), made_at_utc=after_hours(HOURS), selection=provisional)
    assert set(forecast.members) <= {member.name for member in CHEAP_MEMBERS}
    assert PROVISIONAL_NOTE in forecast.note
    covered = [score["coverage80_fraction"] for score in score_forecast(forecast, history_of(demand))]
    assert np.mean(covered) > 0.6


def test_a_selection_serves_as_long_as_its_fits_reach(selection: Selection) -> None:
    assert selection.serves(after_hours(HOURS + 48))
    assert not selection.serves(after_hours(HOURS + 49))


def test_a_forecast_says_what_its_median_is_made_of(demand: Floats) -> None:
    starts = (24 * 3, 24 * 9, HOURS + 30)
    sold = demand.copy()
    for start in starts:
        sold[start : start + 24] *= 2
    sales = [
        CalendarEvent(
            name=f"sale {start}",
            kind=EventKind.SALE,
            starts_at_utc=after_hours(start),
            ends_at_utc=after_hours(start + 24),
        )
        for start in starts
    ]
    made = {"made_at_utc": after_hours(HOURS), "events": sales}
    selection = select_provisionally(history_of(sold), **made)
    forecast = forecast_fleet(history_of(sold), selection=selection, **made)

    parts = forecast.mean_parts_per_second
    assert parts is not None
    assert parts.sum(axis=1) == pytest.approx(forecast.mean_at_level(0.5))
    before = parts[:, :4].sum(axis=1)
    # twice as much on two days counts for 2 / 2.5 of it: 2^0.8 - 1 = 74 %, give or take how those days wandered
    assert parts[30:54, 4] / before[30:54] == pytest.approx(0.74, abs=0.2)
    assert not parts[:30, 4].any()
    assert "an event adds" in forecast.explanation


def test_what_is_not_told_of_holidays_has_no_holiday_part() -> None:
    # Columbus Day, 12 October 2026, is ahead of 30 hours that end on Sunday the 11th
    history = history_of(shaped_demand(24 * 6 + 6))
    young = replace(
        history,
        hours=history.hours[-30:],
        mean_per_second=history.mean_per_second[-30:],
        peak_per_second=history.peak_per_second[-30:],
    )
    forecast = forecast_fleet(young, made_at_utc=after_hours(24 * 6 + 6))
    assert set(forecast.members) == {"seasonal_naive_daily"}
    assert forecast.mean_parts_per_second is not None
    assert not forecast.mean_parts_per_second[:, 3].any()
