"""Demand: complete spines of hours, and forecasts whose quantiles never cross."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headroom.columns import PART_NAMES, QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast, DemandHistory, Floats

START = np.datetime64("2026-11-18T05:00:00", "s")
MADE_AT = datetime(2026, 11, 18, 5, tzinfo=UTC)
LEVELS = len(QUANTILE_LEVELS)


def hours(count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return START + np.arange(count) * np.timedelta64(1, "h")


def forecast(quantiles: Floats, *, peak: Floats | None = None) -> DemandForecast:
    return DemandForecast(
        fleet_id="a",
        made_at_utc=MADE_AT,
        hours=hours(len(quantiles)),
        mean_quantiles_per_second=quantiles,
        peak_quantiles_per_second=quantiles if peak is None else peak,
        members={"prophet": 1.0},
    )


def rising(count: int = 1) -> Floats:
    return np.tile(np.arange(LEVELS, dtype=float), (count, 1))


def test_a_history_may_have_hours_nobody_saw() -> None:
    seen = np.array([1.0, np.nan, 3.0])
    history = DemandHistory(fleet_id="a", hours=hours(3), mean_per_second=seen, peak_per_second=seen)
    assert np.isnan(history.mean_per_second[1])


@pytest.mark.parametrize("count", [0, 1])
def test_a_short_history_is_one_too(count: int) -> None:
    rates = np.ones(count)
    history = DemandHistory(fleet_id="a", hours=hours(count), mean_per_second=rates, peak_per_second=rates)
    assert len(history.hours) == count


def test_a_history_with_a_missing_hour_is_refused() -> None:
    with pytest.raises(ValueError, match="demand history of a: hours are not one hour apart"):
        DemandHistory(fleet_id="a", hours=hours(4)[[0, 1, 3]], mean_per_second=np.ones(3), peak_per_second=np.ones(3))


def test_a_history_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="hours are not one hour apart"):
        DemandHistory(fleet_id="a", hours=hours(2)[::-1], mean_per_second=np.ones(2), peak_per_second=np.ones(2))


@pytest.mark.parametrize(("means", "peaks"), [(2, 3), (3, 2)])
def test_columns_of_different_length_are_refused(means: int, peaks: int) -> None:
    with pytest.raises(ValueError, match="demand history of a: hours, mean and peak differ in length"):
        DemandHistory(fleet_id="a", hours=hours(3), mean_per_second=np.ones(means), peak_per_second=np.ones(peaks))


def test_a_level_between_two_stored_ones_lies_on_the_line_between_them() -> None:
    # q80 is 9 and q90 is 10 (positions in QUANTILE_LEVELS), so .85 gives 9.5
    assert forecast(rising()).peak_at_level(0.85) == pytest.approx([9.5])
    assert forecast(rising()).mean_at_level(0.5) == pytest.approx([6.0])


def test_beyond_the_stored_levels_the_outermost_one_holds() -> None:
    assert forecast(rising()).peak_at_level(0.999) == pytest.approx([12.0])
    assert forecast(rising()).peak_at_level(0.001) == pytest.approx([0.0])


@pytest.mark.parametrize("bad", [rising()[:, :-1], rising(2)])
def test_quantiles_of_the_wrong_shape_are_refused(bad: Floats) -> None:
    with pytest.raises(ValueError, match=r"forecast of a: peak_quantiles_per_second has shape .*, expected \(1, 13\)"):
        forecast(rising(), peak=bad)


@pytest.mark.parametrize(("position", "value"), [(3, np.nan), (3, np.inf), (5, 3.0), (0, -1.0)])
def test_quantiles_that_cross_or_are_no_demand_are_refused(position: int, value: float) -> None:
    bad = rising()
    bad[0, position] = value
    with pytest.raises(ValueError, match="is not finite, not ascending or negative somewhere"):
        forecast(bad)


@given(
    arrays.arrays(np.float64, (3, LEVELS), elements=st.floats(0, 1e6)),
    st.floats(0.001, 0.999),
    st.floats(0.001, 0.999),
)
def test_a_higher_level_never_gives_less(values: Floats, one: float, other: float) -> None:
    made = forecast(np.sort(values, axis=1))
    low, high = sorted((one, other))
    assert (made.peak_at_level(low) <= made.peak_at_level(high) + 1e-9).all()
    assert (made.peak_at_level(high) <= made.peak_quantiles_per_second[:, -1] + 1e-9).all()


def steady(mean: float, peak: float) -> DemandForecast:
    """A forecast that is sure of an hour's mean and peak."""
    return forecast(np.full((1, LEVELS), mean), peak=np.full((1, LEVELS), peak))


def test_minutes_of_a_sure_hour_are_spread_between_its_mean_and_its_peak() -> None:
    # q90 of the minutes lies at 0.95 of the way from mean to peak, the median a little below the mean
    assert steady(100.0, 120.0).minute_at_level(0.9) == pytest.approx([100 + 0.95 * 20], abs=0.5)
    assert steady(100.0, 120.0).minute_at_level(0.5) == pytest.approx([100 - 0.06 * 20], abs=0.5)
    assert steady(100.0, 100.0).minute_quantiles_per_second().tolist() == [[100.0] * LEVELS]


def test_minutes_of_an_even_hour_have_the_quantiles_of_the_hour() -> None:
    made = forecast(rising(), peak=rising())
    assert made.minute_quantiles_per_second() == pytest.approx(rising())


def test_minutes_are_bought_below_the_peak_of_the_same_level_when_hours_burst() -> None:
    made = forecast(rising(), peak=2 * rising())
    assert made.mean_at_level(0.9) < made.minute_at_level(0.9) < made.peak_at_level(0.9)


@given(arrays.arrays(np.float64, (3, LEVELS), elements=st.floats(0, 1e6)), st.floats(1.0, 5.0))
def test_minutes_have_ascending_quantiles_of_demand(values: Floats, peak_over_mean: float) -> None:
    mean = np.sort(values, axis=1)
    found = forecast(mean, peak=peak_over_mean * mean).minute_quantiles_per_second()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found >= 0).all()


def test_the_parts_of_a_forecast_add_up_to_its_median() -> None:
    parts = np.array([[5.0, 1.0, 1.5, -2.5, 0.0, 1.0]])  # 6, the seventh of 0 to 12
    whole = replace(forecast(rising()), mean_parts_per_second=parts)
    assert whole.mean_parts_per_second is parts

    with pytest.raises(ValueError, match="forecast of a: its parts do not add up to the median of the hourly mean"):
        replace(whole, mean_parts_per_second=parts + 0.001)
    with pytest.raises(ValueError, match="do not add up"):
        replace(whole, mean_parts_per_second=np.full((1, len(PART_NAMES)), np.nan))
    with pytest.raises(ValueError, match=r"its parts have shape \(1, 5\), expected \(1, 6\)"):
        replace(whole, mean_parts_per_second=parts[:, 1:])
