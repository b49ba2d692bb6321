"""Savings and KPIs of a day, a week or a month: the mart of savings, and the pages people read."""

from datetime import UTC, date, datetime, time
from typing import Any

import pyarrow as pa

from headroom.actuation.ledger import Ledger
from headroom.domain.fleet import Fleet
from headroom.domain.window import DAY, Window
from headroom.lake.layout import settled_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.tables import TABLES
from headroom.pipelines.marts import run_marts
from headroom.pipelines.prices import read_market
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.savings_report import FleetSavings, SavingsReport, render_savings_report

SAVINGS_TABLE = "mart_savings__daily_by_fleet"
KPI_TABLE = "mart_kpi__daily_by_fleet"


def report_savings(window: Window) -> dict[str, Any]:
    """Write the savings of the day `window`, those of earlier days of its month whose bill changed, and the pages due.

    A week's or a month's last day also writes that week's or month's page.
    """
    workspace = open_workspace()
    month = Window(window.start_utc.replace(day=1), window.end_utc)
    changed = [day for day in month.days() if write_savings(workspace, day)]
    pages = [write_period_page(workspace, f"{window.day}", window)]
    if window.day.isoweekday() == 7:
        pages.append(
            write_period_page(workspace, f"{window.day:%G-W%V}", Window(window.end_utc - 7 * DAY, window.end_utc))
        )
    if window.end_utc.day == 1:
        pages.append(write_period_page(workspace, f"{window.day:%Y-%m}", month))
    return {"days_changed": len(changed), "pages": pages}


def report_period(workspace: Workspace, name: str) -> str:
    """Write the page of a period named 2026-11-17, 2026-W47 or 2026-11; return its path."""
    window = period_window(name)
    for day in window.days():
        write_savings(workspace, day)
    return write_period_page(workspace, name, window)


def period_window(name: str) -> Window:
    """Return the span of a period's name; raise ValueError for any other form."""
    try:
        if "W" in name:
            start = datetime.strptime(f"{name}-1", "%G-W%V-%u").replace(tzinfo=UTC)
            return Window(start, start + 7 * DAY)
        if name.count("-") == 1:
            start = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
            return Window(start, (start + 31 * DAY).replace(day=1))
        return Window.day_of(datetime.combine(date.fromisoformat(name), time(), UTC))
    except ValueError as error:
        raise ValueError(f"period {name!r}: expected a day 2026-11-17, a week 2026-W47 or a month 2026-11") from error


def write_savings(workspace: Workspace, day: Window) -> bool:
    """Compute one day's savings and write them; return whether the file changed. Days without utilization are left."""
    if not workspace.lake.table_files("mart_utilization__hourly_by_fleet", window=day):
        return False
    marts = run_marts(
        workspace,
        workspace.fleets,
        day,
        marts=(SAVINGS_TABLE,),
        market=read_market(workspace, workspace.fleets, day.end_utc),
        baseline_instances=baseline_instances(workspace, workspace.fleets, day.end_utc),
    )
    path = settled_path(SAVINGS_TABLE, day.day)
    return workspace.lake.write_table(path, TABLES[SAVINGS_TABLE], marts[SAVINGS_TABLE], fingerprint="").is_changed


def baseline_instances(workspace: Workspace, fleets: tuple[Fleet, ...], at_utc: datetime) -> dict[str, float]:
    """Return the desired instances of each adopted fleet's baseline.

    A fleet whose target knows no desired count scaled by itself before us; what it would have run is for the replay to
    say, so it is absent here.
    """
    ledger = Ledger(workspace.lake)
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
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, [SAVINGS_TABLE, KPI_TABLE], window=window)
        rows: pa.Table = session.sql(
            _BY_FLEET, params={"fleet_ids": [fleet.id for fleet in workspace.fleets]}
        ).to_arrow_table()
    return [FleetSavings(**row) for row in rows.to_pylist()]


_BY_FLEET = f"""
with

days as (
    select kpi.*, savings.* exclude (fleet_id, day_utc)
    from {KPI_TABLE} as kpi
    left join {SAVINGS_TABLE} as savings on kpi.fleet_id = savings.fleet_id and kpi.day_utc = savings.day_utc
    where list_contains($fleet_ids, kpi.fleet_id)
),

final as (
    select
        fleet_id,
        count(*) as days,
        cast(sum(baseline_cost_usd) as double) as baseline_cost_usd,
        cast(sum(actual_cost_usd) as double) as actual_cost_usd,
        cast(sum(realised_savings_usd) as double) as realised_savings_usd,
        coalesce(bool_or(is_estimated), true) as is_estimated,
        sum(instance_hours) as instance_hours,
        avg(gpu_utilization_p50_fraction) as gpu_utilization_p50_fraction,
        avg(cpu_utilization_p50_fraction) as cpu_utilization_p50_fraction,
        max(latency_p99_seconds) as latency_p99_seconds,
        avg(success_fraction) as success_fraction,
        avg(slo_hours_fraction) as slo_hours_fraction,
        avg(waste_fraction) as waste_fraction,
        cast(sum(cold_starts) as bigint) as cold_starts,
    from days
    group by fleet_id
)

select * from final order by fleet_id
"""  # noqa: S608, the tables' names are constants
