"""What a push did or would do, on the terminal and as JSON."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headroom.actuation.outcome import PushOutcome
from headroom.cli.terminal import plain
from headroom.domain.scaling import Verdict
from headroom.pipelines.plan_costs import describe_estimate
from headroom.pipelines.pushes import outcome_of

_SHOWN_OF_PLANS = ("estimate", "forecast_note", "short_of_capacity", "lead_time", "capacity_not_come", "reservation")
PLAIN_WIDTH = 160
"""Columns of text written to a file or pipe: wide enough for an action's whole name."""


def plain_console() -> Console:
    """Return a console that cuts no name short where its output is read by no person."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)


def push_json(fleet_id: str, result: PushOutcome | str, plans: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a push's result with the plan's estimate and what its forecast rests on; `plans` are by fleet."""
    if isinstance(result, str):
        return {"fleet_id": fleet_id, "state": "failed", "reasons": [result]}
    about = {key: plans[fleet_id].get(key) for key in _SHOWN_OF_PLANS} if fleet_id in plans else {}
    return {**result.summary(), **about}


def print_push(fleet_id: str, result: PushOutcome | str, *, plan: Mapping[str, Any] | None = None) -> None:
    """Print what a push did or would do, what it is estimated to cost, and which guardrail refused it."""
    console = plain_console()
    outcome = outcome_of(fleet_id, result)
    state = result if isinstance(result, str) else result.state.value.replace("_", " ")
    said = f": {state}{f': {outcome.cause}' if outcome.cause and state != result else ''}"
    console.print(Text.assemble(plain(fleet_id, style="bold"), plain(said)))
    if isinstance(result, str) or result.diff is None:
        return
    if plan is not None:
        for line in _about(plan):
            console.print(plain(f"  {line}"))
    shown = Table("change", "starts (UTC)", "min", "max", "desired", "why", "name")
    summary = result.summary()
    for change, sign in (("create", "+"), ("replace", "~"), ("keep", "=")):
        for item in summary[change]:
            shown.add_row(f"{sign} {change}", *_action_cells(item), item["purpose"], plain(item["name"]))
    for name in summary["delete"]:
        shown.add_row("- delete", "", "", "", "", "", plain(name))
    if shown.row_count:
        console.print(shown)
    for line in _told(result.verdicts):
        console.print(plain(line))


def _told(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield a line for each guardrail that refuses, and for each whose limit was loosened."""
    for verdict in verdicts:
        if not verdict.is_passed:
            yield f"  refused by {verdict.rule}: {verdict.reason}"
        elif verdict.loosened:
            yield f"  {verdict.rule} passed: {verdict.reason}"


def _about(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a plan is estimated to cost and what it rests on, a line each; older plans say less."""
    yield describe_estimate(plan["estimate"], plan["instance_type"])
    yield f"forecast: {plan['forecast_note']}"
    if plan.get("lead_time"):
        yield f"lead time: {plan['lead_time']['reason']}"
    for warning in (plan["short_of_capacity"], plan.get("capacity_not_come")):
        if warning:
            yield str(warning)


def _action_cells(item: Mapping[str, Any]) -> list[str]:
    counts = [item["min_instances"], item["max_instances"], item["desired_instances"]]
    return [item["starts_at_utc"][:16].replace("T", " "), *("" if count is None else str(count) for count in counts)]
