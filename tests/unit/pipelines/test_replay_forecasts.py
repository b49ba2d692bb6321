"""The forecasts of a replay are made from the hours that had ended, and so is what our policies plan from them."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.simulation.small_scene import START, small_fleet

from headroom.domain.demand import Floats
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.simulation.fleet_scene import fleet_scene
from headroom.simulation.ours import Headroom, HeadroomReactive
from headroom.simulation.policy import DemandRecord, Scene

HISTORY_HOURS, HOURS, CHANGES_AT_HOUR = 4 * 24, 6, 3
PER_HOUR = 12


def record_of(rates: Floats) -> DemandRecord:
    return DemandRecord(
        start_utc=START - timedelta(hours=HISTORY_HOURS), step_seconds=3600.0 / PER_HOUR, rate_per_second=rates
    )


@pytest.fixture(scope="module")
def rates() -> Floats:
    steps = np.arange((HISTORY_HOURS + HOURS) * PER_HOUR)
    day = 1.0 + 0.5 * np.sin(2.0 * np.pi * steps / (24 * PER_HOUR))
    found: Floats = 150.0 * day * np.random.default_rng(0).gamma(100.0, 0.01, len(steps))
    return found


@pytest.fixture(scope="module")
def two(rates: Floats) -> tuple[Scene, Scene]:
    """A scene, and the same with four times the demand from CHANGES_AT_HOUR on."""
    other = rates.copy()
    other[(HISTORY_HOURS + CHANGES_AT_HOUR) * PER_HOUR :] *= 4.0
    scenes = []
    for each in (rates, other):
        record = record_of(each)
        scene = fleet_scene(small_fleet(most=40), record, start_utc=START, end_utc=record.end_utc)
        scenes.append(replace(scene, forecasts=ReplayForecasts(scene.fleet, scene.known)))
    return scenes[0], scenes[1]


@pytest.mark.parametrize("policy", [Headroom(), HeadroomReactive()], ids=lambda policy: policy.name)
def test_what_ours_plans_changes_only_after_the_hour_in_which_demand_does(
    two: tuple[Scene, Scene], policy: Headroom
) -> None:
    first, second = (policy.plan(scene).floors[0] for scene in two)
    # the hour that changes is known when it has ended, and its push is in force four minutes later
    known = (CHANGES_AT_HOUR + 1) * PER_HOUR
    assert first[:known].tolist() == second[:known].tolist()
    assert second[known + 2 :].sum() > first[known + 2 :].sum()


def test_a_forecast_is_made_of_the_hours_that_had_ended(two: tuple[Scene, Scene]) -> None:
    made = []
    for scene in two:
        assert scene.forecasts is not None
        made.append([scene.forecasts.forecast(START + timedelta(hours=hour)) for hour in range(HOURS)])
    for hour, (one, other) in enumerate(zip(*made, strict=True)):
        is_same = one.peak_quantiles_per_second.tobytes() == other.peak_quantiles_per_second.tobytes()
        assert is_same == (hour <= CHANGES_AT_HOUR), hour


def test_a_forecast_is_made_once(two: tuple[Scene, Scene]) -> None:
    forecasts = two[0].forecasts
    assert forecasts is not None
    assert forecasts.forecast(START) is forecasts.forecast(START)


def test_demand_that_leaves_its_forecasts_widens_the_next_ones_and_has_members_chosen_anew(rates: Floats) -> None:
    left = rates.copy()
    left[HISTORY_HOURS * PER_HOUR :] *= np.repeat([1.0, 3.0, 0.3, 4.0, 0.2, 5.0], PER_HOUR)  # no member follows that
    record = record_of(left)
    forecasts = ReplayForecasts(small_fleet(most=40), record)
    notes = [forecasts.forecast(START + timedelta(hours=hour)).note for hour in range(HOURS)]
    assert "demand has drifted" not in notes[1]
    first = next(hour for hour, note in enumerate(notes) if "demand has drifted" in note)
    chosen = f"selected at {START + timedelta(hours=first):%Y-%m-%d %H:%M} UTC"
    assert chosen not in notes[first]
    assert chosen in notes[first + 1]
