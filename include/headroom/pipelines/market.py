"""Prices and types: spot prices by the hour, the catalogue by the day; a region that does not answer fails alone."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from headroom.domain.window import Window
from headroom.extract.catalogue import SAGEMAKER_PREFIX, read_instance_types, read_on_demand_prices
from headroom.extract.errors import SourceError
from headroom.extract.spot_prices import read_spot_prices
from headroom.lake.layout import hourly_path, settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.clock import read_clock_utc
from headroom.pipelines.gates import pass_gate
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.workspace import Workspace, regions_and_types

CANDIDATE_FAMILIES = ("g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "inf2", "c7i", "c7g", "m7i")
"""Families a rightsizing plan looks at beside the types that fleets name: those that serve inference in 2026."""
CATALOGUE_RUNS_WITHIN = timedelta(days=2)
"""Price lists show only today: a run about an older day has nothing to read."""


def extract_spot_prices(window: Window) -> dict[str, Any]:
    """Write the spot prices in force during the hour `window`; return counts for XCom."""
    return run_step(
        dag_id="extract_spot_prices",
        window=window,
        part="extract",
        step=lambda workspace: spot_price_outcomes(workspace, window),
    )


def spot_price_outcomes(workspace: Workspace, window: Window) -> list[Outcome]:
    """Write an hour's spot prices unless its day is settled."""
    if workspace.lake.has_settled("spot_price", window.day):
        return [_nothing_to_do("spot_price", "the day is settled")]
    return _write_spot_prices(workspace, window, hourly_path("spot_price", window.start_utc, "all"))


def settle_spot_prices(workspace: Workspace, window: Window) -> list[Outcome]:
    """Write the whole day's spot prices as its settled file."""
    return _write_spot_prices(workspace, window, settled_path("spot_price", window.day))


def _write_spot_prices(workspace: Workspace, window: Window, path: str) -> list[Outcome]:
    wanted = {
        region: names
        for region, types in regions_and_types(workspace.fleets).items()
        if (names := [name for name in types if not name.startswith(SAGEMAKER_PREFIX)])
    }
    return _write_regions(
        workspace,
        "spot_price",
        path=path,
        wanted=wanted,
        window=window,
        read=lambda region, names: read_spot_prices(
            workspace.clients,
            region=region,
            instance_types=names,
            window=window,
        ),
    )


def extract_catalogue(window: Window) -> dict[str, Any]:
    """Write instance types and on-demand prices, dated by the cloud's day; return counts for XCom."""
    return run_step(
        dag_id="extract_catalogue",
        window=window,
        part="extract",
        step=lambda workspace: catalogue_outcomes(workspace, window),
    )


def catalogue_outcomes(workspace: Workspace, window: Window) -> list[Outcome]:
    """Read types and on-demand prices of every region that has fleets, gate them and write the cloud's day's files.

    A run about an older day reads nothing: today's list must not stand under yesterday's date.
    """
    now_utc = read_clock_utc(workspace)
    if now_utc - window.end_utc > CATALOGUE_RUNS_WITHIN:
        return [_nothing_to_do("catalogue", "price lists have no history; only today's can be read")]
    today = Window.day_of(now_utc)
    wanted = {region: list(names) for region, names in regions_and_types(workspace.fleets).items()}

    def read_types(region: str, names: list[str]) -> pa.Table:
        return read_instance_types(
            workspace.clients,
            region=region,
            names=names,
            families=CANDIDATE_FAMILIES,
            day=today.day,
        )

    def read_prices(region: str, names: list[str]) -> pa.Table:
        priced = sorted({*names, *_known_types(workspace, region, today.day)})
        return read_on_demand_prices(workspace.clients, region=region, names=priced, day=today.day)

    outcomes = []
    for name, read in (("instance_type", read_types), ("on_demand_price", read_prices)):
        path = settled_path(name, today.day)
        outcomes += _write_regions(workspace, name, path=path, wanted=wanted, window=today, read=read)
    return outcomes


def _known_types(workspace: Workspace, region: str, day: date) -> list[str]:
    """Return the types of a region that today's catalogue has."""
    types = workspace.lake.read_table(settled_path("instance_type", day))
    rows = [] if types is None else types.select(["region", "instance_type"]).to_pylist()
    return [row["instance_type"] for row in rows if row["region"] == region]


def _write_regions(
    workspace: Workspace,
    table_name: str,
    *,
    path: str,
    wanted: Mapping[str, list[str]],
    window: Window,
    read: Callable[[str, list[str]], pa.Table],
) -> list[Outcome]:
    """Read each region, gate what came, and write it; what a failed region had in the file stays."""
    if not wanted:
        return [_nothing_to_do(table_name, "no fleet asks for it")]
    table = TABLES[table_name]
    frames, outcomes = [], []
    for region, names in wanted.items():
        subject = f"{table_name} {region}"
        try:
            frame = read(region, names).select(table.columns)
        except SourceError as error:
            outcomes.append(Outcome(step="extract", subject=subject, status=OutcomeStatus.FAILED, cause=str(error)))
            continue
        rejection = pass_gate(workspace, table, frame, path=f"{path}.{region}", window=window)
        if rejection:
            outcomes.append(
                Outcome(step="extract", subject=subject, status=OutcomeStatus.QUARANTINED, cause=rejection),
            )
            continue
        frames.append(frame)
        outcomes.append(Outcome(step="extract", subject=subject, status=OutcomeStatus.OK))
    if frames:
        served = {item.subject.rsplit(" ", 1)[-1] for item in outcomes if item.status is OutcomeStatus.OK}
        frames += _rows_of_other_regions(workspace, path, served)
        workspace.lake.write_table(path, table, pa.concat_tables(frames), fingerprint="")
    return outcomes


def _rows_of_other_regions(workspace: Workspace, path: str, served: set[str]) -> list[pa.Table]:
    present = workspace.lake.read_table(path)
    if present is None:
        return []
    keep = pa.array([region not in served for region in present["region"].to_pylist()], pa.bool_())
    return [present.filter(keep)]


def _nothing_to_do(subject: str, cause: str) -> Outcome:
    return Outcome(step="extract", subject=subject, status=OutcomeStatus.NOTHING_TO_DO, cause=cause)
