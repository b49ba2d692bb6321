import json
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import CHEAP_MEMBERS, SpyingMember, series_of, shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES
from headroom.forecasting.calibration import Calibration, calibrate, default_calibration
from headroom.forecasting.ensemble import NOTHING_LEARNT, choose, forecast_with_members, refit, select
from headroom.forecasting.members import FittedForecaster, MemberError
from headroom.forecasting.naive import DAILY
from headroom.forecasting.rolling_origin import OriginPaths, collect_origin_paths, fit_origins, update_origins
from headroom.forecasting.scale import LEVEL, Scale
from headroom.forecasting.series import Series
from headroom.forecasting.weighting import combine, weights_by_band


def test_fits_lie_two_days_apart_and_end_a_day_before_the_end() -> None:
    assert fit_origins(series_of(np.ones(1000))) == (784, 832, 880, 928, 976)
    assert fit_origins(series_of(np.ones(50))) == (26,)
    assert fit_origins(series_of(np.ones(47))) == ()
    # then an update every three hours until the next fit, or the end
    assert update_origins(series_of(np.ones(1000)), 784) == tuple(range(784, 832, 3))
    assert update_origins(series_of(np.ones(1000)), 976) == (976, 979, 982, 985, 988, 991, 994, 997)


def test_no_member_sees_a_value_at_or_after_its_origin() -> None:
    values = np.arange(500.0)
    spy = SpyingMember()
    found = collect_origin_paths(series_of(values), [spy], horizon_steps=48, seed=0)
    assert spy.fitted_on == list(fit_origins(series_of(values)))
    assert tuple(spy.updated_on) == found.origins
    for origin, actual, path in zip(found.origins, found.actuals, found.paths["spy"], strict=True):
        assert path[0] == origin - 1  # the value at index i is i: the newest one known is the step before the origin
        assert actual[0] == origin  # and the first judged is the step at it


def test_a_changed_future_changes_no_path_made_before_it() -> None:
    values = shaped_demand(600)
    origin = fit_origins(series_of(values))[2]
    changed = values.copy()
    changed[origin:] *= 100
    before = collect_origin_paths(series_of(values), CHEAP_MEMBERS, horizon_steps=24, seed=0)
    after = collect_origin_paths(series_of(changed), CHEAP_MEMBERS, horizon_steps=24, seed=0)
    early = np.array(before.origins) <= origin
    for name in before.paths:
        assert np.array_equal(before.paths[name][early], after.paths[name][early])


def test_what_lies_past_the_end_is_not_judged() -> None:
    found = collect_origin_paths(series_of(shaped_demand(200)), CHEAP_MEMBERS, horizon_steps=72, seed=0)
    assert found.origins[-1] == 200 - 24 + 21
    assert np.isfinite(found.actuals[-1]).sum() == 3


class FailingMember(SpyingMember):
    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        raise MemberError(f"{len(series)} steps, {horizon_steps} ahead, seed {seed}: does not converge")


def test_a_member_that_fails_to_fit_gets_no_weight() -> None:
    found = collect_origin_paths(
        series_of(shaped_demand(200)), [*CHEAP_MEMBERS, FailingMember()], horizon_steps=24, seed=0
    )
    assert all("spy" not in weights for weights in weights_by_band(found).values())
    assert "spy could not be judged everywhere" in choose(series_of(shaped_demand(200)), found).note


def origin_paths(actuals: list[list[float]] | Floats, **paths: Floats) -> OriginPaths:
    return OriginPaths(origins=tuple(range(len(actuals))), actuals=np.array(actuals), paths=paths)


def test_a_member_twice_as_wrong_gets_an_eighth_of_the_weight_and_one_more_wrong_none() -> None:
    good, poor, poorest = (np.array([[10.0 + error] * 2]) for error in (1.0, 2.0, 2.2))
    # 1 ** -3 : 2 ** -3 = 1 : .125, of which 1 / 9 = .111 is just above the least weight of .10; of 2.2 ** -3 it is .086
    assert weights_by_band(origin_paths([[10.0, 10.0]], good=good, poor=poor)) == {
        "1-2": {"good": 0.888889, "poor": 0.111111}
    }
    assert weights_by_band(origin_paths([[10.0, 10.0]], good=good, poorest=poorest)) == {"1-2": {"good": 1.0}}


def test_weights_differ_by_band_and_follow_the_band_before_where_nothing_was_judged() -> None:
    actuals = np.full((1, 80), 10.0)
    actuals[0, 24:] = np.nan
    near = np.full((1, 80), 10.1)
    near[0, 2:] = 30.0
    far = np.full((1, 80), 30.0)
    far[0, 2:] = 10.1
    weights = weights_by_band(origin_paths(actuals, near=near, far=far))
    assert weights["1-2"] == {"near": 1.0}
    assert weights["3-6"] == weights["7-24"] == weights["25-72"] == weights["73-168"] == {"far": 1.0}


def test_a_member_that_never_served_with_the_rest_is_left_out() -> None:
    """`odd` served at the first origin alone, where the other two had nothing to say yet."""
    never = np.nan
    found = origin_paths(
        [[10.0], [10.0], [10.0]],
        odd=np.array([[10.1], [never], [never]]),
        good=np.array([[never], [11.0], [11.0]]),
        poor=np.array([[never], [12.0], [12.0]]),
    )
    assert weights_by_band(found) == {"1-2": {"good": 0.888889, "poor": 0.111111}}


def test_a_perfect_member_takes_all_and_equal_ones_share() -> None:
    perfect = origin_paths([[5.0]], right=np.array([[5.0]]), wrong=np.array([[6.0]]))
    assert weights_by_band(perfect)["1-2"] == {"right": 1.0}
    equal = origin_paths([[5.0]], one=np.array([[5.0]]), two=np.array([[5.0]]))
    assert weights_by_band(equal)["1-2"] == {"one": 0.5, "two": 0.5}


def test_combining_shares_the_weight_of_a_member_without_a_value() -> None:
    paths = {"one": np.array([1.0, np.nan]), "two": np.array([3.0, 3.0])}
    weights = {"1-2": {"one": 0.5, "two": 0.5}}
    assert combine(paths, weights).tolist() == [2.0, 3.0]


def test_errors_of_a_fair_coin_give_a_symmetric_band_that_covers() -> None:
    generator = np.random.default_rng(0)
    paths = np.full((400, 2), 100.0)
    actuals = paths + generator.normal(scale=5, size=paths.shape)
    offsets = np.array(calibrate(paths, actuals, log_scale=LEVEL).offsets["1-2"])
    # the normal's q90 is 1.2816 sigma = 6.4, times the widening of 1.15 = 7.4
    assert offsets[QUANTILE_LEVELS.index(0.90)] == pytest.approx(7.4, abs=1.0)
    assert offsets[QUANTILE_LEVELS.index(0.10)] == pytest.approx(-7.4, abs=1.0)


def test_proportional_errors_are_calibrated_on_the_log_scale_and_constant_ones_on_the_level() -> None:
    generator = np.random.default_rng(0)
    paths = np.tile([1.0, 1000.0], (200, 1))
    log = Scale(kind="log")
    noise = generator.normal(size=paths.shape)
    assert calibrate(paths, paths * np.exp(0.3 * noise), log_scale=log).scale == log
    assert calibrate(paths + 5000, paths + 5000 + 50 * noise * (paths < 5), log_scale=LEVEL).scale == LEVEL


def test_a_band_without_errors_is_wider_than_the_one_before() -> None:
    paths = np.full((20, 30), 10.0)
    actuals = paths + np.random.default_rng(0).normal(size=paths.shape)
    actuals[:, 24:] = np.nan
    offsets = calibrate(paths, actuals, log_scale=LEVEL).offsets
    assert offsets["25-72"] == pytest.approx(1.2 * np.array(offsets["7-24"]))


def test_hours_missing_at_the_end_move_every_step_into_a_later_band() -> None:
    calibration = default_calibration(LEVEL, (-1.0,) * 6 + (0.0,) + (1.0,) * 6)
    on_time = calibration.quantiles(np.full(3, 10.0))
    late = calibration.quantiles(np.full(3, 10.0), steps_late=24)
    # centres lie at 2 ** .5, 18 ** .5 and 168 ** .5 steps: step 1 is before the first; step 3 lies
    # log(3 / 1.414) / log(3) = .685 of the way from offset 1 to 1.2. Steps 25 to 27 lie .554, .587 and .619 of the way
    # from 168 ** .5 to 1800 ** .5 steps, offsets 1.44 to 1.728
    assert on_time[:, -1] == pytest.approx([11.0, 11.063, 11.137], abs=1e-3)
    assert late[:, -1] == pytest.approx([11.5995, 11.6091, 11.6182], abs=1e-3)
    assert calibration.quantiles(np.full((2, 3), 10.0)).tolist() == [on_time.tolist(), on_time.tolist()]


def calm_calibration() -> Calibration:
    offsets = (-1.0,) * 6 + (0.0,) + (1.0,) * 6
    return Calibration(scale=LEVEL, offsets=dict.fromkeys(BAND_NAMES, offsets), near_error=2.0)


def test_quantiles_widen_after_errors_above_the_typical_and_less_so_further_ahead() -> None:
    # twelve errors of 6, three times the typical 2, beside eight typical ones: (12 x 3 + 8 x 1) / 20 = 2.2
    stretched = calm_calibration().stretched(np.full((6, 2), 10.0), np.full((6, 2), 16.0))
    assert stretched.offsets["1-2"][-1] == pytest.approx(2.2)
    assert stretched.offsets["3-6"][-1] == pytest.approx(2.2**0.7)
    assert stretched.offsets["7-24"][0] == pytest.approx(-(2.2**0.49))


def test_quantiles_narrow_in_a_calm_spell_but_not_without_bound() -> None:
    paths = np.full((6, 2), 10.0)
    assert calm_calibration().stretched(paths, paths + 1.5).offsets["1-2"][-1] == pytest.approx(0.85)  # (9 + 8) / 20
    assert calm_calibration().stretched(paths, paths + 1.5).offsets["7-24"][-1] == 1.0  # and no band further ahead
    assert calm_calibration().stretched(paths, paths).offsets["1-2"][-1] == 0.7  # not 8 / 20
    assert calm_calibration().stretched(paths, paths + 1e9).offsets["1-2"][-1] == 4.0


def test_quantiles_stay_where_no_newest_error_or_no_typical_one_is_known() -> None:
    calibration = calm_calibration()
    assert calibration.stretched(np.empty((0, 2)), np.empty((0, 2))) == calibration
    assert calibration.stretched(np.full((6, 2), np.nan), np.ones((6, 2))) == calibration
    unknown = replace(calibration, near_error=0.0)
    assert unknown.stretched(np.ones((6, 2)), np.zeros((6, 2))) == unknown


def test_a_calibration_survives_json() -> None:
    calibration = default_calibration(Scale(kind="log", offset=0.25), tuple(np.linspace(-1, 1, 13).tolist()))
    assert Calibration.restore(json.loads(json.dumps(calibration.state()))) == calibration
    assert list(calibration.offsets) == list(BAND_NAMES)


def test_a_member_that_cannot_be_refitted_leaves_its_weight_to_the_others_and_is_named() -> None:
    series = series_of(shaped_demand(24 * 10))
    members = (DAILY, SpyingMember())
    chosen = select(series, horizon_steps=24, seed=0, members=members)
    halves = replace(chosen, weights={key: {DAILY.name: 0.5, "spy": 0.5} for key in chosen.weights})
    refitted = refit(series, halves, horizon_steps=24, seed=0, members=(DAILY, FailingMember()))
    assert refitted.note.endswith("; left out: spy, 240 steps, 24 ahead, seed 0: does not converge")
    assert chosen.calibration is not None
    path = forecast_with_members(series, refitted, horizon_steps=24, seed=0, members=members).median
    shift = chosen.calibration.quantiles(series.observed[-24:])[:, 6]
    assert path == pytest.approx(shift)


def test_where_no_chosen_member_can_be_refitted_the_day_before_stands_in_and_the_note_says_so() -> None:
    series = series_of(shaped_demand(24 * 10))
    chosen = select(series, horizon_steps=24, seed=0, members=(SpyingMember(),))
    refitted = refit(series, chosen, horizon_steps=24, seed=0, members=(FailingMember(),))
    assert refitted.fits == {}
    made = forecast_with_members(series, refitted, horizon_steps=24, seed=0, members=(FailingMember(),))
    assert made.median == pytest.approx(series.observed[-24:])
    assert "left out: spy" in made.note
    assert "the day before stands in" in made.note


class AgedMember(FailingMember):
    """Cannot be fitted any more, and its older fit says something of the first `reach` steps, or nothing at all."""

    reach = 0

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        del series
        known = np.full(horizon_steps, np.nan)
        known[: self.reach] = 7.0
        return known if self.reach else None


class AgedMemberOfSixSteps(AgedMember):
    reach = 6


@pytest.mark.parametrize("member", [AgedMember(), AgedMemberOfSixSteps()])
def test_a_fit_that_is_too_old_and_cannot_be_made_anew_fails_no_forecast(member: AgedMember) -> None:
    series = series_of(shaped_demand(24 * 10))
    chosen = select(series, horizon_steps=24, seed=0, members=(SpyingMember(),))
    made = forecast_with_members(series, chosen, horizon_steps=24, seed=0, members=(member,))
    assert made.median[: member.reach] == pytest.approx(7.0)
    assert made.median[member.reach :] == pytest.approx(series.observed[-24:][member.reach :])
    assert "the day before stands in" in made.note


def test_a_selection_without_calibration_cannot_forecast() -> None:
    with pytest.raises(ValueError, match="the selection has no calibration"):
        forecast_with_members(series_of(np.ones(60)), NOTHING_LEARNT, horizon_steps=3, seed=0)


def test_a_new_level_widens_the_next_forecasts() -> None:
    values = shaped_demand(24 * 10)
    selection = select(series_of(values), horizon_steps=24, seed=0, members=(DAILY,))
    risen = values.copy()
    risen[-12:] *= 2.0
    calm, shifted = (
        forecast_with_members(series_of(known), selection, horizon_steps=24, seed=0, members=(DAILY,))
        for known in (values, risen)
    )
    low, high = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)
    width = [(made.quantiles[0, high] - made.quantiles[0, low]) / made.median[0] for made in (calm, shifted)]
    assert width[1] > 1.3 * width[0]


def test_bands_before_the_first_that_was_judged_are_as_wide_as_the_errors_of_all() -> None:
    paths = np.full((20, 30), 10.0)
    actuals = paths + np.random.default_rng(0).normal(size=paths.shape)
    actuals[:, :6] = np.nan
    offsets = calibrate(paths, actuals, log_scale=LEVEL).offsets
    assert offsets["1-2"][10] > 0.8  # q90 of a standard normal is 1.28
    assert offsets["3-6"][10] > offsets["1-2"][10]
