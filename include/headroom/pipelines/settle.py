"""Settling days: every source that keeps history, but bills, read again a whole day at once; then marts and warehouse.

Price lists and types have no history to read again: extract_catalogue dates what it sees by the day it looked.
"""

from datetime import UTC, date, datetime, time
from typing import Any

from headroom.domain.window import DAY, Window
from headroom.lake.warehouse import build_warehouse as build_warehouse_file
from headroom.pipelines.arrivals import settle_arrivals
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.daily_marts import write_kpis
from headroom.pipelines.ledger_events import settle_ledger
from headroom.pipelines.market import settle_spot_prices
from headroom.pipelines.marts import HOURLY_MARTS
from headroom.pipelines.outcomes import Outcome, record_outcomes, run_step
from headroom.pipelines.scores import demand_of_settled_day, settle_later_scores, settle_scores
from headroom.pipelines.utilization import settle_utilization
from headroom.pipelines.workspace import Workspace, open_workspace


def settle_day(window: Window) -> dict[str, Any]:
    """Settle the day `window`; return counts for XCom."""
    return run_step(
        dag_id="settle_days",
        window=window,
        part="settle",
        step=lambda workspace: settle_one_day(workspace, window),
    )


def settle_one_day(workspace: Workspace, window: Window) -> list[Outcome]:
    """Write the day's settled files of every source but bills, its marts, scores and KPIs.

    Days may be settled in any order, and several at once: the lake is the same in the end. Raise WindowError for a day
    that has not ended by the cloud's clock: settling it would freeze half a day.
    """
    closed_at_utc(workspace, window)
    known_before = demand_of_settled_day(workspace, window)
    outcomes = settle_utilization(workspace, window)
    outcomes += settle_spot_prices(workspace, window)
    settle_scores(workspace, window)
    if demand_of_settled_day(workspace, window) != known_before:
        settle_later_scores(workspace, window)
    outcomes += settle_ledger(workspace, window)
    outcomes += settle_arrivals(workspace, window)
    outcomes += write_kpis(workspace, window)
    _delete_hidden_hours(workspace, window)
    return outcomes


def _delete_hidden_hours(workspace: Workspace, window: Window) -> None:
    """Delete the hour files of days that are settled and were followed by a settled one, whichever came first.

    Not those of the newest: whoever has just listed them shall still find them.
    """
    for table in ("metric_sample", "spot_price", *HOURLY_MARTS):
        workspace.lake.delete_hidden_hours(table, (window.start_utc - DAY).date())
        if workspace.lake.has_settled(table, window.end_utc.date()):
            workspace.lake.delete_hidden_hours(table, window.day)


def bootstrap_history(first_day: date, last_day: date) -> dict[str, Any]:
    """Settle every day from `first_day` to `last_day`, both included, in one process: for a lake still empty."""
    workspace = open_workspace()
    day, bad = first_day, []
    count = 0
    while day <= last_day:
        window = Window.day_of(datetime.combine(day, time(), UTC))
        outcomes = settle_one_day(workspace, window)
        record_outcomes(workspace, dag_id="settle_days", window=window, part="settle", outcomes=outcomes)
        bad += [outcome for outcome in outcomes if outcome.is_bad]
        day += DAY
        count += 1
    return {"days": count, "failed": len(bad), "causes": sorted({f"{o.subject}: {o.cause}" for o in bad})}


def build_warehouse(window: Window) -> dict[str, Any]:
    """Build the warehouse from the lake's marts and swap it in; `window` only names the run that asks."""
    workspace = open_workspace()
    summary = build_warehouse_file(workspace.lake, workspace.models, workspace.warehouse_path)
    return {"day": window.day.isoformat(), "tables": len(summary.row_counts), "rows": sum(summary.row_counts.values())}
