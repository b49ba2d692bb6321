"""Examples of forecasts beside what came, as every page shows them: a figure, and how good each rule was on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from headroom.domain.demand import Floats
from headroom.forecasting.examples import ChosenExample
from headroom.reporting.figures import BLUE, GREY, INK, SKY, figure_of, fragment_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAccuracy:
    """How good one rule was on the series; None where a measure is undefined (no demand)."""

    name: str
    wape: float | None
    pinball: float | None
    coverage80: float | None
    is_drawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastExample:
    """One series as it was forecast and as it came; NaN in `actual` where it was not seen.

    `steps`: moments or step numbers, one each of `actual`, `low` (q10), `median` and `high` (q90), NaN in those where
    nothing was forecast. `made_at`: the steps with which a new forecast begins. `rules`: best first.
    """

    chosen: ChosenExample
    steps: Sequence[datetime | int]
    actual: Floats
    low: Floats
    median: Floats
    high: Floats
    made_at: Sequence[datetime | int]
    rules: tuple[RuleAccuracy, ...]
    unit: str
    note: str = ""


def drawn_examples(examples: Iterable[ForecastExample]) -> list[dict[str, Any]]:
    """Return each example with its figure, as the template shows them."""
    return [{"example": example, "figure": example_figure(example)} for example in examples]


def example_figure(example: ForecastExample) -> Markup:
    """Draw what came over the forecast and its 80 % band, with a dotted line wherever a forecast was made."""
    figure = figure_of("", example.unit, height=320)
    steps = list(example.steps)
    figure.add_scatter(
        x=steps, y=example.high, line={"width": 0}, showlegend=False, hoverinfo="skip", connectgaps=False
    )
    figure.add_scatter(
        x=steps,
        y=example.low,
        fill="tonexty",
        fillcolor=SKY,
        line={"width": 0},
        name="80 % band",
        hoverinfo="skip",
        connectgaps=False,
    )
    figure.add_scatter(x=steps, y=example.median, name="forecast", line={"color": BLUE, "width": 2}, connectgaps=False)
    figure.add_scatter(
        x=steps, y=example.actual, name="what came", line={"color": INK, "width": 1.5}, connectgaps=False
    )
    for moment in example.made_at:
        figure.add_vline(x=moment, line={"color": GREY, "width": 1, "dash": "dot"}, layer="below")
    figure.update_layout(margin={"t": 12})
    return fragment_of(figure, f"example-{example.chosen.word}-figure")
