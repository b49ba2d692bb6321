"""Savings and KPIs of a day, a week or a month: their marts, up to the newest bill, and the pages people read."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from headroom.actuation.ledger import Ledger
from headroom.domain.window import DAY, Window
from headroom.lake.layout import parse_partition
from headroom.lake.money import amount_of
from headroom.pipelines.daily_marts import (
    UTILIZATION_TABLE,
    baseline_instances,
    baselines_by_day,
    is_settled,
    write_daily_marts,
)
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.outcomes import record_outcomes
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.savings_report import FleetSavings, SavingsReport, render_savings_report


def report_savings(window: Window) -> dict[str, Any]:
    """Write the savings of the day `window`, those of earlier days whose bill or price came since, and all their pages.

    Bills are restated until the month after is well under way, so days since the start of last month are looked at.
    Rows of a fleet whose ledger cannot be read stay as they are; that it failed is an outcome of the run.
    """
    workspace = open_workspace()
    first = (window.start_utc.replace(day=1) - DAY).replace(day=1)
    ledger = Ledger(workspace.lake).keeping_listings()
    days = _settled(workspace, Window(first, window.end_utc))
    found, failed = baselines_by_day(workspace, days, ledger)
    record_outcomes(workspace, dag_id="report_savings", window=window, part="1-savings", outcomes=failed)
    known = replace(workspace, fleets=tuple(fleet for fleet in workspace.fleets if fleet.id in found))

    def write(day: Window) -> bool:
        baselines = {fleet_id: of_days[day] for fleet_id, of_days in found.items() if day in of_days}
        return write_daily_marts(known, day, baselines=baselines, is_due=day == window)

    changed = [day for day in days if known.fleets and write(day) and day != window]
    names = sorted({name for day in [*changed, window] for name in _periods_over(workspace, day)})
    pages = [write_period_page(workspace, name, period_window(name)) for name in names]
    return {"days_changed": len(changed), "pages": pages}


def _settled(workspace: Workspace, window: Window) -> list[Window]:
    return [day for day in window.days() if is_settled(workspace, day)]


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
    for day in _settled(workspace, window):
        baselines = baseline_instances(ledger, workspace.fleets, day.end_utc)
        write_daily_marts(workspace, day, baselines=baselines, is_due=True)
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


def write_period_page(workspace: Workspace, name: str, window: Window) -> str:
    """Write the page and the data of a period from the marts of savings and KPIs; return the page's path."""
    report = SavingsReport(name=name, window=window, fleets=tuple(_fleet_savings(workspace, window)))
    path = f"reports/savings/{name}"
    workspace.lake.storage.write_bytes(f"{path}.html", render_savings_report(report).encode())
    workspace.lake.write_json(f"{path}.json", report.summary())
    return f"{path}.html"


def _fleet_savings(workspace: Workspace, window: Window) -> list[FleetSavings]:
    rows = run_model(workspace, "int_savings__period_by_fleet", workspace.fleets, window=window)
    costs = [name for name in rows.column_names if name.endswith("_usd")]
    return [FleetSavings(**{**row, **{name: amount_of(row[name]) for name in costs}}) for row in rows.to_pylist()]
