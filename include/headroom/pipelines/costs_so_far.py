"""What fleets have cost since the start of the month, for the budget of one: read only for those that have a budget."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.domain.cost import CostBasis
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window, floor_day
from headroom.lake.errors import LakeError
from headroom.lake.fleet_relation import fleet_relation
from headroom.pipelines.daily_marts import SAVINGS_TABLE, baseline_instances
from headroom.pipelines.model_runs import read_rows, run_models
from headroom.pipelines.workspace import Workspace
from headroom.scheduling import CostSoFar, limits_for

DAILY_COST = "int_cost__daily_by_fleet"
Costs = dict[tuple[str, date], Mapping[str, Any]]


def prices_of_budgeted(workspace: Workspace, plans: Mapping[str, Mapping[str, Any] | str]) -> dict[str, float | None]:
    """Return the price of an instance-hour, by their plan, of the fleets with a plan and a budget of a month."""
    return {
        fleet_id: plan["on_demand_usd_per_hour"]
        for fleet_id, plan in plans.items()
        if not isinstance(plan, str)
        and limits_for(workspace.guardrails, workspace.fleet(fleet_id).guardrails).max_usd_per_month is not None
    }


def costs_so_far(workspace: Workspace, until_utc: datetime, prices: Mapping[str, float | None]) -> dict[str, CostSoFar]:
    """Return what each fleet of `prices` has cost in the UTC month of `until_utc` until then.

    A day counts as mart_savings__daily_by_fleet has it: billed, else estimated. Days that are not settled yet, today
    among them, are estimated the same way from what the hourly marts have, at the price in `prices`.
    """
    first = floor_day(until_utc).replace(day=1)
    if not prices or until_utc == first:
        return {fleet_id: CostSoFar(until_utc=until_utc) for fleet_id in prices}
    fleets = [workspace.fleet(fleet_id) for fleet_id in prices]
    month = Window(first, until_utc)
    costs = _settled(workspace, month)
    missing = [day.start_utc for day in month.days() if any((fleet.id, day.day) not in costs for fleet in fleets)]
    if missing:
        known = {fleet_id: price for fleet_id, price in prices.items() if price is not None}
        costs = {**_estimated(workspace, fleets, Window(missing[0], until_utc), known), **costs}
    return {fleet.id: _sum(fleet.id, month, costs) for fleet in fleets}


def _settled(workspace: Workspace, month: Window) -> Costs:
    """Return the days that are over and have a cost, billed or estimated, in the mart of savings."""
    whole_days = floor_day(month.end_utc)
    if whole_days <= month.start_utc:
        return {}
    rows = read_rows(workspace, SAVINGS_TABLE, Window(month.start_utc, whole_days)).to_pylist()
    return {(row["fleet_id"], row["day_utc"]): row for row in rows if row["cost_basis"] != CostBasis.UNKNOWN}


def _estimated(workspace: Workspace, fleets: Sequence[Fleet], window: Window, prices: Mapping[str, float]) -> Costs:
    ledger = Ledger(workspace.lake)
    baselines: dict[str, float] = {}
    readable: list[Fleet] = []
    for fleet in fleets:  # one whose ledger cannot be read has days of unknown cost, and its own push says why
        with suppress(ActuationError, LakeError):
            baselines |= baseline_instances(ledger, (fleet,), window.end_utc)
            readable.append(fleet)
    if not readable:
        return {}
    relation = fleet_relation(readable, on_demand_usd_per_hour=prices, baseline_instances=baselines)
    rows = run_models(workspace, [DAILY_COST], relation, window=window)
    return {(row["fleet_id"], row["day_utc"]): row for row in rows[DAILY_COST].to_pylist()}


def _sum(fleet_id: str, month: Window, costs: Costs) -> CostSoFar:
    rows = [costs.get((fleet_id, day.day), {}) for day in month.days()]
    bases = [CostBasis(row.get("cost_basis", CostBasis.UNKNOWN)) for row in rows]
    return CostSoFar(
        until_utc=month.end_utc,
        known_usd=float(sum(row["actual_cost_usd"] for row in rows if row.get("actual_cost_usd") is not None)),
        billed_days=bases.count(CostBasis.BILLED),
        estimated_days=bases.count(CostBasis.ESTIMATED),
        unknown_days=bases.count(CostBasis.UNKNOWN),
    )
