import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headroom.sandbox.demand_burst import burst_model, gamma_noise, interpolate_preserving_mean

RATES = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e6)), min_size=1, max_size=40)


def test_a_rising_hour_starts_and_ends_half_way_to_its_neighbours() -> None:
    # The middle hour of 0, 12, 24 runs from 6 to 18 with 12 in its middle; in four parts the midpoints are at 1/8, 3/8,
    # 5/8, 7/8 of it: 6 + 12/8 = 7.5, 10.5, 13.5, 16.5.
    parts = interpolate_preserving_mean(np.array([0.0, 12.0, 24.0]), parts=4)
    np.testing.assert_allclose(parts[4:8], [7.5, 10.5, 13.5, 16.5])


def test_a_missing_hour_stays_missing_and_does_not_touch_its_neighbours() -> None:
    parts = interpolate_preserving_mean(np.array([10.0, np.nan, 30.0]), parts=12).reshape(3, 12)
    np.testing.assert_allclose(parts[0], 10.0)
    assert np.isnan(parts[1]).all()
    np.testing.assert_allclose(parts[2], 30.0)


def test_no_hours_give_no_steps() -> None:
    assert interpolate_preserving_mean(np.empty(0), parts=12).shape == (0,)


@given(rates=RATES, seed=st.integers(0, 9))
def test_every_hour_keeps_its_mean_and_nothing_falls_below_zero(rates: list[float], seed: int) -> None:
    steps = burst_model(np.array(rates), parts=12, step_minutes=5.0, random=np.random.default_rng(seed))
    np.testing.assert_allclose(steps.reshape(-1, 12).mean(axis=1), rates, rtol=1e-9)
    assert (steps >= 0.0).all()


def test_noise_has_the_variation_and_the_correlation_asked_for() -> None:
    noise = gamma_noise(
        200_000, variation=0.15, correlation_minutes=10.0, step_minutes=5.0, random=np.random.default_rng(1)
    )
    assert abs(noise.mean() - 1.0) < 0.005
    assert abs(noise.std() - 0.15) < 0.005
    # Two steps are the ten minutes in which the correlation falls to 1/e = .368.
    assert abs(np.corrcoef(noise[:-2], noise[2:])[0, 1] - np.exp(-1.0)) < 0.02


def test_more_noise_begins_with_the_same_noise() -> None:
    few, many = (
        gamma_noise(n, variation=0.15, correlation_minutes=10.0, step_minutes=5.0, random=np.random.default_rng(1))
        for n in (10, 1000)
    )
    np.testing.assert_array_equal(few, many[:10])


def test_no_variation_is_no_noise() -> None:
    random = np.random.default_rng(0)
    flat = gamma_noise(3, variation=0.0, correlation_minutes=10.0, step_minutes=5.0, random=random)
    np.testing.assert_array_equal(flat, [1.0, 1.0, 1.0])
