"""The page of a backtest: each model's scores over all series, cutoffs and bands."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headroom.reporting.page import render_page

if TYPE_CHECKING:
    import pandas as pd


def render_backtest_report(source: str, table: "pd.DataFrame", *, failures: Mapping[str, str]) -> str:
    """Return the page; `table` has a row a model, its name first, then mean scores, best first."""
    return render_page(
        "backtest_report.html.j2",
        source=source,
        columns=list(table.columns),
        rows=[list(row) for row in table.itertuples(index=False)],
        failures=failures,
        plotly_script="",
    )
