"""The page of a backtest draws what was forecast beside what came, for series chosen by their error."""

import re

import numpy as np
import pandas as pd
import pytest
from tests.unit.forecasting.demand_examples import shaped_demand

from headroom.forecasting.backtest import FORECAST_COLUMNS, BacktestScores, backtest_series
from headroom.reporting.backtest_report import backtest_examples, render_backtest_report

DAYS, HORIZON, WINDOWS = 16, 6, 2
FIRST = pd.Timestamp("2026-10-05", tz="UTC")


def frame_of(noise: dict[str, float], *, ds: object = None) -> pd.DataFrame:
    hours = FIRST + pd.to_timedelta(np.arange(24 * DAYS), unit="h")
    parts = [
        pd.DataFrame({"unique_id": name, "ds": hours if ds is None else ds, "y": shaped_demand(24 * DAYS, noise=level)})
        for name, level in noise.items()
    ]
    return pd.concat(parts, ignore_index=True)


def backtested(frame: pd.DataFrame, models: tuple[str, ...] = ("seasonal_naive_daily",)) -> BacktestScores:
    return backtest_series(frame, horizon=HORIZON, windows=WINDOWS, models=models)


@pytest.fixture(scope="module")
def scores() -> BacktestScores:
    return backtested(frame_of({"noisy": 0.4, "calm": 0.02, "usual": 0.1}), ("seasonal_naive_daily", "day_corrected"))


def test_what_was_forecast_stands_beside_what_came_at_every_cutoff(scores: BacktestScores) -> None:
    calm = scores.forecasts[scores.forecasts["unique_id"] == "calm"]
    assert list(calm.columns) == list(FORECAST_COLUMNS)
    came = shaped_demand(24 * DAYS, noise=0.02)
    assert calm["y"].tolist() == came[-HORIZON * WINDOWS :].tolist()
    assert calm["ds"].iloc[-1] == FIRST + pd.Timedelta(hours=24 * DAYS - 1)
    assert calm.groupby("cutoff").size().tolist() == [HORIZON] * WINDOWS
    assert (calm["ds"] > calm["cutoff"]).all()
    # what the daily naive says is the day before
    assert calm["q50"].to_numpy() == pytest.approx(came[-HORIZON * WINDOWS - 24 : -24], rel=0.02)
    assert ((calm["q10"] <= calm["q50"]) & (calm["q50"] <= calm["q90"])).all()


def test_without_ours_the_first_model_asked_for_is_drawn(scores: BacktestScores) -> None:
    assert scores.drawn_model == "seasonal_naive_daily"


def test_series_are_shown_by_their_error_with_every_models_scores(scores: BacktestScores) -> None:
    examples = backtest_examples(scores)
    errors = scores.frame[scores.frame["model"] == scores.drawn_model].groupby("unique_id")["mase"].mean()
    assert [item.chosen.series_id for item in examples] == errors.sort_values().index.tolist()
    for example in examples:
        assert {rule.name for rule in example.rules} == {"seasonal_naive_daily", "day_corrected"}
        assert [rule.name for rule in example.rules if rule.is_drawn] == ["seasonal_naive_daily"]
        assert len(example.made_at) == WINDOWS


def test_the_page_needs_no_network_and_its_figures_have_their_own_ids(scores: BacktestScores) -> None:
    page = render_backtest_report("series.parquet", scores)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(""", markup)
    ids = re.findall(r'id="([^"]+)"', markup)
    assert len(ids) == len(set(ids)) == 6
    for words in ("A good forecast: ", "A middling forecast: ", "A bad forecast: "):
        assert words in markup
    assert page == render_backtest_report("series.parquet", scores)


def test_steps_without_a_calendar_and_a_lone_series_are_drawn_too() -> None:
    (example,) = backtest_examples(backtested(frame_of({"one": 0.1}, ds=np.arange(24 * DAYS))))
    assert example.chosen.word == "only"
    assert list(example.steps) == list(range(24 * DAYS - HORIZON * WINDOWS, 24 * DAYS))


def test_where_nothing_could_be_scored_the_page_says_why_and_draws_nothing() -> None:
    short = frame_of({"short": 0.1}).iloc[:3]
    page = render_backtest_report("series.parquet", backtested(short))
    assert "Series without scores" in page
    assert "What to expect" not in page
