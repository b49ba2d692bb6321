import math

import numpy as np
import pytest

from headroom.columns import QUANTILE_LEVELS
from headroom.forecasting import losses

ACTUAL = np.array([10.0, np.nan, 0.0, 4.0])
FORECAST = np.array([12.0, 7.0, 1.0, 4.0])


def test_wape_is_summed_error_over_summed_demand_of_the_hours_seen() -> None:
    # |12-10| + |1-0| + |4-4| = 3 over 10 + 0 + 4 = 14
    assert losses.wape(ACTUAL, FORECAST) == pytest.approx(3 / 14)


def test_smape_counts_an_hour_with_neither_demand_nor_forecast_as_right() -> None:
    # 2*2/22, 2*1/1, 2*0/8 -> mean of .1818, 2, 0; then with 0 against 0
    assert losses.smape(ACTUAL, FORECAST) == pytest.approx((4 / 22 + 2 + 0) / 3)
    assert losses.smape(np.zeros(2), np.zeros(2)) == 0


def test_mase_divides_by_the_mean_seasonal_difference() -> None:
    history = np.array([1.0, 2.0, 3.0, 5.0])  # season 2: |3-1|, |5-2| -> 2.5
    scale = losses.seasonal_scale(history, 2)
    assert scale == pytest.approx(2.5)
    assert losses.mase(ACTUAL, FORECAST, scale=scale) == pytest.approx(1.0 / 2.5)  # mean error (2 + 1 + 0) / 3 = 1


def test_bias_is_positive_when_the_forecast_is_too_high() -> None:
    assert losses.bias(ACTUAL, FORECAST) == pytest.approx(1.0)  # (2 + 1 + 0) / 3


def test_undefined_measures_are_nan() -> None:
    assert math.isnan(losses.wape(np.zeros(3), np.ones(3)))
    assert math.isnan(losses.mase(ACTUAL, FORECAST, scale=0.0))
    assert math.isnan(losses.seasonal_scale(np.ones(24), 24))
    assert math.isnan(losses.bias(np.array([np.nan]), np.array([1.0])))


def test_pinball_and_coverage_agree_with_loops_over_steps_and_levels() -> None:
    generator = np.random.default_rng(3)
    actual = generator.normal(size=40)
    actual[::7] = np.nan
    quantiles = np.sort(generator.normal(size=(40, 13)), axis=1)
    total, count, inside, hours = 0.0, 0, 0, 0
    for step, value in enumerate(actual):
        if math.isnan(value):
            continue
        hours += 1
        inside += quantiles[step][2] <= value <= quantiles[step][10]
        for level, quantile in zip(QUANTILE_LEVELS, quantiles[step], strict=True):
            total += level * (value - quantile) if value >= quantile else (1 - level) * (quantile - value)
            count += 1
    assert losses.pinball(actual, quantiles) == pytest.approx(total / count)
    assert losses.coverage80(actual, quantiles) == pytest.approx(inside / hours)


def test_losses_of_a_path_agree_with_loops_over_steps() -> None:
    generator = np.random.default_rng(4)
    history, actual, forecast = (generator.normal(size=size) for size in (50, 40, 40))
    history[::9], actual[::7] = np.nan, np.nan
    changes = [abs(now - before) for before, now in zip(history, history[24:], strict=False)]
    known_changes = [change for change in changes if not math.isnan(change)]
    scale = sum(known_changes) / len(known_changes)
    pairs = [(came, said) for came, said in zip(actual, forecast, strict=True) if not math.isnan(came)]
    errors = [abs(said - came) for came, said in pairs]
    assert losses.seasonal_scale(history, 24) == pytest.approx(scale)
    assert losses.mase(actual, forecast, scale=scale) == pytest.approx(sum(errors) / len(errors) / scale)
    assert losses.wape(actual, forecast) == pytest.approx(sum(errors) / sum(abs(came) for came, _ in pairs))
    symmetric = [2 * abs(said - came) / (abs(said) + abs(came)) for came, said in pairs]
    assert losses.smape(actual, forecast) == pytest.approx(sum(symmetric) / len(symmetric))
    assert losses.bias(actual, forecast) == pytest.approx(sum(said - came for came, said in pairs) / len(pairs))
