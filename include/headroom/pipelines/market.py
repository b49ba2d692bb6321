"""Prices and types: spot prices by the hour, the catalogue by the day."""

from datetime import timedelta
from typing import Any

import pyarrow as pa

from headroom.domain.window import Window
from headroom.extract.catalogue import read_instance_types, read_on_demand_prices
from headroom.extract.spot_prices import read_spot_prices
from headroom.lake.layout import hourly_path, settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.gates import pass_gate
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, record_outcomes
from headroom.pipelines.workspace import Workspace, open_workspace, regions_and_types

SPOT_LOOKBACK = timedelta(hours=24)
"""A spot price stands until the next change; DescribeSpotPriceHistory gives the last one before the start as well."""

CANDIDATE_FAMILIES = ("g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "inf2", "c7i", "c7g", "m7i")
"""Families a rightsizing plan looks at beside the types that fleets name: those that serve inference in 2026."""


def spot_price_rows(workspace: Workspace, window: Window) -> pa.Table:
    """Read the spot prices that were in force during `window` for every type a fleet may run on."""
    parts = [
        read_spot_prices(workspace.clients, region=region, instance_types=names, window=window)
        for region, names in regions_and_types(workspace.fleets).items()
    ]
    schema = TABLES["spot_price"].schema
    return pa.concat_tables([part.select(schema.names) for part in parts]) if parts else schema.empty_table()


def extract_spot_prices(window: Window) -> dict[str, Any]:
    """Write the hour's spot prices; a source that does not answer raises SourceError, for the task to be retried."""
    workspace = open_workspace()
    frame = spot_price_rows(workspace, window)
    path = hourly_path("spot_price", window.start_utc, "all")
    if workspace.lake.has_settled("spot_price", window.day):
        outcome = Outcome(
            step="extract", subject="spot_price", status=OutcomeStatus.NOTHING_TO_DO, cause="day is settled"
        )
    else:
        outcome = _write_gated(workspace, "spot_price", path, frame, window)
    counts = record_outcomes(
        workspace,
        dag_id="extract_spot_prices",
        window=window,
        part="extract",
        outcomes=[outcome],
    )
    return {**counts, "rows": frame.num_rows}


def settle_spot_prices(workspace: Workspace, window: Window) -> Outcome:
    """Write the whole day's spot prices as its settled file."""
    frame = spot_price_rows(workspace, window)
    return _write_gated(workspace, "spot_price", settled_path("spot_price", window.day), frame, window)


def extract_catalogue(window: Window) -> dict[str, Any]:
    """Write the day's instance types and on-demand prices, each dated by the day observed."""
    workspace = open_workspace()
    outcomes = catalogue_outcomes(workspace, window)
    return record_outcomes(workspace, dag_id="extract_catalogue", window=window, part="extract", outcomes=outcomes)


def catalogue_outcomes(workspace: Workspace, window: Window) -> list[Outcome]:
    """Read types and on-demand prices of every region that has fleets, gate them and write the day's files."""
    types, prices = [], []
    for region, named in regions_and_types(workspace.fleets).items():
        found = read_instance_types(
            workspace.clients,
            region=region,
            names=named,
            families=CANDIDATE_FAMILIES,
            day=window.day,
        )
        types.append(found)
        priced = found["instance_type"].to_pylist()
        prices.append(read_on_demand_prices(workspace.clients, region=region, names=priced, day=window.day))
    outcomes = []
    for name, parts in (("instance_type", types), ("on_demand_price", prices)):
        frame = pa.concat_tables(parts) if parts else TABLES[name].schema.empty_table()
        outcomes.append(_write_gated(workspace, name, settled_path(name, window.day), frame, window))
    return outcomes


def _write_gated(workspace: Workspace, table_name: str, path: str, frame: pa.Table, window: Window) -> Outcome:
    rejection = pass_gate(workspace, TABLES[table_name], frame, path=path, window=window)
    if rejection:
        return Outcome(step="extract", subject=table_name, status=OutcomeStatus.QUARANTINED, cause=rejection)
    workspace.lake.write_table(path, TABLES[table_name], frame, fingerprint="")
    return Outcome(step="extract", subject=table_name, status=OutcomeStatus.OK)
