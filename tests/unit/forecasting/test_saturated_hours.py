"""A fleet at its limit under-reports demand: what was seen then counts as the least that it was."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import after_hours, history_of, series_of, shaped_demand

from headroom.domain.demand import DemandForecast, DemandHistory, Floats
from headroom.forecasting.fleet_forecast import forecast_fleet, select_provisionally
from headroom.forecasting.saturated_hours import raised_where_saturated, saturated_flags

HOURS = 24 * 18  # to a Thursday's end
LIMIT = 9.0


def history_with(mean: Floats, censored_fraction: Floats | None) -> DemandHistory:
    return replace(history_of(mean), censored_fraction=censored_fraction)


def forecast_of(history: DemandHistory) -> DemandForecast:
    made_at = after_hours(HOURS)
    selection = select_provisionally(history, made_at_utc=made_at)
    return forecast_fleet(history, made_at_utc=made_at, selection=selection)


def test_an_hour_is_saturated_where_half_of_its_samples_were_and_not_where_nobody_knows() -> None:
    assert saturated_flags(np.array([0.0, 0.49, 0.5, 1.0, np.nan])).tolist() == [False, False, True, True, False]


def test_a_saturated_hour_counts_as_the_median_of_the_others_at_its_hour_of_the_week_and_never_as_less() -> None:
    values = np.repeat([10.0, 20.0, 40.0, 5.0], 168)  # four weeks
    is_saturated = np.zeros(len(values), dtype=bool)
    is_saturated[[3 * 168, 3 * 168 + 1, 2 * 168 + 2]] = True
    raised = raised_where_saturated(series_of(values), is_saturated)
    # 5 was seen beside 10, 20 and 40; and 40 beside 10, 20 and 5
    assert raised.observed[[3 * 168, 3 * 168 + 1, 2 * 168 + 2]].tolist() == [20.0, 20.0, 40.0]
    assert raised.raised_count == 2
    assert np.array_equal(np.delete(raised.observed, [504, 505]), np.delete(values, [504, 505]))


def test_an_hour_of_the_week_that_always_was_saturated_stays_as_it_was_seen() -> None:
    """Other days say nothing of it: a Sunday night may well be idle. Nor do hours that nobody saw."""
    values = shaped_demand(HOURS)
    always = np.arange(HOURS) % 168 == 14
    assert raised_where_saturated(series_of(values), always).observed.tolist() == values.tolist()
    unseen = values.copy()
    unseen[14] = np.nan
    once = np.arange(HOURS) == 14
    assert np.isnan(raised_where_saturated(series_of(unseen), once).observed[14])
    assert raised_where_saturated(series_of(values), np.ones(HOURS, dtype=bool)).observed.tolist() == values.tolist()


def test_days_at_a_limit_are_not_taken_for_days_of_less_demand() -> None:
    """Tuesday to Thursday refused what was above 9; by day demand is up to 18."""
    whole = shaped_demand(HOURS)
    seen = whole.copy()
    seen[-72:] = np.minimum(seen[-72:], LIMIT)
    censored = (seen < whole).astype(np.float64)
    told, untold, unlimited = (
        forecast_of(history_with(values, fraction))
        for values, fraction in ((seen, censored), (seen, None), (whole, None))
    )
    busy = unlimited.mean_at_level(0.5) > LIMIT
    expected = unlimited.mean_at_level(0.5)[busy]
    assert told.mean_at_level(0.5)[busy].mean() == pytest.approx(expected.mean(), rel=0.05)
    assert untold.mean_at_level(0.5)[busy].mean() < 0.9 * expected.mean()
    assert "saturated hours that count as usual ones: 38" in told.note  # of 39: one was seen above its median
    assert "saturated" not in untold.note


def test_a_fraction_of_every_hour_or_of_none_is_asked_for() -> None:
    with pytest.raises(ValueError, match="chat-large: hours and censored fraction differ in length"):
        history_with(np.ones(5), np.zeros(4))
