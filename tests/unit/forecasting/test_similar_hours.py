import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import series_of, shaped_demand

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting.losses import MEDIAN_INDEX, pinball
from headroom.forecasting.similar_hours import SIMILAR_HOURS, similar_hours_quantiles

HORIZON = 48
HIGH = QUANTILE_LEVELS.index(0.90)


def spells(hours: int, *, seed: int = 1) -> Floats:
    """Return demand in spells of some hours, busy or idle, at any time of day."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 14, size=hours)
    is_busy = np.repeat(np.arange(hours) % 2 == 0, lengths)[:hours]
    return np.where(is_busy, random.uniform(50, 150, hours), 0.0)


def naive_quantile(values: Floats, weights: Floats, level: float) -> float:
    total = 0.0
    for value, weight in sorted(zip(values.tolist(), weights.tolist(), strict=True)):
        total += weight / weights.sum()
        if total >= level:
            return value
    return float(values.max())


def test_weighted_quantiles_are_the_first_values_that_reach_the_level() -> None:
    from headroom.forecasting.similar_hours import _weighted_quantiles  # noqa: PLC0415  # against a naive loop

    random = np.random.default_rng(2)
    values, weights = random.normal(size=40), random.random((3, 40))
    found = _weighted_quantiles(values, weights)
    expected = [[naive_quantile(values, row, level) for level in QUANTILE_LEVELS] for row in weights]
    assert found.tolist() == expected


def test_in_a_busy_spell_the_next_hours_are_busy_and_in_an_idle_one_idle() -> None:
    values = spells(24 * 40)
    is_idle = values == 0
    starts = np.flatnonzero(is_idle[1:] != is_idle[:-1]) + 1  # first hours of spells
    busy = next(start for start in starts[::-1] if not is_idle[start])
    idle = next(start for start in starts[::-1] if is_idle[start])
    medians = {}
    for name, start in (("busy", busy), ("idle", idle)):
        quantiles = similar_hours_quantiles(series_of(values[: start + 1]), horizon_steps=HORIZON)
        medians[name] = quantiles[:2, MEDIAN_INDEX]
        assert quantiles[24:, HIGH].min() > 50  # a day ahead either may be
        assert (np.diff(quantiles, axis=1) >= 0).all()
    assert medians["busy"].min() > 50
    assert medians["idle"].max() == 0


def test_in_the_next_hours_it_loses_less_than_the_quantiles_of_all_hours() -> None:
    values = spells(24 * 40)
    own, everything = 0.0, 0.0
    for origin in range(24 * 30, 24 * 39, 7):
        known, came = values[:origin], values[origin : origin + 3]
        own += pinball(came, similar_hours_quantiles(series_of(known), horizon_steps=3))
        everything += pinball(came, np.tile(np.quantile(known, QUANTILE_LEVELS), (3, 1)))
    assert own < 0.8 * everything


def test_the_newest_days_count_more() -> None:
    """Twelve days at 10 and the last six at 20: with a half-life of three days they have four fifths of the weight."""
    values = np.concatenate([np.full(24 * 12, 10.0), np.full(24 * 6, 20.0)])
    assert similar_hours_quantiles(series_of(values), horizon_steps=1)[0, MEDIAN_INDEX] == 20


def test_only_values_seen_are_forecast_and_gaps_and_long_horizons_are_borne() -> None:
    values = spells(60)
    values[[3, 20, 58, 59]] = np.nan
    quantiles = similar_hours_quantiles(series_of(values), horizon_steps=168)
    assert set(quantiles.ravel().tolist()) <= set(values[np.isfinite(values)].tolist())


@pytest.mark.parametrize(("values", "serves"), [(spells(24 * 20), True), (shaped_demand(24 * 20), False)])
def test_as_a_member_it_serves_where_yesterday_tells_no_more_than_the_median(values: Floats, serves: bool) -> None:  # noqa: FBT001
    assert SIMILAR_HOURS.can_fit(series_of(values)) is serves


def test_as_a_member_it_gives_the_medians_and_asks_for_two_days() -> None:
    series = series_of(spells(24 * 20))
    path = SIMILAR_HOURS.restore(SIMILAR_HOURS.fit(series, horizon_steps=4, seed=0).state()).path(
        series, horizon_steps=4
    )
    assert path is not None
    assert path.tolist() == similar_hours_quantiles(series, horizon_steps=4)[:, MEDIAN_INDEX].tolist()
    assert not SIMILAR_HOURS.can_fit(series.until(47))


def test_hours_missing_at_the_end_count_as_steps_ahead_however_many() -> None:
    """Three hours later, none of which was seen, the next hour is what was four steps ahead."""
    values = spells(24 * 40)
    known = similar_hours_quantiles(series_of(values), horizon_steps=HORIZON)
    late = similar_hours_quantiles(series_of(np.concatenate([values, np.full(3, np.nan)])), horizon_steps=HORIZON - 3)
    assert late.tolist() == known[3:].tolist()
    silent = series_of(np.concatenate([values, np.full(24 * 40, np.nan)]))
    assert SIMILAR_HOURS.can_fit(silent)
    path = SIMILAR_HOURS.path(silent, horizon_steps=HORIZON)
    assert path is not None
    assert path.max() > 50  # busy hours are not forgotten because nobody has looked for 40 days
