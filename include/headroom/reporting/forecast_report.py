"""The page of forecasts: how good they were once the demand had come, with examples chosen by rule."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from headroom.forecasting.bands import BAND_NAMES
from headroom.forecasting.examples import ChosenExample, choose_examples
from headroom.reporting.figures import BLUE, GREY, figure_of, fragment_of, literal, plotly_script
from headroom.reporting.forecast_examples import ForecastExample, drawn_examples
from headroom.reporting.page import render_page

RANKED_BAND: Final = "7-24"
"""Fleets are compared on the rest of the next day: nearer hours flatter whoever repeats the last one."""
PERCENTILES: Final = (10, 25, 50, 75, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandAccuracy:
    """Means over the forecasts of one fleet and horizon band; None where a measure is undefined."""

    fleet_id: str
    horizon_band: str
    forecasts_judged: int
    mase: float | None
    wape: float | None
    naive_wape: float | None
    coverage80_fraction: float | None

    @property
    def is_better_than_naive(self) -> bool | None:
        """Whether the WAPE is below weekly naive's; None where one of them is unknown."""
        return None if self.wape is None or self.naive_wape is None else self.wape < self.naive_wape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastReport:
    """Forecasts made after `start_utc` up to `end_utc`, by fleet and band, and the examples drawn."""

    start_utc: datetime
    end_utc: datetime
    accuracy: tuple[BandAccuracy, ...]
    examples: tuple[ForecastExample, ...] = ()

    def of_band(self, band: str) -> list[BandAccuracy]:
        """Return the fleets judged on a band."""
        return [item for item in self.accuracy if item.horizon_band == band]

    def summary(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "start_utc": self.start_utc.isoformat(),
            "end_utc": self.end_utc.isoformat(),
            "accuracy": [asdict(item) for item in self.accuracy],
            "examples": [
                {**asdict(item.chosen), "rules": [asdict(rule) for rule in item.rules]} for item in self.examples
            ],
        }


def choose_fleets(accuracy: Iterable[BandAccuracy]) -> tuple[ChosenExample, ...]:
    """Return the fleets to draw: by scaled error (MASE) on RANKED_BAND."""
    return choose_examples(
        {item.fleet_id: item.mase for item in accuracy if item.horizon_band == RANKED_BAND and item.mase is not None}
    )


def render_forecast_report(report: ForecastReport) -> str:
    """Return the page: one HTML document that needs no network."""
    drawn = drawn_examples(report.examples)
    ranked = report.of_band(RANKED_BAND)
    compared = [item for item in ranked if item.is_better_than_naive is not None]
    overview = _against_naive(compared) if compared else Markup("")
    figures = [figure for figure in (overview, *(item["figure"] for item in drawn)) if figure]
    shared = plotly_script() if figures else Markup("")
    return render_page(
        "forecast_report.html.j2",
        report=report,
        ranked_band=RANKED_BAND,
        fleet_count=len({item.fleet_id for item in report.accuracy}),
        middle=_middle(ranked),
        better_count=sum(item.is_better_than_naive is True for item in compared),
        compared_count=len(compared),
        bands=[{"band": band, **_middle(report.of_band(band))} for band in BAND_NAMES if report.of_band(band)],
        percentiles=PERCENTILES,
        spread={name: _percentiles(getattr(item, name) for item in ranked) for name in _MEASURES},
        overview=overview,
        drawn=drawn,
        plotly_script=shared,
        scripts=[shared, *figures],
    )


_MEASURES: Final = ("mase", "wape", "naive_wape", "coverage80_fraction")


def _middle(items: Sequence[BandAccuracy]) -> dict[str, float | None]:
    """Return the median over fleets of each measure."""
    return {name: _percentiles((getattr(item, name) for item in items), (50,))[0] for name in _MEASURES}


def _percentiles(values: Iterable[float | None], levels: Sequence[int] = PERCENTILES) -> list[float | None]:
    known = [value for value in values if value is not None]
    return [float(value) for value in np.percentile(known, levels)] if known else [None] * len(levels)


def _against_naive(items: Sequence[BandAccuracy]) -> Markup:
    """Draw every fleet's WAPE over weekly naive's: what lies below the line is better than naive."""
    figure = figure_of("", "our WAPE, %", height=320)
    naive, ours = ([100.0 * (getattr(item, name) or 0.0) for item in items] for name in ("naive_wape", "wape"))
    most = max(*naive, *ours)
    figure.add_scatter(
        x=[0, most], y=[0, most], mode="lines", name="as good as weekly naive", line={"color": GREY, "dash": "dot"}
    )
    figure.add_scatter(
        x=naive,
        y=ours,
        mode="markers",
        name="a fleet",
        marker={"color": BLUE, "size": 8, "opacity": 0.7},
        text=[literal(item.fleet_id) for item in items],
        hovertemplate="%{text}: ours %{y:.0f} %, weekly naive %{x:.0f} %<extra></extra>",
    )
    figure.update_layout(hovermode="closest", margin={"t": 12}, legend={"y": -0.28})
    figure.update_xaxes(title="WAPE of weekly naive, %", rangemode="tozero")
    return fragment_of(figure, "against-naive")
