import logging
from datetime import timedelta

import numpy as np
import pytest
from prophet import Prophet
from prophet.models import CmdStanPyBackend
from stanio import dump_stan_json
from tests.unit.forecasting.demand_examples import MONDAY, series_of, shaped_demand

from headroom.domain.event import CalendarEvent, EventKind
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.members import MemberError
from headroom.forecasting.prophet_model import ProphetForecaster, forecast_with_prophet_alone, stan_json
from headroom.forecasting.series import Series

PROPHET = ProphetForecaster()


def test_prophet_asks_for_four_days() -> None:
    assert not PROPHET.can_fit(series_of(np.ones(95)))
    assert PROPHET.can_fit(series_of(np.ones(96)))


def test_a_fit_is_updated_until_its_reserve_is_used_up(caplog: pytest.LogCaptureFixture) -> None:
    series = series_of(shaped_demand(24 * 16, noise=0.05))
    with caplog.at_level(logging.INFO):
        fitted = PROPHET.fit(series.until(24 * 14), horizon_steps=24, seed=1)
    assert not [record for record in caplog.records if record.name == "cmdstanpy"]
    path = fitted.path(series, horizon_steps=24)
    assert path == pytest.approx(shaped_demand(24 * 17, noise=0.0)[-24:], rel=0.2)
    assert fitted.path(series_of(shaped_demand(24 * 16 + 1)), horizon_steps=24) is None
    assert fitted.path(series.until(24), horizon_steps=24) is not None
    again = PROPHET.restore(fitted.state())
    assert np.array_equal(again.path(series, horizon_steps=24), path)


def test_a_returning_event_is_learnt_and_expected_again() -> None:
    starts = [24 * 3 + 10, 24 * 8 + 10, 24 * 14 + 10]  # the third lies after the end of history
    values = shaped_demand(24 * 17, noise=0.02)
    for start in starts:
        values[start : start + 4] *= 3
    events = tuple(
        CalendarEvent(
            name=f"launch {start}",
            kind=EventKind.LAUNCH,
            starts_at_utc=MONDAY + timedelta(hours=start),
            ends_at_utc=MONDAY + timedelta(hours=start + 4),
        )
        for start in starts
    )
    plain = series_of(values).until(24 * 14)
    told = Series(series_id="a", hours=plain.hours, observed=plain.observed, calendar=Calendar(events=events))
    at_event = slice(10, 14)
    known = PROPHET.fit(told, horizon_steps=24, seed=1).path(told, horizon_steps=24)[at_event]
    unknown = PROPHET.fit(plain, horizon_steps=24, seed=1).path(plain, horizon_steps=24)[at_event]
    assert known.sum() > 1.7 * unknown.sum()


def test_prophet_alone_gives_its_own_quantiles_and_leaves_the_global_random_state() -> None:
    series = series_of(shaped_demand(24 * 5))
    before = np.random.get_state()[1].tolist()  # noqa: NPY002  # what the adapter promises not to disturb
    one = forecast_with_prophet_alone(series, horizon_steps=6, seed=3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002  # as above
    assert np.array_equal(one, forecast_with_prophet_alone(series, horizon_steps=6, seed=3))
    assert one.shape == (6, 13)
    assert (np.diff(one, axis=1) >= 0).all()


def test_a_fit_whose_program_fails_is_a_member_error_without_names_of_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Command 'a-temporary-folder/prophet_model.bin' failed")

    monkeypatch.setattr(Prophet, "fit", fail)
    with pytest.raises(MemberError, match=r"^the fit failed$"):
        PROPHET.fit(series_of(shaped_demand(24 * 5)), horizon_steps=3, seed=1)


def test_stan_is_told_the_very_bytes_that_prophet_would_have_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    prepare = CmdStanPyBackend.prepare_data

    def note(*arguments: object) -> tuple[dict[str, object], dict[str, object]]:
        inits, data = prepare(*arguments)
        told.extend([inits, data])
        return inits, data

    monkeypatch.setattr(CmdStanPyBackend, "prepare_data", staticmethod(note))
    PROPHET.fit(series_of(shaped_demand(24 * 15)), horizon_steps=3, seed=1)
    assert len(told) == 2
    assert [stan_json(values) for values in told] == [dump_stan_json(values) for values in told]
