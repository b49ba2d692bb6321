"""Figures of a replay: the frontier of cost against the objective, and a day of every policy's capacity."""

from typing import Any, Final

import numpy as np
from markupsafe import Markup

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.domain.window import floor_day
from headroom.reporting.figures import BLUE, GREEN, GREY, INK, ORANGE, figure_of, fragment_of
from headroom.simulation.engine import Run
from headroom.simulation.replay import ORACLE, ORACLE_HOURLY, Replay, SweptPoint
from headroom.units import SECONDS_PER_DAY

_LEAST_OUTSIDE: Final = 1e-6
"""Fewer requests than this share outside the objective are drawn as this many: none has no place on a log scale."""
_OURS: Final = {"headroom": GREEN, "headroom_reactive": BLUE, "headroom_spot": "#56a0d3"}
_ORACLES: Final = {ORACLE: INK, ORACLE_HOURLY: GREY}
_OTHERS: Final = (ORANGE, "#b0578d", "#8a6d00", "#6a51a3", "#c0392b", "#2a9d94", "#7f5539", "#d9a400", "#4b5f6d")
_DASHES: Final = ("solid", "dash", "dot")
_SHOWN_AT_FIRST: Final = ("static_peak", "target_tracking", "headroom", "headroom_reactive", ORACLE)
_BESIDE: Final[dict[str, Any]] = {
    "legend": {"orientation": "v", "y": 1, "x": 1.01, "tracegroupgap": 0, "itemsizing": "constant"},
    "margin": {"l": 60, "r": 16, "t": 40, "b": 44},
}
"""The legend beside the plot; the margin above both is the toolbar's."""
_MOST_POINTS: Final = 1440
_TICKS: Final = (0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 1e-4, 1e-5, 1e-6)


def frontier_figure(replay: Replay) -> Markup:
    """Draw each policy's cost against the requests outside the objective; lines join what its knob reaches."""
    figure = figure_of("", "requests inside the objective", height=420)
    for name, style in _styles(replay).items():
        points = sorted(
            (point.cost_usd, _outside(point), point.setting) for point in replay.swept if point.name == name
        )
        if points:
            figure.add_scatter(
                x=[cost for cost, _, _ in points],
                y=[outside for _, outside, _ in points],
                text=[setting for _, _, setting in points],
                name=name,
                legendgroup=name,
                showlegend=name not in replay.played,
                mode="lines+markers",
                line={**style, "width": 1.5},
                marker={"size": 5},
                hovertemplate="%{text}: $%{x:,.2f}",
            )
        if name in replay.played:
            run = replay.played[name].run
            figure.add_scatter(
                x=[run.cost_usd],
                y=[_outside(run)],
                name=name,
                legendgroup=name,
                mode="markers",
                marker={
                    "size": 12,
                    "color": style["color"],
                    "symbol": _symbol(name),
                    "line": {"width": 1, "color": "#fff"},
                },
                hovertemplate=f"{run.slo_met_fraction:.3%} for $%{{x:,.2f}}",
            )
    figure.update_layout(hovermode="closest", **_BESIDE)
    # the view is that of the policies as they are set: a knob's ends may cost many times as much
    costs = [played.run.cost_usd for played in replay.played.values()]
    figure.update_xaxes(title="cost, USD", range=[0.9 * min(costs), 1.08 * max(costs)])
    # what is outside, on a log scale turned round: 99.9 % is as far from 99 % as 99 % from 90 %
    outside = [_outside(played.run) for played in replay.played.values()]
    figure.update_yaxes(
        type="log",
        range=[np.log10(1.6 * max(outside)), np.log10(min(outside) / 2.5)],
        tickvals=list(_TICKS),
        ticktext=[f"{100 * (1 - tick):.6g} %" for tick in _TICKS],
    )
    return fragment_of(figure, "frontier")


def day_figure(replay: Replay) -> Markup:
    """Draw the busiest UTC day: instances ready under every policy, over those that demand needed."""
    scene = replay.scene
    steps = busiest_day(replay)
    first = np.datetime64(scene.start_utc.replace(tzinfo=None), "ms")
    stamps = first + np.round(1000 * scene.step_seconds * steps).astype("timedelta64[ms]")
    figure = figure_of("", "instances at work", height=420)
    needed = replay.needed[steps]
    drawn = drawn_points(needed)
    figure.add_scatter(
        x=stamps[drawn],
        y=needed[drawn],
        name="needed for the demand",
        customdata=replay.rate_per_second[steps][drawn],
        hovertemplate="%{y} for %{customdata:.3g} requests a second",
        line={"color": "#c4ccd4", "width": 0, "shape": "hv"},
        fill="tozeroy",
        fillcolor="rgba(123, 135, 148, 0.28)",
    )
    for name, style in _styles(replay).items():
        if name in replay.played:
            ready = _ready(replay.played[name].run)[steps]
            drawn = drawn_points(ready)
            figure.add_scatter(
                x=stamps[drawn],
                y=ready[drawn],
                name=name,
                line={**style, "width": 2, "shape": "hv"},
                visible=True if name in _SHOWN_AT_FIRST else "legendonly",
            )
    figure.update_layout(**_BESIDE)
    return fragment_of(figure, "day")


def drawn_points(values: Floats | Counts) -> Counts:
    """Return the numbers of the points that a line of steps needs: all of a day of minutes, else where it changes.

    A day of steps of a tenth of a second would make a page of hundreds of megabytes.
    """
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values))
    is_drawn = np.diff(values, prepend=np.nan, append=np.nan)[:-1] != 0
    is_drawn[-1] = True
    return np.flatnonzero(is_drawn)


def busiest_day(replay: Replay) -> Any:  # noqa: ANN401, an array of whole numbers
    """Return the numbers of the steps of the UTC day with most requests, shape (steps of that day,)."""
    scene = replay.scene
    since_midnight = (scene.start_utc - floor_day(scene.start_utc)).total_seconds()
    day = (since_midnight + np.arange(scene.steps) * scene.step_seconds) // SECONDS_PER_DAY
    requests = np.bincount(day.astype(np.int64), replay.rate_per_second)
    return np.flatnonzero(day == requests.argmax())


def _styles(replay: Replay) -> dict[str, dict[str, Any]]:
    """Return colour and dash of each policy played or swept."""
    names = list(dict.fromkeys([*replay.played, *(point.name for point in replay.swept)]))
    others = [name for name in names if name not in _OURS and name not in _ORACLES]
    styles: dict[str, dict[str, Any]] = {
        name: {"color": _OTHERS[place % len(_OTHERS)], "dash": _DASHES[place // len(_OTHERS) % len(_DASHES)]}
        for place, name in enumerate(others)
    }
    styles |= {name: {"color": color} for name, color in _OURS.items() if name in names}
    styles |= {name: {"color": color, "dash": "dot"} for name, color in _ORACLES.items() if name in names}
    return styles


def _symbol(name: str) -> str:
    if name in _ORACLES:
        return "star"
    return "diamond" if name in _OURS else "circle"


def _outside(point: Run | SweptPoint) -> float:
    return max(1.0 - point.slo_met_fraction, _LEAST_OUTSIDE)


def _ready(run: Run) -> Floats:
    ready: Floats = np.array([pool.speed for pool in run.pools]) @ run.ready
    return ready
