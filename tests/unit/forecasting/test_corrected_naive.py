import json

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand, wandering_demand

from headroom.domain.demand import Floats
from headroom.forecasting.corrected_naive import (
    DAY_CORRECTED,
    DAYS_CORRECTED,
    LEVEL_CORRECTED,
    WEEKS_CORRECTED,
    CorrectedNaive,
    CorrectedNaiveFit,
)
from headroom.forecasting.naive import DAILY
from headroom.forecasting.residual_correction import NO_CORRECTION, ResidualCorrection
from headroom.forecasting.scale import LEVEL, Scale

MEMBERS = (DAY_CORRECTED, DAYS_CORRECTED, WEEKS_CORRECTED, LEVEL_CORRECTED)
THREE_DAYS = np.concatenate([np.full(24, 1.0), np.full(24, 4.0), np.full(24, 16.0)])


def uncorrected(*, seasons: int, scale: Scale = LEVEL, level: float | None = None) -> CorrectedNaiveFit:
    return CorrectedNaiveFit(season=24, seasons=seasons, level=level, scale=scale, correction=NO_CORRECTION)


def path_of(fit: CorrectedNaiveFit, values: Floats, steps: int = 3) -> Floats:
    path = fit.path(series_of(values), horizon_steps=steps)
    assert path is not None
    return path


def test_recent_seasons_are_averaged_on_the_scale() -> None:
    assert path_of(uncorrected(seasons=2), THREE_DAYS).tolist() == [10.0, 10.0, 10.0]  # (4 + 16) / 2
    assert path_of(uncorrected(seasons=3, scale=Scale(kind="log")), THREE_DAYS) == pytest.approx([4.0] * 3)
    assert path_of(uncorrected(seasons=9), THREE_DAYS) == pytest.approx([7.0] * 3)  # (1 + 4 + 16) / 3: all there are


def test_a_phase_not_seen_is_stepped_over_and_one_never_seen_gets_the_median() -> None:
    values = THREE_DAYS.copy()
    values[48] = np.nan
    values[[1, 25, 49]] = np.nan
    # hour 0: of (4, -) the 4; hour 1: never, the median of 23 ones, 23 fours and 22 sixteens; hour 2: (4 + 16) / 2
    assert path_of(uncorrected(seasons=2), values).tolist() == [4.0, 4.0, 10.0]


def test_what_the_newest_hour_missed_is_carried_on() -> None:
    correction = ResidualCorrection(lags=(1,), coefficients=(0.5,), limit=100.0)
    fit = CorrectedNaiveFit(season=24, seasons=1, level=None, scale=LEVEL, correction=correction)
    values = np.concatenate([np.full(24, 10.0), np.full(23, 10.0), [18.0]])
    assert path_of(fit, values).tolist() == [14.0, 12.0, 11.0]  # 8 above the day before: 4, 2 and 1 remain


def test_the_level_is_the_mean_wherever_the_day_stands() -> None:
    assert path_of(uncorrected(seasons=1, level=5.0), THREE_DAYS).tolist() == [5.0, 5.0, 5.0]


def test_a_member_asks_for_its_season_and_a_day_after_it() -> None:
    assert DAYS_CORRECTED.can_fit(series_of(np.ones(48)))
    assert not DAYS_CORRECTED.can_fit(series_of(np.ones(47)))
    assert not WEEKS_CORRECTED.can_fit(series_of(np.ones(191)))
    assert not WEEKS_CORRECTED.can_fit(series_of(np.ones(900), seasons=(24,)))
    assert LEVEL_CORRECTED.can_fit(series_of(np.ones(24)))
    assert not LEVEL_CORRECTED.can_fit(series_of(np.ones(23)))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_fit_survives_json_and_follows_a_rise_that_lasts(member: CorrectedNaive) -> None:
    known = wandering_demand(24 * 21)
    fit = member.restore(
        json.loads(json.dumps(member.fit(series_of(known), horizon_steps=24, seed=0).state(), allow_nan=False))
    )
    risen = known.copy()
    risen[-3:] *= 1.5
    calm, roused = (fit.path(series_of(values), horizon_steps=24) for values in (known, risen))
    assert calm is not None
    assert roused is not None
    assert roused[0] > 1.2 * calm[0]
    assert abs(roused[12] / calm[12] - 1) < 0.8 * (roused[0] / calm[0] - 1)  # and fades


def test_the_next_hour_of_a_wandering_demand_is_closer_than_the_day_before() -> None:
    demand = wandering_demand(24 * 21)
    errors: dict[str, float] = {}
    for member in (DAILY, DAY_CORRECTED, DAYS_CORRECTED):
        fit = member.fit(series_of(demand[: 24 * 14]), horizon_steps=1, seed=0)
        paths = [fit.path(series_of(demand[:now]), horizon_steps=1) for now in range(24 * 14, 24 * 21)]
        errors[member.name] = float(np.abs(np.concatenate(paths) - demand[24 * 14 :]).mean())  # type: ignore[arg-type]
    assert errors["day_corrected"] < 0.8 * errors["seasonal_naive_daily"]
    assert errors["days_corrected"] < errors["day_corrected"]


def test_no_path_passes_the_ceiling() -> None:
    correction = ResidualCorrection(lags=(1,), coefficients=(0.99,), limit=100.0)
    fit = CorrectedNaiveFit(season=24, seasons=1, level=None, scale=Scale(kind="log"), correction=correction)
    values = np.concatenate([shaped_demand(24), np.full(24, 1e-6), np.full(23, 1e-6), [18.0]])
    assert path_of(fit, values, 24).max() <= 4 * values.max() * (1 + 1e-12)
