"""The marts of a day that tell costs: KPIs, which settle_days writes, and savings, which report_savings does.

Both stand on the same estimate and the same bill. A bill that comes or changes after the day was settled changes both:
`write_daily_marts` then makes them anew together, so that no page sets a billed cost beside an estimated one unmarked.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from headroom.actuation.ledger import Ledger
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.lake.layout import period_path, settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.at_once import at_once
from headroom.pipelines.billing import COST_TABLE
from headroom.pipelines.marts import run_marts
from headroom.pipelines.prices import read_market, read_on_demand_prices
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace

KPI_TABLE = "mart_kpi__daily_by_fleet"
SAVINGS_TABLE = "mart_savings__daily_by_fleet"
UTILIZATION_TABLE = "mart_utilization__hourly_by_fleet"


def run_daily_marts(
    workspace: Workspace,
    day: Window,
    *,
    marts: Sequence[str],
    baselines: dict[str, float] | None = None,
) -> dict[str, pa.Table]:
    """Return the rows of `marts` about the day, from the prices, rates and baselines known at its end."""
    known = (
        baseline_instances(Ledger(workspace.lake), workspace.fleets, day.end_utc) if baselines is None else baselines
    )
    market = read_market(workspace, workspace.fleets, day.end_utc)
    return run_marts(workspace, workspace.fleets, day, marts=marts, market=market, baseline_instances=known)


def write_daily_marts(workspace: Workspace, day: Window, *, ledger: Ledger, is_due: bool = False) -> bool:
    """Write savings and KPIs of a day; return whether its savings changed.

    A day that is not settled is left: half of it would be taken for the whole. Unless it `is_due`, so is a day whose
    bill, prices and baselines are those its savings were made from.
    """
    if not workspace.lake.has_settled(UTILIZATION_TABLE, day.day):
        return False
    baselines = baseline_instances(ledger, workspace.fleets, day.end_utc)
    path = settled_path(SAVINGS_TABLE, day.day)
    fingerprint = _fingerprint(workspace, day, baselines)
    present = workspace.lake.read_metadata(path)
    if not is_due and present is not None and present.fingerprint == fingerprint:
        return False
    rows = run_daily_marts(workspace, day, marts=(SAVINGS_TABLE, KPI_TABLE), baselines=baselines)
    replace_fleets(workspace, settled_path(KPI_TABLE, day.day), TABLES[KPI_TABLE], rows[KPI_TABLE])
    return replace_fleets(workspace, path, TABLES[SAVINGS_TABLE], rows[SAVINGS_TABLE], fingerprint=fingerprint)


def _fingerprint(workspace: Workspace, day: Window, baselines: dict[str, float]) -> str:
    bill = workspace.lake.read_metadata(period_path(COST_TABLE, day.day))
    market = read_on_demand_prices(workspace, workspace.fleets, day.end_utc)
    inputs: dict[str, Any] = {
        "bill": bill.fingerprint if bill else "",
        "baselines": baselines,
        "prices": {fleet.id: market.on_demand_usd_per_hour(fleet) for fleet in workspace.fleets},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def baseline_instances(ledger: Ledger, fleets: tuple[Fleet, ...], at_utc: datetime) -> dict[str, float]:
    """Return the desired instances of each adopted fleet's baseline.

    A fleet whose target knows no desired count scaled by itself before us; what it would have run is for the replay to
    say, so it is absent here.
    """
    found = at_once(lambda fleet: ledger.baseline(fleet.id, now_utc=at_utc), fleets)
    return {
        fleet.id: float(baseline.setting.desired_instances)
        for fleet, baseline in zip(fleets, found, strict=True)
        if baseline is not None and baseline.setting.desired_instances is not None
    }
