"""Examples are chosen by nearest rank of error; naive rules get the band of their own past errors."""

import numpy as np
import pytest

from headroom.columns import QUANTILE_LEVELS
from headroom.forecasting.examples import PLACES, choose_examples
from headroom.forecasting.naive_bands import naive_quantiles


def test_of_twenty_series_the_second_the_tenth_and_the_eighteenth_are_shown() -> None:
    # nearest rank: ceil(0.1 * 20) = 2, ceil(0.5 * 20) = 10, ceil(0.9 * 20) = 18
    errors = {f"series-{number:02d}": 2.0 - 0.05 * number for number in range(20)}
    chosen = choose_examples(errors)
    assert [(item.word, item.rank, item.series_id) for item in chosen] == [
        ("good", 2, "series-18"),
        ("middling", 10, "series-10"),
        ("bad", 18, "series-02"),
    ]
    assert chosen[1].rule == "50th percentile of scaled error: number 10 of 20, 1.50"


@pytest.mark.parametrize(
    ("count", "words"), [(0, []), (1, ["only"]), (2, ["good", "bad"]), (3, [w for w, _ in PLACES])]
)
def test_few_series_are_shown_once_each(count: int, words: list[str]) -> None:
    chosen = choose_examples({str(number): float(number) for number in range(count)})
    assert [item.word for item in chosen] == words
    assert len({item.series_id for item in chosen}) == len(words)


def test_neither_order_nor_undefined_errors_change_the_choice() -> None:
    errors = {"b": 1.0, "a": 1.0, "c": 1.0}
    assert choose_examples(errors) == choose_examples({**dict(reversed(errors.items())), "never": float("nan")})
    assert [item.series_id for item in choose_examples(errors)] == ["a", "b", "c"]


def test_a_naive_band_is_the_season_before_plus_the_quantiles_of_its_errors() -> None:
    # season 2: errors one season back are 1, 1, 3, 3, their median 2; two seasons back (4 steps) 4, 4
    known = np.array([10.0, 20.0, 11.0, 21.0, 14.0, 24.0])
    quantiles = naive_quantiles(known, season=2, horizon_steps=3)
    assert quantiles[0] == pytest.approx(14.0 + np.quantile([-1, -1, 1, 1], QUANTILE_LEVELS))
    assert quantiles[1, QUANTILE_LEVELS.index(0.5)] == pytest.approx(24.0)
    assert quantiles[2] == pytest.approx(np.full(len(QUANTILE_LEVELS), 14.0))


def test_a_naive_band_steps_over_what_was_not_seen_and_never_falls_below_zero() -> None:
    known = np.array([5.0, np.nan, 0.0, 1.0, np.nan, 3.0])
    quantiles = naive_quantiles(known, season=2, horizon_steps=2)
    assert np.isfinite(quantiles).all()
    assert quantiles.min() == 0.0
    assert naive_quantiles(np.array([2.0]), season=24, horizon_steps=2) == pytest.approx(np.full((2, 13), 2.0))
