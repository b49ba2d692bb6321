"""What the demo tells at its end: per fleet cost, plan, actions before the peaks they serve, and checks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN_ACTIONS = 8


def print_outcome(console: Console, summary: Mapping[str, Any]) -> None:
    """Print the summary of a run, as `reporting.run_report.run_summary` writes it."""
    fleets = summary["fleets"]
    console.print(_fleets_table(fleets))
    for fleet in fleets:
        if fleet["actions"]:
            console.print(_actions_table(fleet))
    for incident in summary["incidents"]:
        text = f"{incident['status']}: {incident['step']} of {incident['subject']}: {incident['cause']}"
        console.print(f"  [yellow]{escape(text)}[/yellow]", highlight=False)
    console.print(_total(fleets), highlight=False)


def _fleets_table(fleets: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Fleets: a day at on-demand prices", title_justify="left")
    for heading in ("fleet", "mode", "state"):
        table.add_column(heading)
    for heading in ("today USD/day", "planned USD/day", "saved", "actions", "checks passed"):
        table.add_column(heading, justify="right")
    for fleet in fleets:
        today, planned = fleet["today_usd_per_day"], fleet["planned_usd_per_day"]
        table.add_row(
            fleet["fleet_id"],
            fleet["mode"],
            fleet["state"],
            _usd(today),
            _usd(planned),
            _share(today, planned),
            str(len(fleet["actions"])),
            f"{fleet['checks_passed']} of {fleet['checks']}",
        )
    return table


def _actions_table(fleet: Mapping[str, Any]) -> Table:
    actions = fleet["actions"]
    more = f", {len(actions) - SHOWN_ACTIONS} more in the report" if len(actions) > SHOWN_ACTIONS else ""
    table = Table(title=f"{fleet['fleet_id']}: actions{more}", title_justify="left")
    table.add_column("starts (UTC)")
    for heading in ("min", "max", "desired"):
        table.add_column(heading, justify="right")
    table.add_column("for the need at (UTC)")
    table.add_column("ahead by", justify="right")
    table.add_column("forecast demand/s", justify="right")
    table.add_column("why")
    table.add_column("became")
    for action in actions[:SHOWN_ACTIONS]:
        table.add_row(
            _moment(action["starts_at_utc"]),
            *(_count(action[bound]) for bound in ("min_instances", "max_instances", "desired_instances")),
            _moment(action["need_at_utc"]),
            f"{action['lead_minutes']:.0f} min",
            "" if action["demand_per_second"] is None else f"{action['demand_per_second']:.1f}",
            action["purpose"],
            action["status"],
        )
    return table


def _total(fleets: Sequence[Mapping[str, Any]]) -> str:
    known = [fleet for fleet in fleets if None not in (fleet["today_usd_per_day"], fleet["planned_usd_per_day"])]
    today = sum(fleet["today_usd_per_day"] for fleet in known)
    planned = sum(fleet["planned_usd_per_day"] for fleet in known)
    actions = sum(len(fleet["actions"]) for fleet in fleets)
    return (
        f"  {len(fleets)} fleets, {actions} actions; {_usd(today)} USD a day today, {_usd(planned)} as planned "
        f"({_share(today, planned)} less)"
    )


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"


def _share(today: float | None, planned: float | None) -> str:
    if not today or planned is None:
        return ""
    return f"{(today - planned) / today:.0%}"


def _count(count: int | None) -> str:
    return "" if count is None else str(count)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %d %b %H:%M}"
