import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.forecasting.naive import DAILY, WEEKLY, seasonal_naive
from headroom.forecasting.residual_correction import (
    NO_CORRECTION,
    ResidualCorrection,
    believed,
    fit_residual_correction,
    fit_seasonal_correction,
)
from headroom.forecasting.scale import LEVEL, choose_scale


def test_seasonal_naive_repeats_the_last_season() -> None:
    assert seasonal_naive(np.array([1.0, 2, 3, 4]), season=2, horizon_steps=3).tolist() == [3, 4, 3]


def test_seasonal_naive_steps_over_a_gap_to_the_season_before() -> None:
    values = np.array([1.0, 2, 3, np.nan])
    assert seasonal_naive(values, season=2, horizon_steps=2).tolist() == [3, 2]


def test_seasonal_naive_gives_a_phase_never_seen_the_median() -> None:
    values = np.array([1.0, np.nan, 5.0, np.nan])
    assert seasonal_naive(values, season=2, horizon_steps=2).tolist() == [5, 3]


def test_weekly_naive_asks_for_a_week_and_falls_back_to_the_day_in_gaps() -> None:
    assert not WEEKLY.can_fit(series_of(np.ones(167)))
    values = np.concatenate([np.full(144, 1.0), np.full(24, 2.0)])
    values[3] = np.nan  # Monday 03:00 of the only week
    path = WEEKLY.path(series_of(values), horizon_steps=24)
    assert path[2] == 1.0
    assert path[3] == 2.0  # yesterday's 03:00


def test_naive_members_cannot_fit_when_most_phases_were_never_seen() -> None:
    values = np.full(48, np.nan)
    values[:11] = 1.0
    assert not DAILY.can_fit(series_of(values))
    assert not WEEKLY.can_fit(series_of(np.ones(400), seasons=(24,)))


def test_a_naive_fit_survives_its_own_state() -> None:
    series = series_of(shaped_demand(48))
    again = DAILY.restore(DAILY.fit(series, horizon_steps=4, seed=0).state())
    assert again.path(series, horizon_steps=4).tolist() == series.observed[24:28].tolist()


def test_the_log_scale_inverts_and_floors_near_idle_hours() -> None:
    values = np.array([0.0, 1.0, 99.0])  # 5 % of the mean 33.3 is 1.67, so the offset is 1.67
    scale = choose_scale(values)
    assert scale.offset == pytest.approx(0.05 * 100 / 3)
    assert scale.backward(scale.forward(values)) == pytest.approx(values)
    assert np.isfinite(scale.forward(np.array([-5.0]))).all()


def test_series_below_zero_stay_on_their_level() -> None:
    assert choose_scale(np.array([-1.0, 5.0])) == LEVEL
    assert choose_scale(np.array([np.nan])) == LEVEL


def test_the_correction_finds_the_coefficient_of_a_simple_recursion() -> None:
    generator = np.random.default_rng(0)
    residuals = np.zeros(2000)
    for step in range(1, 2000):
        residuals[step] = 0.7 * residuals[step - 1] + generator.normal(scale=0.1)
    correction = fit_residual_correction(residuals, (1, 24, 168))
    assert correction.coefficients[0] == pytest.approx(0.7, abs=0.05)
    assert np.abs(correction.coefficients[1:]).max() < 0.1


def test_the_correction_fades_hour_by_hour() -> None:
    correction = ResidualCorrection(lags=(1,), coefficients=(0.5,), limit=10.0)
    assert correction.extend(np.array([0.0, 8.0]), 3).tolist() == [4.0, 2.0, 1.0]


def test_a_gap_at_the_end_only_fades_the_correction() -> None:
    correction = ResidualCorrection(lags=(1,), coefficients=(0.5,), limit=10.0)
    assert correction.extend(np.array([8.0, np.nan]), 2).tolist() == [2.0, 1.0]  # the gap itself stands at 4


def test_one_outlier_counts_for_no_more_than_the_limit() -> None:
    correction = ResidualCorrection(lags=(1,), coefficients=(0.5,), limit=2.0)
    assert correction.extend(np.array([1000.0]), 1).tolist() == [1.0]


def test_a_residual_beyond_the_limit_is_believed_as_far_as_the_one_before_it_agrees() -> None:
    found = believed(np.array([1.0, 9.0, 7.0, -5.0, -6.0, np.nan, 8.0]), 2.0)
    assert found[:5].tolist() == [1.0, 2.0, 7.0, -2.0, -5.0]
    assert np.isnan(found[5])
    assert found[6] == 2.0  # nothing was seen before it


def test_a_seasonal_correction_extends_as_its_recursion_does() -> None:
    # (1 - .5 B)(1 - .4 B^3): r(t) = .5 r(t-1) + .4 r(t-3) - .2 r(t-4)
    correction = ResidualCorrection(lags=(1, 3, 4), coefficients=(0.5, 0.4, -0.2), limit=100.0)
    # after 1, 2, 4, 8: .5 x 8 + .4 x 2 - .2 x 1 = 4.6; .5 x 4.6 + .4 x 4 - .2 x 2 = 3.5;
    # .5 x 3.5 + .4 x 8 - .2 x 4 = 4.15
    assert correction.extend(np.array([1.0, 2.0, 4.0, 8.0]), 3) == pytest.approx([4.6, 3.5, 4.15])


def test_the_seasonal_correction_finds_a_smooth_recursion_and_what_returns_after_a_season() -> None:
    generator = np.random.default_rng(0)
    residuals = np.zeros(3000)
    for step in range(26, 3000):
        # (1 - 1.4 B + .5 B^2)(1 + .4 B^24)
        past = 1.4 * residuals[step - 1] - 0.5 * residuals[step - 2] - 0.4 * residuals[step - 24]
        past += 0.56 * residuals[step - 25] - 0.2 * residuals[step - 26]
        residuals[step] = past + generator.normal(scale=0.1)
    correction = fit_seasonal_correction(residuals, 24)
    assert correction.lags == (1, 2, 24, 25, 26)
    assert correction.coefficients == pytest.approx((1.4, -0.5, -0.4, 0.56, -0.2), abs=0.06)


def test_a_seasonal_correction_never_explodes() -> None:
    correction = fit_seasonal_correction(1.05 ** np.arange(200.0), 24)
    assert np.abs(correction.extend(np.ones(60), 2000)).max() < 10
    assert abs(correction.extend(np.ones(60), 2000)[-1]) < 0.1
    assert fit_seasonal_correction(np.zeros(300), 24) == NO_CORRECTION
    assert fit_seasonal_correction(np.ones(10), 24) == NO_CORRECTION


def test_the_correction_never_explodes() -> None:
    correction = fit_residual_correction(1.05 ** np.arange(200.0), (1, 24))
    assert sum(abs(coefficient) for coefficient in correction.coefficients) <= 0.98 + 1e-9


def test_short_residuals_use_fewer_lags_or_none() -> None:
    noise = np.random.default_rng(1).normal(size=60)
    assert fit_residual_correction(noise, (1, 24, 168)).lags == (1,)  # 36 rows after lag 24, 40 needed for two lags
    assert fit_residual_correction(noise[:10], (1, 24)) == NO_CORRECTION
    assert fit_residual_correction(np.zeros(500), (1,)) == NO_CORRECTION
    assert NO_CORRECTION.extend(np.ones(3), 2).tolist() == [0, 0]
