"""What the demo tells at its end: per fleet cost, plan, actions before the peaks they serve, and checks."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

SHOWN_ACTIONS = 6
SAME_COST_FRACTION = 0.01


def outcome_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that tell what came of a run; `summary` is what `reporting.run_report.run_summary` returns."""
    for fleet in summary["fleets"]:
        yield ""
        yield from _fleet_lines(fleet)
    yield ""
    for incident in summary["incidents"]:
        yield f"{incident['status']}: {incident['step']} of {incident['subject']}: {incident['cause']}"
    yield _total_line(summary["fleets"])


def _fleet_lines(fleet: Mapping[str, Any]) -> Iterator[str]:
    today, planned = fleet["today_usd_per_day"], fleet["planned_usd_per_day"]
    cause = f", {fleet['cause']}" if fleet["cause"] else ""
    yield f"{fleet['fleet_id']} (mode {fleet['mode']}): {fleet['state']}{cause}"
    basis = "" if None in (today, planned) else f", {fleet['cost_basis']}"
    yield f"  cost      {_usd(today)} a day today, {_usd(planned)} as planned{_change(today, planned)}{basis}"
    yield f"  checks    {fleet['checks_passed']} of {fleet['checks']} passed"
    actions = fleet["actions"]
    yield f"  actions   {len(actions)}"
    for action in actions[:SHOWN_ACTIONS]:
        yield f"    {_action_line(action)}"
    if len(actions) > SHOWN_ACTIONS:
        more, last = len(actions) - SHOWN_ACTIONS, _moment(actions[-1]["starts_at_utc"])
        yield f"    and {more} more, the last {last}; the report has them all"


def _action_line(action: Mapping[str, Any]) -> str:
    bounds = [
        f"{name} {action[key]}"
        for name, key in (("min", "min_instances"), ("max", "max_instances"), ("desired", "desired_instances"))
        if action[key] is not None
    ]
    lead, demand = action["lead_minutes"], action["demand_per_second"]
    need = _moment(action["need_at_utc"])
    when = f"{lead:.0f} min before {need}" if lead > 0 else f"for {need}"
    size = "" if demand is None else f", sized for {demand:,.1f}/s"
    start = f"{_moment(action['starts_at_utc'])}  {action['purpose']:<7} {', '.join(bounds):<28}"
    return f"{start} {when}{size}: {action['status']}"


def _total_line(fleets: list[Mapping[str, Any]]) -> str:
    known = [fleet for fleet in fleets if None not in (fleet["today_usd_per_day"], fleet["planned_usd_per_day"])]
    today = sum(fleet["today_usd_per_day"] for fleet in known) if known else None
    planned = sum(fleet["planned_usd_per_day"] for fleet in known) if known else None
    actions = sum(len(fleet["actions"]) for fleet in fleets)
    return (
        f"{len(fleets)} fleets, {actions} actions; {_usd(today)} a day today, {_usd(planned)} as planned"
        f"{_change(today, planned)}{'' if today is None else ', estimated at list prices'}"
    )


def _usd(amount: float | None) -> str:
    return "unknown cost" if amount is None else f"about {amount:,.2f} USD"


def _change(today: float | None, planned: float | None) -> str:
    if not today or planned is None:
        return ""
    saved = (today - planned) / today
    if abs(saved) < SAME_COST_FRACTION:
        return " (about the same)"
    return f" ({saved:.0%} less)" if saved >= 0 else f" ({-saved:.0%} more)"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %d %b %H:%M}"
