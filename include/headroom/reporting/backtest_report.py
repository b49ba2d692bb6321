"""The page of a backtest: each model's scores, and a good, a middling and a bad forecast beside what came."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from headroom.forecasting.backtest import BacktestScores
from headroom.forecasting.examples import ChosenExample, choose_examples
from headroom.reporting.figures import plotly_script
from headroom.reporting.forecast_examples import ForecastExample, RuleAccuracy, drawn_examples
from headroom.reporting.page import render_page

if TYPE_CHECKING:
    import pandas as pd

MEASURES: Final = ("mase", "wape", "smape", "pinball", "coverage80", "bias")


def mean_scores(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return each model's scores averaged over series, cutoffs and bands, best mean pinball first."""
    return frame.groupby("model")[list(MEASURES)].mean().sort_values("pinball").reset_index()


def render_backtest_report(source: str, scores: BacktestScores) -> str:
    """Return the page: one HTML document that needs no network."""
    table = mean_scores(scores.frame)
    drawn = drawn_examples(backtest_examples(scores))
    shared = plotly_script() if drawn else Markup("")
    return render_page(
        "backtest_report.html.j2",
        source=source,
        columns=list(table.columns),
        rows=[list(row) for row in table.itertuples(index=False)],
        failures=scores.failures,
        drawn=drawn,
        drawn_model=scores.drawn_model,
        plotly_script=shared,
        scripts=[shared, *(item["figure"] for item in drawn)],
    )


def backtest_examples(scores: BacktestScores) -> tuple[ForecastExample, ...]:
    """Return the examples: series by their MASE, averaged over cutoffs and horizon bands, as in the scores' table."""
    ours = scores.frame[scores.frame["model"] == scores.drawn_model]
    errors = {str(series_id): float(error) for series_id, error in ours.groupby("unique_id")["mase"].mean().items()}
    return tuple(_example(scores, chosen) for chosen in choose_examples(errors))


def _example(scores: BacktestScores, chosen: ChosenExample) -> ForecastExample:
    rows = scores.forecasts[scores.forecasts["unique_id"] == chosen.series_id]
    own = scores.frame[scores.frame["unique_id"] == chosen.series_id]
    rules = tuple(
        RuleAccuracy(
            name=row["model"],
            wape=_known(row["wape"]),
            pinball=_known(row["pinball"]),
            coverage80=_known(row["coverage80"]),
            is_drawn=row["model"] == scores.drawn_model,
        )
        for row in mean_scores(own).to_dict("records")
    )
    low, median, high = (rows[name].to_numpy(dtype=float) for name in ("q10", "q50", "q90"))
    return ForecastExample(
        chosen=chosen,
        steps=_plain(rows["ds"]),
        actual=rows["y"].to_numpy(dtype=float),
        low=low,
        median=median,
        high=high,
        made_at=_plain(rows.drop_duplicates("cutoff")["ds"]),
        rules=rules,
        unit="y",
    )


def _known(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124, NaN alone differs from itself


def _plain(steps: "pd.Series") -> Sequence[datetime | int]:
    """Return steps as moments or whole numbers that a figure's axis takes."""
    return [step.to_pydatetime() if hasattr(step, "to_pydatetime") else int(step) for step in steps]
