"""Savings and KPIs of a day, a week or a month: the mart of savings, and the pages people read."""

import hashlib
import json
import re
from datetime import UTC, date, datetime, time
from typing import Any

from headroom.actuation.ledger import Ledger
from headroom.domain.fleet import Fleet
from headroom.domain.window import DAY, Window
from headroom.lake.layout import parse_partition, period_path, settled_path
from headroom.lake.money import amount_of
from headroom.lake.tables import TABLES
from headroom.pipelines.at_once import at_once
from headroom.pipelines.marts import run_marts
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.prices import read_market
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.savings_report import FleetSavings, SavingsReport, render_savings_report

SAVINGS_TABLE = "mart_savings__daily_by_fleet"
UTILIZATION_TABLE = "mart_utilization__hourly_by_fleet"


def report_savings(window: Window) -> dict[str, Any]:
    """Write the savings of the day `window`, those of earlier days whose bill changed since, and the pages of all.

    Bills are restated until the month after is well under way, so days since the start of last month are looked at.
    """
    workspace = open_workspace()
    first = (window.start_utc.replace(day=1) - DAY).replace(day=1)
    ledger = Ledger(workspace.lake).keeping_listings()
    at_once(lambda fleet: ledger.pushes(fleet.id), workspace.fleets)  # one listing a fleet serves all days
    changed = [day for day in Window(first, window.start_utc).days() if write_savings(workspace, day, ledger=ledger)]
    write_savings(workspace, window, ledger=ledger, is_due=True)
    names = sorted({name for day in [*changed, window] for name in _periods_over(workspace, day)})
    pages = [write_period_page(workspace, name, period_window(name)) for name in names]
    return {"days_changed": len(changed), "pages": pages}


def _periods_over(workspace: Workspace, day: Window) -> list[str]:
    """Return the names of the day, and of its week and month where their last day is settled, whichever came first."""
    longer = [
        name
        for name in (f"{day.day:%G-W%V}", f"{day.day:%Y-%m}")
        if workspace.lake.has_settled(UTILIZATION_TABLE, (period_window(name).end_utc - DAY).date())
    ]
    return [f"{day.day}", *longer]


def report_period(workspace: Workspace, name: str) -> str:
    """Write the page of a period named 2026-11-17, 2026-W47 or 2026-11; return its path.

    Raise PeriodError for another name, and for a period of which the lake knows no utilization.
    """
    window = period_window(name)
    if not workspace.lake.table_files(UTILIZATION_TABLE, window=window):
        raise PeriodError(f"period {name!r}: the lake has no utilization of it{_known_span(workspace)}")
    ledger = Ledger(workspace.lake)
    for day in window.days():
        write_savings(workspace, day, ledger=ledger, is_due=True)
    return write_period_page(workspace, name, window)


def _known_span(workspace: Workspace) -> str:
    spans = [part.span for path in workspace.lake.table_files(UTILIZATION_TABLE) if (part := parse_partition(path))]
    if not spans:
        return " nor of any other; read it with `headroom extract utilization`"
    first, last = (limit(span.start_utc for span in spans).date() for limit in (min, max))
    return f"; expected one from {first} to {last}"


_PERIOD = re.compile(r"[0-9]{4}-(?:[0-9]{2}-[0-9]{2}|W[0-9]{2}|[0-9]{2})")
_SHOWN = 40


class PeriodError(ValueError):
    """A period's name cannot be read; the message says what was expected."""


def period_window(name: str) -> Window:
    """Return the span of a period's name; raise PeriodError for any other form, for the name is that of its page."""
    expected = "expected a day 2026-11-17, a week 2026-W47 or a month 2026-11"
    if _PERIOD.fullmatch(name) is None:
        raise PeriodError(f"period {name[:_SHOWN]!r}: {expected}")
    try:
        if "W" in name:
            start = datetime.strptime(f"{name}-1", "%G-W%V-%u").replace(tzinfo=UTC)
            return Window(start, start + 7 * DAY)
        if name.count("-") == 1:
            start = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
            return Window(start, (start + 31 * DAY).replace(day=1))
        return Window.day_of(datetime.combine(date.fromisoformat(name), time(), UTC))
    except (ValueError, OverflowError) as error:
        raise PeriodError(f"period {name!r}: {expected}") from error


def write_savings(workspace: Workspace, day: Window, *, ledger: Ledger, is_due: bool = False) -> bool:
    """Compute one day's savings and write them; return whether the file changed.

    Days without utilization are left, and unless it `is_due` so is a day whose bill and baselines are those its file
    was made from.
    """
    if not workspace.lake.table_files(UTILIZATION_TABLE, window=day):
        return False
    baselines = baseline_instances(ledger, workspace.fleets, day.end_utc)
    path = settled_path(SAVINGS_TABLE, day.day)
    fingerprint = _fingerprint(workspace, day, baselines)
    present = workspace.lake.read_metadata(path)
    if not is_due and present is not None and present.fingerprint == fingerprint:
        return False
    marts = run_marts(
        workspace,
        workspace.fleets,
        day,
        marts=(SAVINGS_TABLE,),
        market=read_market(workspace, workspace.fleets, day.end_utc),
        baseline_instances=baselines,
    )
    return replace_fleets(workspace, path, TABLES[SAVINGS_TABLE], marts[SAVINGS_TABLE], fingerprint=fingerprint)


def _fingerprint(workspace: Workspace, day: Window, baselines: dict[str, float]) -> str:
    bill = workspace.lake.read_metadata(period_path("mart_cost__hourly_by_fleet", day.day))
    inputs = {"bill": bill.fingerprint if bill else "", "baselines": baselines}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def baseline_instances(ledger: Ledger, fleets: tuple[Fleet, ...], at_utc: datetime) -> dict[str, float]:
    """Return the desired instances of each adopted fleet's baseline.

    A fleet whose target knows no desired count scaled by itself before us; what it would have run is for the replay to
    say, so it is absent here.
    """
    known = {}
    for fleet in fleets:
        baseline = ledger.baseline(fleet.id, now_utc=at_utc)
        if baseline is not None and baseline.setting.desired_instances is not None:
            known[fleet.id] = float(baseline.setting.desired_instances)
    return known


def write_period_page(workspace: Workspace, name: str, window: Window) -> str:
    """Write the page and the data of a period from the marts of savings and KPIs; return the page's path."""
    report = SavingsReport(name=name, window=window, fleets=tuple(_fleet_savings(workspace, window)))
    path = f"reports/savings/{name}"
    workspace.lake.storage.write_bytes(f"{path}.html", render_savings_report(report).encode())
    workspace.lake.write_json(f"{path}.json", report.summary())
    return f"{path}.html"


def _fleet_savings(workspace: Workspace, window: Window) -> list[FleetSavings]:
    rows = run_model(workspace, "int_savings__period_by_fleet", workspace.fleets, window=window)
    costs = ("baseline_cost_usd", "actual_cost_usd", "realised_savings_usd")
    return [FleetSavings(**{**row, **{name: amount_of(row[name]) for name in costs}}) for row in rows.to_pylist()]
