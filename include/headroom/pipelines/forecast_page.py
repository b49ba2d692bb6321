"""The page of forecasts: the record of four weeks out of the lake, and a week of three fleets as it was forecast."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from headroom.columns import QUANTILE_LEVELS, QUANTILE_NAMES
from headroom.domain.demand import DemandHistory, Floats, Hours
from headroom.domain.window import HOUR, Window
from headroom.forecasting import losses
from headroom.forecasting.examples import ChosenExample
from headroom.forecasting.naive_bands import naive_quantiles
from headroom.forecasting.series import ONE_HOUR
from headroom.lake.layout import parse_partition
from headroom.pipelines.demand_history import demand_histories
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.scores import SCORE_TABLE, SCORED_AFTER
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.forecast_examples import ForecastExample, RuleAccuracy
from headroom.reporting.forecast_report import BandAccuracy, ForecastReport, choose_fleets, render_forecast_report
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK

FOLDER: Final = "reports/forecasts"
JUDGED: Final = timedelta(days=28)
DRAWN: Final = timedelta(days=7)
_NAIVE: Final = {"daily naive": HOURS_PER_DAY, "weekly naive": HOURS_PER_WEEK}
_LOW, _HIGH = QUANTILE_LEVELS.index(0.10), QUANTILE_LEVELS.index(0.90)


def report_forecasts() -> list[str]:
    """Write the newest page of forecasts, about the four weeks up to the newest day that was scored; return its path.

    Days may be settled in any order: whichever comes last, the page is made from the whole record.
    """
    workspace = open_workspace()
    settled = [part.span.end_utc for path in workspace.lake.table_files(SCORE_TABLE) if (part := parse_partition(path))]
    return [write_forecast_page(workspace, "latest", max(settled))] if settled else []


def write_forecast_page(workspace: Workspace, name: str, end_utc: datetime) -> str:
    """Write the page and the data of the forecasts scored in the four weeks before `end_utc`; return its path."""
    report = build_forecast_report(workspace, end_utc)
    path = f"{FOLDER}/{name}"
    workspace.lake.storage.write_bytes(f"{path}.html", render_forecast_report(report).encode())
    workspace.lake.write_json(f"{path}.json", report.summary())
    return f"{path}.html"


def build_forecast_report(workspace: Workspace, end_utc: datetime) -> ForecastReport:
    """Gather what the page shows, from the scores of four weeks and the forecasts of one."""
    scored = Window(end_utc - JUDGED, end_utc)
    made = Window(scored.start_utc - SCORED_AFTER, scored.end_utc - SCORED_AFTER)
    rows = run_model(workspace, "int_forecast__accuracy_by_fleet_band", workspace.fleets, window=made, files_of=scored)
    accuracy = tuple(BandAccuracy(**_finite(row)) for row in rows.to_pylist())
    return ForecastReport(
        start_utc=made.start_utc,
        end_utc=made.end_utc,
        accuracy=accuracy,
        examples=_examples(workspace, choose_fleets(accuracy), end_utc),
    )


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with measures that are no number as undefined: next to no demand makes infinite ones."""
    return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in row.items()}


def _examples(workspace: Workspace, chosen: Sequence[ChosenExample], end_utc: datetime) -> tuple[ForecastExample, ...]:
    """Return the chosen fleets as they were forecast; without those of whose last week no forecast is kept."""
    if not chosen:
        return ()
    drawn = Window(end_utc - DRAWN, end_utc)
    fleets = [workspace.fleet(item.series_id) for item in chosen]
    rows = run_model(
        workspace,
        "int_forecast__day_ahead_by_fleet_hour",
        fleets,
        window=drawn,
        # A forecast of three days stands in the file of the hour before it was made.
        files_of=Window(drawn.start_utc - SCORED_AFTER - HOUR, drawn.end_utc),
    )
    histories = demand_histories(workspace, fleets, end_utc)
    said = _by_fleet(rows)
    return tuple(
        _example(item, said[item.series_id], histories[item.series_id], drawn)
        for item in chosen
        if item.series_id in said and item.series_id in histories
    )


def _by_fleet(rows: pa.Table) -> dict[str, list[dict[str, Any]]]:
    by_fleet: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        by_fleet.setdefault(row["fleet_id"], []).append(row)
    return by_fleet


def _example(
    chosen: ChosenExample, said: Sequence[Mapping[str, Any]], history: DemandHistory, drawn: Window
) -> ForecastExample:
    hours = np.arange(_hour(drawn.start_utc), _hour(drawn.end_utc), ONE_HOUR)
    known = _spread(history.hours, history.mean_per_second[:, np.newaxis], hours)[:, 0]
    names = [f"mean_demand_{name}_per_second" for name in QUANTILE_NAMES]
    forecast_hours = np.array([_hour(row["hour_start_utc"]) for row in said])
    ours = _spread(forecast_hours, np.array([[row[name] for name in names] for row in said]), hours)
    rules = {"Headroom": ours, **{name: _naive(history, hours, season) for name, season in _NAIVE.items()}}
    newest = max(said, key=lambda row: row["hour_start_utc"])
    made = f"{newest['made_at_utc']:%a %d %b %H:%M}"
    return ForecastExample(
        chosen=chosen,
        steps=[_moment(hour) for hour in hours],
        actual=known,
        low=ours[:, _LOW],
        median=ours[:, losses.MEDIAN_INDEX],
        high=ours[:, _HIGH],
        made_at=[day.start_utc for day in drawn.days()],
        rules=_judged(rules, known),
        unit="mean demand per second",
        note=f"The newest of these was made {made} UTC by {_members(newest['members'])}.",
    )


def _members(kept: str | None) -> str:
    """Return members and weights in words."""
    try:
        return ", ".join(f"{name} ({float(weight):.0%})" for name, weight in json.loads(kept or "").items())
    except (ValueError, TypeError, AttributeError):  # kept by another version, or damaged
        return "members that were not kept with it"


def _naive(history: DemandHistory, hours: Hours, season: int) -> Floats:
    """Return what a naive rule says of each hour, told what was known when the hour's day began."""
    made = np.full((len(hours), len(QUANTILE_LEVELS)), np.nan)
    for first in range(0, len(hours), HOURS_PER_DAY):
        known = history.mean_per_second[: np.searchsorted(history.hours, hours[first])]
        if len(known) and history.hours[len(known) - 1] + ONE_HOUR == hours[first] and np.isfinite(known).any():
            made[first : first + HOURS_PER_DAY] = naive_quantiles(known, season=season, horizon_steps=HOURS_PER_DAY)
    return made


def _judged(rules: Mapping[str, Floats], actual: Floats) -> tuple[RuleAccuracy, ...]:
    """Return how good each rule was on the hours that all of them tell of and that were seen, least pinball first."""
    is_common = np.isfinite(actual) & np.all([np.isfinite(quantiles[:, 0]) for quantiles in rules.values()], axis=0)
    came = actual[is_common]
    found = []
    for number, (name, quantiles) in enumerate(rules.items()):
        told = quantiles[is_common]
        measures = (
            losses.wape(came, told[:, losses.MEDIAN_INDEX]),
            losses.pinball(came, told),
            losses.coverage80(came, told),
        )
        wape, pinball, coverage80 = (value if np.isfinite(value) else None for value in measures)
        found.append(RuleAccuracy(name=name, wape=wape, pinball=pinball, coverage80=coverage80, is_drawn=number == 0))
    return tuple(sorted(found, key=lambda rule: (rule.pinball is None, rule.pinball or 0.0)))


def _spread(at: Hours, values: Floats, hours: Hours) -> Floats:
    """Return the rows of `values` (n, columns) at `hours`, NaN where `at` has none."""
    spread = np.full((len(hours), values.shape[1]), np.nan)
    positions = ((at - hours[0]) / ONE_HOUR).astype(np.int64)
    is_inside = (positions >= 0) & (positions < len(hours))
    spread[positions[is_inside]] = values[is_inside]
    return spread


def _hour(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def _moment(hour: np.datetime64) -> datetime:
    moment: datetime = hour.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
