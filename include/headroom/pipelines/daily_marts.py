"""The marts of a day that tell costs: KPIs, which settle_days writes, and savings, which report_savings does.

Both stand on the same estimate and the same bill. A bill that comes or changes after the day was settled changes both:
`write_daily_marts` then makes them anew together, so that no page sets a billed cost beside an estimated one unmarked.
Each file keeps the fingerprint of its inputs: one that a slow task wrote over a newer one is noticed, and made anew.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
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
from headroom.pipelines.marts import HOURLY_MARTS, run_marts
from headroom.pipelines.one_fleet import at_each
from headroom.pipelines.outcomes import Outcome
from headroom.pipelines.prices import read_market, read_on_demand_prices
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace

KPI_TABLE = "mart_kpi__daily_by_fleet"
SAVINGS_TABLE = "mart_savings__daily_by_fleet"
UTILIZATION_TABLE = "mart_utilization__hourly_by_fleet"


def run_daily_marts(
    workspace: Workspace, day: Window, *, marts: Sequence[str], baselines: dict[str, float]
) -> dict[str, pa.Table]:
    """Return the rows of `marts` about the day, from the prices and rates known at its end."""
    market = read_market(workspace, workspace.fleets, day.end_utc)
    return run_marts(workspace, workspace.fleets, day, marts=marts, market=market, baseline_instances=baselines)


def write_kpis(workspace: Workspace, day: Window) -> list[Outcome]:
    """Write the KPIs of a day that is being settled; return how it failed of the fleets it failed of.

    A fleet whose ledger cannot be read was not unadopted for that: its row stays as it is, and the file's fingerprint
    speaks of the others only, so that the day is made anew once it can be.
    """
    ledger = Ledger(workspace.lake)
    found, failed = at_each(lambda fleet: _baseline_of(ledger, fleet, day.end_utc), workspace.fleets, step="kpi")
    baselines = {fleet_id: count for fleet_id, count in found.items() if count is not None}
    known = replace(workspace, fleets=tuple(fleet for fleet in workspace.fleets if fleet.id in found))
    if failed and not known.fleets:
        return failed
    fingerprint = _fingerprint(known, day, baselines)  # first: of what comes meanwhile it must not speak
    rows = run_daily_marts(known, day, marts=(KPI_TABLE,), baselines=baselines)[KPI_TABLE]
    replace_fleets(known, settled_path(KPI_TABLE, day.day), TABLES[KPI_TABLE], rows, fingerprint=fingerprint)
    return failed


def write_daily_marts(workspace: Workspace, day: Window, *, baselines: dict[str, float], is_due: bool = False) -> bool:
    """Write savings and KPIs of a settled day, of which `baselines` are the adopted fleets' instances.

    Return whether either changed. Unless it `is_due`, a day whose hours, bill, prices and baselines are those that both
    files were made from is left.
    """
    paths = {name: settled_path(name, day.day) for name in (KPI_TABLE, SAVINGS_TABLE)}
    fingerprint = _fingerprint(workspace, day, baselines)
    present = [workspace.lake.read_metadata(path) for path in paths.values()]
    if not is_due and all(file is not None and file.fingerprint == fingerprint for file in present):
        return False
    rows = run_daily_marts(workspace, day, marts=tuple(paths), baselines=baselines)
    is_changed = {
        name: replace_fleets(workspace, path, TABLES[name], rows[name], fingerprint=fingerprint)
        for name, path in paths.items()
    }
    return any(is_changed.values())


def is_settled(workspace: Workspace, day: Window) -> bool:
    """Whether the day is settled: half of it would be taken for the whole."""
    return workspace.lake.has_settled(UTILIZATION_TABLE, day.day)


def _fingerprint(workspace: Workspace, day: Window, baselines: dict[str, float]) -> str:
    bill = workspace.lake.read_metadata(period_path(COST_TABLE, day.day))
    market = read_on_demand_prices(workspace, workspace.fleets, day.end_utc)
    hours = [hashlib.sha256(data).hexdigest() for data in _settled_hours(workspace, day)]
    inputs: dict[str, Any] = {
        "hours": hours,
        "bill": bill.fingerprint if bill else "",
        "baselines": baselines,
        "prices": {fleet.id: market.on_demand_usd_per_hour(fleet) for fleet in workspace.fleets},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _settled_hours(workspace: Workspace, day: Window) -> list[bytes]:
    """Return the files of the day's hours that KPIs and savings are made from; a table without a file is left out."""
    found = []
    for name in HOURLY_MARTS:
        with suppress(FileNotFoundError):
            found.append(workspace.lake.storage.read_bytes(settled_path(name, day.day)))
    return found


def baselines_by_day(
    workspace: Workspace, days: Sequence[Window], ledger: Ledger
) -> tuple[dict[str, dict[Window, float]], list[Outcome]]:
    """Return, by fleet, the baseline's instances at the end of each day; and how it failed of unreadable ledgers."""

    def read(fleet: Fleet) -> dict[Window, float]:
        ledger.pushes(fleet.id)  # one listing serves all days
        found = {day: _baseline_of(ledger, fleet, day.end_utc) for day in days}
        return {day: count for day, count in found.items() if count is not None}

    return at_each(read, workspace.fleets, step="savings")


def baseline_instances(ledger: Ledger, fleets: tuple[Fleet, ...], at_utc: datetime) -> dict[str, float]:
    """Return the desired instances of each adopted fleet's baseline.

    A fleet whose target knows no desired count scaled by itself before us; what it would have run is for the replay to
    say, so it is absent here.
    """
    found = at_once(lambda fleet: _baseline_of(ledger, fleet, at_utc), fleets)
    return {fleet.id: count for fleet, count in zip(fleets, found, strict=True) if count is not None}


def _baseline_of(ledger: Ledger, fleet: Fleet, at_utc: datetime) -> float | None:
    baseline = ledger.baseline(fleet.id, now_utc=at_utc)
    if baseline is None or baseline.setting.desired_instances is None:
        return None
    return float(baseline.setting.desired_instances)
