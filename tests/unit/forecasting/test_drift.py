import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import after_hours, history_of, series_of, shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting import forecast_fleet
from headroom.forecasting.drift import THRESHOLD, Drift, drift_told_in, find_drift
from headroom.forecasting.ensemble import CHEAP_MEMBERS, forecast, select
from headroom.forecasting.fleet_forecast import select_provisionally

SIGMA = 10.0


def drift_of(errors: Floats) -> Drift | None:
    """Return the drift of demand around forecasts of 100 whose band says a standard deviation of SIGMA."""
    median = np.full(len(errors), 100.0)
    half = 1.2816 * SIGMA
    return find_drift(100.0 + np.asarray(errors), low=median - half, median=median, high=median + half)


def test_a_shift_of_two_standard_deviations_is_found_in_four_hours() -> None:
    # each hour adds 2 - 0.5 = 1.5 to the sum: 3 hours make 4.5, 4 make 6, and the threshold is 5
    assert THRESHOLD == 5.0
    calm = [0.0] * 20
    assert drift_of(np.array([*calm, *[2 * SIGMA] * 3])) is None
    found = drift_of(np.array([*calm, *[2 * SIGMA] * 4]))
    assert found is not None
    assert (found.hours, found.direction) == (4, "above")
    assert found.widening == 2.5  # the most; 2 sigma are 2 / 0.798 = 2.506 times the usual size


def test_demand_below_its_forecasts_drifts_as_well() -> None:
    found = drift_of(np.full(30, -SIGMA))
    assert found is not None
    assert found.direction == "below"
    assert found.remark(is_widened=True) == (
        "demand has drifted below its forecasts for 30 h: bands are at least 1.3 times as wide, members due"
    )


def test_errors_too_large_on_either_side_are_found_although_they_cancel() -> None:
    found = drift_of(2.5 * SIGMA * (-1.0) ** np.arange(24))
    assert found is not None
    assert found.direction == "around"


def test_one_freak_hour_is_no_drift_and_two_in_a_row_are() -> None:
    # a freak counts for 4 standard deviations, so for 3.5 of the 5 that are needed
    assert drift_of(np.array([0.0] * 10 + [1e9])) is None
    assert drift_of(np.array([0.0] * 10 + [1e9, 1e9])) is not None


def test_a_drift_that_is_over_is_forgotten() -> None:
    assert drift_of(np.array([2 * SIGMA] * 6 + [-0.5 * SIGMA] * 10)) is None


def test_forecasts_that_are_right_are_seldom_taken_for_drifting() -> None:
    generator = np.random.default_rng(0)
    alarms = [drift_of(generator.normal(scale=SIGMA, size=48)) is not None for _ in range(400)]
    assert np.mean(alarms) < 0.03


def test_hours_not_seen_are_not_judged_and_nothing_seen_is_no_drift() -> None:
    errors = np.full(30, 2 * SIGMA)
    errors[::2] = np.nan
    found = drift_of(errors)
    assert found is not None
    assert found.hours == 15
    assert drift_of(np.full(5, np.nan)) is None
    assert drift_of(np.empty(0)) is None


def test_a_certain_forecast_drifts_once_it_is_wrong_twice() -> None:
    certain = np.full(4, 7.0)
    assert find_drift(certain, low=certain, median=certain, high=certain) is None
    moved = np.array([7.0, 7.0, 9.0, 9.0])
    assert find_drift(moved, low=certain, median=certain, high=certain) is not None


def test_bands_are_at_least_as_wide_as_the_drift_asks_for_at_every_step() -> None:
    series = series_of(shaped_demand(24 * 10))
    selection = select(series, horizon_steps=72, seed=0, members=CHEAP_MEMBERS)
    low, high = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)
    width = []
    for widening in (1.0, 4.0):
        made = forecast(series, selection, horizon_steps=72, seed=0, members=CHEAP_MEMBERS, widening=widening)
        width.append(made.quantiles[:, high] - made.quantiles[:, low])
    assert (width[1] > 2 * width[0]).all()


def test_a_drifting_fleets_forecast_says_so() -> None:
    history, made_at = history_of(shaped_demand(24 * 10)), after_hours(24 * 10)
    selection = select_provisionally(history, made_at_utc=made_at)
    drift = Drift(hours=5, widening=2.0, direction="above")
    calm, drifting = (
        forecast_fleet(history, made_at_utc=made_at, selection=selection, drift=given) for given in (None, drift)
    )
    assert drifting.note == f"{calm.note}; {drift.remark(is_widened=True)}"
    assert (drifting.peak_at_level(0.9) > calm.peak_at_level(0.9)).all()
    assert drifting.peak_at_level(0.5) == pytest.approx(calm.peak_at_level(0.5))


@pytest.mark.parametrize("demand", [np.full(24 * 10, 5.0), np.random.default_rng(0).poisson(0.5, 24 * 10) * 1.0])
def test_bands_that_no_drift_widens_are_not_said_to_be_wider(demand: Floats) -> None:
    """A constant or intermittent fleet is a simple case, whose band is not the members'."""
    history, made_at = history_of(demand), after_hours(24 * 10)
    calm, drifting = (
        forecast_fleet(history, made_at_utc=made_at, drift=given)
        for given in (None, Drift(hours=5, widening=2.0, direction="above"))
    )
    assert (drifting.peak_quantiles_per_second == calm.peak_quantiles_per_second).all()
    assert drifting.note == f"{calm.note}; demand has drifted above its forecasts for 5 h: members due"


def test_a_drift_too_slow_to_widen_bands_says_nothing_of_them() -> None:
    history, made_at = history_of(shaped_demand(24 * 10)), after_hours(24 * 10)
    selection = select_provisionally(history, made_at_utc=made_at)
    slow = Drift(hours=40, widening=1.0, direction="above")
    assert forecast_fleet(history, made_at_utc=made_at, selection=selection, drift=slow).note.endswith(
        "for 40 h: members due"
    )


@pytest.mark.parametrize("direction", ["above", "below", "around"])
def test_the_remark_is_found_again_in_a_stored_note_and_nothing_else_is(direction: str) -> None:
    drift = Drift(hours=12, widening=2.0, direction=direction)
    for remark in (drift.remark(is_widened=True), drift.remark(is_widened=False)):
        assert drift_told_in(f"weights from 72 origins; selected at noon; {remark}") == remark
    assert drift_told_in("weights from 72 origins; selected at noon") == ""
    before_widths_were_told = "demand has drifted above its forecasts for 3 h: bands are wider, members due"
    assert drift_told_in(f"weights; {before_widths_were_told}") == before_widths_were_told
