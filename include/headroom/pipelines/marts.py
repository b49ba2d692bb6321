"""Computing marts with the SQL models over the lake's views."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.lake.fleet_relation import fleet_relation
from headroom.lake.session import open_session, register_tables
from headroom.pipelines.prices import Market
from headroom.pipelines.workspace import Workspace

HOURLY_MARTS = ("mart_demand__hourly_by_fleet", "mart_utilization__hourly_by_fleet", "mart_latency__hourly_by_fleet")


def run_marts(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    window: Window,
    *,
    marts: Sequence[str],
    market: Market | None = None,
    baseline_instances: Mapping[str, float] | None = None,
) -> dict[str, pa.Table]:
    """Run `marts` for `fleets` over `window`, reading the lake tables of that window that they are built on.

    Marts that estimate cost want a `market`, those that say what was saved the adopted fleets' `baseline_instances`.
    """
    relation = fleet_relation(
        fleets,
        on_demand_usd_per_hour=_known(fleets, market.on_demand_usd_per_hour) if market else None,
        sustainable_rate_per_second=_known(fleets, market.sustainable_rate_per_second) if market else None,
        baseline_instances=baseline_instances,
    )
    sources = sorted({table for name in marts for table in workspace.models.relations(name)})
    bounds = {"window_start": window.start_utc, "window_end": window.end_utc}
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, sources, window=window)
        session.register("fleet", relation)
        return {name: workspace.models.run_model(session, name, bounds) for name in marts}


def _known(fleets: Sequence[Fleet], ask: Callable[[Fleet], float | None]) -> dict[str, float]:
    return {fleet.id: number for fleet in fleets if (number := ask(fleet)) is not None}
