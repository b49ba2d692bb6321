"""Plotly figures as HTML fragments; the script they share is put into a page once, so that it works offline."""

import html
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from headroom.columns import PART_NAMES, QUANTILE_LEVELS

if TYPE_CHECKING:
    from headroom.reporting.run_report import FleetSection

INK: Final = "#1f2933"
GRID: Final = "#e4e7eb"
BLUE: Final = "#0b62a4"
SKY: Final = "rgba(11, 98, 164, 0.16)"
ORANGE: Final = "#d1680c"
GREY: Final = "#7b8794"
GREEN: Final = "#1b7f5c"
PURPLE: Final = "#9b4f8f"
"""Colours that stay apart for colour-blind readers (after Okabe and Ito, 2008)."""


def plotly_script() -> Markup:
    """Return Plotly's own script, to be put into a page once."""
    return Markup(f"<script>{get_plotlyjs()}</script>")  # noqa: S704, the library's own file, no value of ours in it


def demand_figure(section: "FleetSection") -> Markup:
    """Draw the last week of demand and the forecast to come, with its 80 % band and the quantile that is bought."""
    figure = figure_of(f"Demand of {literal(section.fleet_id)}", "requests per second")
    history = section.history
    if history is not None:
        figure.add_scatter(
            x=history.hours,
            y=history.peak_per_second,
            name="hourly peak, seen",
            line={"color": GREY, "width": 1.5},
            connectgaps=False,
        )
        figure.add_scatter(
            x=history.hours,
            y=history.mean_per_second,
            name="hourly mean, seen",
            line={"color": INK, "width": 1.5},
            connectgaps=False,
        )
    forecast = section.forecast
    if forecast is not None:
        low, middle, high = (
            forecast.peak_quantiles_per_second[:, QUANTILE_LEVELS.index(q)] for q in (0.10, 0.50, 0.90)
        )
        figure.add_scatter(x=forecast.hours, y=high, line={"width": 0}, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=forecast.hours,
            y=low,
            fill="tonexty",
            fillcolor=SKY,
            line={"width": 0},
            name="forecast peak, 80 % band",
        )
        figure.add_scatter(x=forecast.hours, y=middle, name="forecast peak, median", line={"color": BLUE, "width": 2})
        figure.add_scatter(
            x=forecast.hours,
            y=forecast.minute_at_level(section.critical_ratio),
            name=f"bought: {section.bought_level:.0%} quantile of the minutes",
            line={"color": ORANGE, "width": 2, "dash": "dot"},
        )
        _mark_now(figure, forecast.hours[0])
    return fragment_of(figure, f"{section.fleet_id}-demand")


_PARTS: Final = {
    "daily": ("hour of the day", BLUE),
    "weekly": ("day of the week", GREEN),
    "holiday": ("holiday", ORANGE),
    "event": ("event", PURPLE),
    "residual": ("newest hours, and the rest", GREY),
}

_LEAST_SEEN_FRACTION: Final = 1e-3
"""Of the largest part; what never reaches it would only fill the legend."""


def parts_figure(section: "FleetSection") -> Markup:
    """Draw what each part of the forecast's median adds to its level or takes from it, without what cannot be seen."""
    figure = figure_of(f"What moves the forecast of {literal(section.fleet_id)}", "per second off the level")
    forecast = section.forecast
    if forecast is not None and forecast.mean_parts_per_second is not None:
        parts = forecast.mean_parts_per_second
        for name, (label, color) in _PARTS.items():
            values = parts[:, PART_NAMES.index(name)]
            if np.abs(values).max() > _LEAST_SEEN_FRACTION * np.abs(parts).max():
                figure.add_bar(x=forecast.hours, y=values, name=label, marker={"color": color, "line": {"width": 0}})
        figure.add_scatter(
            x=forecast.hours,
            y=parts[:, 1:].sum(axis=1),
            name="all together: median of the mean",
            line={"color": INK, "width": 2},
        )
        figure.update_layout(barmode="relative", bargap=0)
    return fragment_of(figure, f"{section.fleet_id}-parts")


def capacity_figure(section: "FleetSection") -> Markup:
    """Draw planned capacity over required and today's, with a mark at every action."""
    hours = [row.hour_start_utc for row in section.schedule]
    figure = figure_of(f"Capacity of {literal(section.fleet_id)}", "instances")
    step: dict[str, Any] = {"shape": "hv"}
    figure.add_scatter(
        x=hours,
        y=[row.today_instances for row in section.schedule],
        name="today, without the plan",
        line={**step, "color": GREY, "width": 1.5, "dash": "dash"},
    )
    figure.add_scatter(
        x=hours,
        y=[row.planned_instances for row in section.schedule],
        name="planned floor",
        line={**step, "color": GREEN, "width": 2.5},
        fill="tozeroy",
        fillcolor="rgba(27, 127, 92, 0.10)",
    )
    figure.add_scatter(
        x=hours,
        y=[row.required_instances for row in section.schedule],
        name="required",
        line={**step, "color": ORANGE, "width": 1.5},
    )
    marks = [item.action for item in section.actions if item.action.setting.min_instances is not None]
    if marks:
        figure.add_scatter(
            x=[action.starts_at_utc for action in marks],
            y=[action.setting.min_instances for action in marks],
            mode="markers",
            marker={"color": BLUE, "size": 9, "symbol": "triangle-up"},
            name="scheduled action",
            text=[literal(action.name) for action in marks],
        )
    return fragment_of(figure, f"{section.fleet_id}-capacity")


def cost_figure(section: "FleetSection") -> Markup:
    """Draw what the next day is expected to cost at each quantile that could be bought, instances and shortage."""
    figure = figure_of(f"Expected cost of a day of {literal(section.fleet_id)}", "USD", height=220)
    curve = section.cost_curve
    if curve is not None:
        levels = [f"q{level:.0%}".removesuffix("%") for level in QUANTILE_LEVELS]
        figure.add_bar(x=levels, y=curve.instance_usd, name="instances", marker={"color": BLUE})
        figure.add_bar(x=levels, y=curve.shortage_usd, name="shortage", marker={"color": ORANGE})
        figure.update_layout(barmode="stack")
        figure.update_xaxes(title=f"quantile of the minutes bought; the critical ratio is {curve.critical_ratio:.4g}")
    return fragment_of(figure, f"{section.fleet_id}-cost")


def figure_of(title: str, unit: str, *, height: int = 300) -> Any:  # noqa: ANN401, plotly ships no types
    """Return an empty figure in the look of all reports; `unit` names the vertical axis."""
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "font": {"size": 15, "color": INK}, "x": 0.01},
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 16, "t": 40, "b": 36},
        legend={"orientation": "h", "y": -0.18},
        font={"family": "system-ui, sans-serif", "color": INK},
        hovermode="x unified",
    )
    figure.update_yaxes(title=unit, rangemode="tozero", gridcolor=GRID)
    figure.update_xaxes(gridcolor=GRID)
    return figure


def literal(name: str) -> str:
    """Return a name as Plotly shows it literally: it reads tags and links in its texts."""
    return html.escape(name)


def _mark_now(figure: Any, moment: np.datetime64) -> None:  # noqa: ANN401, plotly ships no types
    figure.add_vline(x=str(moment), line={"color": INK, "width": 1, "dash": "dot"})


def fragment_of(figure: Any, div_id: str) -> Markup:  # noqa: ANN401, plotly ships no types
    """Return a figure as HTML without the script that plotly_script gives a page once."""
    fragment = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=re.sub(r"[^A-Za-z0-9-]", "-", div_id),  # plotly writes it as it is
        config={"displaylogo": False, "responsive": True},
    )
    return Markup(fragment)  # noqa: S704, plotly escapes the texts it writes
