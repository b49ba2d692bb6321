import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import MONDAY, series_of, shaped_demand, wandering_demand

from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting import losses
from headroom.forecasting.ahead_features import FEATURE_NAMES, ahead_features
from headroom.forecasting.boosting import BoostingForecaster
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.members import MemberError
from headroom.forecasting.naive import WEEKLY
from headroom.forecasting.scale import LEVEL
from headroom.forecasting.series import Series

MEMBER = BoostingForecaster()
HORIZON = 48


def path_of(series: Series, *, seed: int = 1) -> list[float]:
    path = MEMBER.fit(series, horizon_steps=HORIZON, seed=seed).path(series, horizon_steps=HORIZON)
    assert path is not None
    return path.tolist()


def test_features_of_a_step_are_lags_known_at_its_origin_less_the_level() -> None:
    """Values are 0, 1, 2 ...; at 200 known the newest is 199 and the week's mean 115.5 (the mean of 32 ... 199).

    30 steps ahead is position 229: known at the same hour are 181, 157 and 133, a week before 61; the mean of seven
    days at the hour is 181 - 3 * 24 = 109.
    """
    features = ahead_features(series_of(np.arange(300.0)), LEVEL, horizon_steps=0, kinds=())
    rows, offsets = features.rows(np.array([200]), np.array([30]))
    found = dict(zip(FEATURE_NAMES, rows[0].tolist(), strict=True))
    assert found["steps_ahead"] == 30
    assert (found["hour"], found["weekday"]) == (229 % 24, 229 // 24 % 7)  # the first hour is a Monday's midnight
    assert found["newest"] == 199 - 115.5
    assert [found[name] for name in ("day_before", "two_days_before", "week_before")] == [
        value - 115.5 for value in (181, 157, 61)
    ]
    assert (found["newest_over_day_before"], found["step_into"], found["step_out_of"]) == (24, -1, 1)
    assert offsets.tolist() == [109]


def test_no_feature_looks_past_its_origin() -> None:
    values = shaped_demand(600)
    origins = np.repeat([200, 333, 400], HORIZON)
    ahead = np.tile(np.arange(1, HORIZON + 1), 3)
    for origin in (200, 333, 400):
        changed = values.copy()
        changed[origin:] = 1e6
        before = ahead_features(series_of(values), LEVEL, horizon_steps=0, kinds=())
        after = ahead_features(series_of(changed), LEVEL, horizon_steps=0, kinds=())
        own = origins == origin
        for one, other in zip(before.rows(origins[own], ahead[own]), after.rows(origins[own], ahead[own]), strict=True):
            assert np.array_equal(one, other, equal_nan=True)


def test_it_learns_days_that_differ_as_well_as_the_week_before_tells_them() -> None:
    values = shaped_demand(24 * 42 + HORIZON, noise=0.1)
    known, came = series_of(values[:-HORIZON]), values[-HORIZON:]
    naive = WEEKLY.path(known, horizon_steps=HORIZON)
    assert naive is not None
    assert losses.wape(came, np.array(path_of(known))) < losses.wape(came, naive)


def test_the_same_seed_gives_the_same_path_and_a_restored_fit_too() -> None:
    series = series_of(shaped_demand(24 * 21))
    fit = MEMBER.fit(series, horizon_steps=HORIZON, seed=1)
    again = MEMBER.restore(json.loads(json.dumps(fit.state())))
    later = series_of(shaped_demand(24 * 22))
    assert path_of(series) == path_of(series)
    assert path_of(series) != path_of(series, seed=2)
    for known in (series, later):
        one, other = (made.path(known, horizon_steps=HORIZON) for made in (fit, again))
        assert one is not None
        assert other is not None
        assert one.tolist() == other.tolist()


def test_an_update_follows_the_newest_hours() -> None:
    """The level wanders: an hour above its shape is followed by others, so six hours a fifth up promise more."""
    values = wandering_demand(24 * 42)
    fit = MEMBER.fit(series_of(values[:-6]), horizon_steps=HORIZON, seed=1)
    risen = values.copy()
    risen[-6:] *= 1.2
    usual, up = (fit.path(series_of(known), horizon_steps=2) for known in (values, risen))
    assert usual is not None
    assert up is not None
    assert (up > 1.05 * usual).all()


def test_gaps_need_no_filling() -> None:
    values = shaped_demand(24 * 28 + HORIZON)
    gappy = values[:-HORIZON].copy()
    gappy[np.random.default_rng(4).random(len(gappy)) < 0.2] = np.nan
    gappy[-5:] = np.nan
    assert losses.wape(values[-HORIZON:], np.array(path_of(series_of(gappy)))) < 0.2


def test_an_event_that_returns_is_expected_and_one_that_passed_does_not_echo() -> None:
    """Launches of 12 hours at three times the usual demand on days 10, 20 and 30, and one more right after the end."""
    days = (10, 20, 30, 42)
    events = tuple(
        CalendarEvent(
            name="launch",
            kind=EventKind.LAUNCH,
            starts_at_utc=MONDAY + timedelta(days=day),
            ends_at_utc=MONDAY + timedelta(days=day, hours=12),
        )
        for day in days
    )
    values = shaped_demand(24 * 42, noise=0.05)
    for day in days[:-1]:
        values[24 * day : 24 * day + 12] *= 3
    told = replace(series_of(values), calendar=Calendar(events=events))
    path, usual = np.array(path_of(told)), shaped_demand(24 * 44, noise=0.0)[24 * 42 :]
    assert (path[:12] > 1.8 * usual[:12]).all()
    assert path[24:] == pytest.approx(usual[24:], rel=0.3)


def test_a_week_must_have_been_seen() -> None:
    assert MEMBER.can_fit(series_of(shaped_demand(168)))
    assert not MEMBER.can_fit(series_of(shaped_demand(167)))
    with pytest.raises(MemberError, match="too few hours"):
        MEMBER.fit(series_of(shaped_demand(60)), horizon_steps=HORIZON, seed=1)


def test_series_of_other_seasons_and_below_zero_are_served() -> None:
    values = shaped_demand(12 * 40) - 8
    assert np.isfinite(path_of(series_of(values, seasons=(12,)))).all()
    assert min(path_of(series_of(values, seasons=(12, 84)))) < 0
