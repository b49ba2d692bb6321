"""Computing marts with the SQL models over the lake's views."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa

from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.lake.fleet_relation import fleet_relation
from headroom.lake.sql_checks import ModelCheckError
from headroom.lake.tables import TABLES
from headroom.pipelines.model_runs import run_models
from headroom.pipelines.prices import Market
from headroom.pipelines.workspace import Workspace

Fact = TypeVar("Fact")
HOURLY_MARTS = ("mart_demand__hourly_by_fleet", "mart_utilization__hourly_by_fleet", "mart_latency__hourly_by_fleet")


def run_marts(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    window: Window,
    *,
    marts: Sequence[str],
    files_of: Window | None = None,
    market: Market | None = None,
    baseline_instances: Mapping[str, float] | None = None,
) -> dict[str, pa.Table]:
    """Run `marts` for `fleets` over `window`, over the lake files of `files_of` (the window by default).

    Marts that estimate cost want a `market`, those that say what was saved the adopted fleets' `baseline_instances`.
    """
    relation = fleet_relation(
        fleets,
        on_demand_usd_per_hour=_known(fleets, market.on_demand_usd_per_hour) if market else None,
        price_day_utc=_known(fleets, market.price_day) if market else None,
        sustainable_rate_per_second=_known(fleets, market.sustainable_rate_per_second) if market else None,
        baseline_instances=baseline_instances,
    )
    return run_models(workspace, marts, relation, window=window, files_of=files_of)


def run_marts_by_fleet(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    window: Window,
    *,
    marts: Sequence[str],
) -> tuple[dict[str, pa.Table], dict[str, str]]:
    """Run `marts` as run_marts does; where a check of theirs fails, run each fleet alone.

    Return the marts of the fleets that passed, and by fleet why each other one has none.
    """
    try:
        return run_marts(workspace, fleets, window, marts=marts), {}
    except ModelCheckError:
        parts: list[dict[str, pa.Table]] = [{name: TABLES[name].schema.empty_table() for name in marts}]
        broken: dict[str, str] = {}
        for fleet in fleets:
            try:
                parts.append(run_marts(workspace, [fleet], window, marts=marts))
            except ModelCheckError as error:
                broken[fleet.id] = str(error)
        return {name: pa.concat_tables([part[name] for part in parts]) for name in marts}, broken


def _known(fleets: Sequence[Fleet], ask: Callable[[Fleet], Fact | None]) -> dict[str, Fact]:
    return {fleet.id: fact for fleet in fleets if (fact := ask(fleet)) is not None}
