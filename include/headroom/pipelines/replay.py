"""The replay's task: demand and fleet in, policies played over them, figures, capacity and a page out."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headroom.capacity import ImpossibleObjective, UnknownRate
from headroom.config import ConfigError, load_fleets
from headroom.domain.fleet import Fleet, InstanceOption
from headroom.lake.lake import json_bytes
from headroom.lake.storage import Storage
from headroom.pipelines.measured_rates import read_measured_rates
from headroom.pipelines.prices import Market, rates_alone, read_market
from headroom.pipelines.replay_demand import RecordedDemand, demand_from_lake, read_recorded_demand
from headroom.pipelines.replay_forecasts import ReplayForecasts
from headroom.pipelines.windows import KEY_FORMAT, WindowError, hour_window
from headroom.pipelines.workspace import Workspace, open_workspace
from headroom.reporting.replay_report import ReplayReport, render_replay_report, replay_summary
from headroom.simulation.demand_path import Bursts, DemandError
from headroom.simulation.engine import Conditions
from headroom.simulation.fleet_scene import SceneError, fleet_scene, require_playable
from headroom.simulation.launches import Launches
from headroom.simulation.oracle import TooManyCountsError
from headroom.simulation.policies import UnknownPolicyError, open_policies, policies_named
from headroom.simulation.replay import OnProgress, Replay, play
from headroom.units import MICROSECONDS_PER_SECOND

REPLAY_FILES: Final = ("replay.json", "capacity.parquet", "report.html")
CAPACITY_SCHEMA: Final = pa.schema(
    [
        pa.field("policy", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("ds", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("instance_type", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("purchase_option", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("zone", pa.dictionary(pa.int32(), pa.string())),
        pa.field("ready", pa.int32(), nullable=False),
        pa.field("billed", pa.int32(), nullable=False),
    ]
)
"""Instances of a policy at work, and billed, in each step; `zone` is null where the policy names none."""


class ReplayInputError(ValueError):
    """A replay cannot be made of what was given; the message names file, column or key and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What to play: the span [start_utc, end_utc), policies by name (all where none is named), and chance.

    `is_swept`: also every policy at every setting of its main knob.
    """

    start_utc: datetime
    end_utc: datetime
    policies: tuple[str, ...] = ()
    bursts: Bursts = field(default_factory=Bursts)
    launches: Launches = field(default_factory=Launches)
    is_swept: bool = False


def replay_files(
    demand_file: Path,
    fleet_file: Path,
    request: ReplayRequest,
    *,
    on_progress: OnProgress = lambda _done, _total: None,
    open_lake: Callable[[], Workspace] = open_workspace,
) -> ReplayReport:
    """Play the policies over a file of demand; the lake is opened for prices that the fleet's file does not name."""
    fleets = load_fleets(fleet_file)
    if len(fleets) != 1:
        raise ReplayInputError(f"{fleet_file}: expected one fleet, found {len(fleets)}")
    try:
        demand = read_recorded_demand(demand_file)
    except DemandError as error:
        raise ReplayInputError(f"{demand_file}: {error}") from error
    fleet = priced(fleets[0], request.start_utc, open_lake, name=str(fleet_file))
    rates, names = rates_alone(fleet, fleet_file.parent), (str(demand_file), str(fleet_file))
    return _replay(fleet, demand, request, rates, names=names, on_progress=on_progress)


def replay_policies(fleet_id: str, start: str, end: str, policies: Sequence[str], *, is_swept: bool) -> dict[str, Any]:
    """Play the policies over a fleet's demand in the lake, and write the report there; return its paths.

    `start` and `end` are UTC times on the hour such as 2026-11-18T00:00:00.
    """
    workspace = open_workspace()
    fleet = workspace.fleet(fleet_id)
    request = ReplayRequest(
        start_utc=_hour("start", start),
        end_utc=_hour("end", end),
        policies=tuple(policies),
        is_swept=is_swept,
    )
    if request.start_utc >= request.end_utc:
        raise ReplayInputError(f"start, end: expected a start before the end, found {start} to {end}")
    fleet = priced(fleet, request.start_utc, lambda: workspace, name="fleets.yaml")
    try:
        demand = demand_from_lake(workspace, fleet, start_utc=request.start_utc, end_utc=request.end_utc)
        rates = rates_alone(fleet, workspace.config_folder, read_measured_rates(workspace, [fleet], request.start_utc))
        report = _replay(fleet, demand, request, rates, names=(demand.source, "fleets.yaml"))
    except DemandError as error:
        raise ReplayInputError(str(error)) from error
    except ReplayInputError as error:
        raise ReplayInputError(_as_params(str(error))) from error
    folder = f"reports/replay/{fleet.id}/{request.start_utc:{KEY_FORMAT}}_{request.end_utc:{KEY_FORMAT}}"
    write_replay(workspace.lake.storage, report, folder=f"{folder}/")
    return {
        "page": f"{folder}/report.html",
        "played": sorted(report.replay.played),
        "refused": dict(report.replay.refused),
    }


def _hour(param: str, text: str) -> datetime:
    """Return the hour that a Param names; WindowError where it names none that can be played."""
    if not text:
        raise WindowError(f"{param}: expected a UTC time on the hour such as 2026-11-18T05:00:00, found none")
    try:
        return hour_window(text).start_utc
    except WindowError as error:
        raise WindowError(f"{param}: {error}") from error


def _as_params(message: str) -> str:
    """Return a message about options of the command as one about Params of the DAG."""
    for option, param in (("--from", "start"), ("--to", "end"), ("--policy", "policies")):
        message = message.replace(option, param)
    return message


def write_replay(storage: Storage, report: ReplayReport, *, folder: str = "") -> dict[str, Any]:
    """Write REPLAY_FILES, each whole or not at all, and none before all are made; return what the first says.

    `folder` is their folder's path with a slash behind it, or nothing.
    """
    summary = replay_summary(report)
    contents = (
        json_bytes(summary),
        _parquet(capacity_rows(report.replay)),
        render_replay_report(report, summary).encode(),
    )
    for name, content in zip(REPLAY_FILES, contents, strict=True):
        storage.write_bytes(f"{folder}{name}", content)
    return summary


def priced(fleet: Fleet, as_of_utc: datetime, open_lake: Callable[[], Workspace], *, name: str) -> Fleet:
    """Return the fleet with the prices that its configuration, named `name`, lacks, from the lake as of a moment.

    ReplayInputError where today's type has no on-demand price in either, or the lake has one that cannot be. Spot
    prices are the least of all zones, and only looked for where the fleet may run on spot.
    """
    today = fleet.current_type
    wants_spot = fleet.spot.max_fraction > 0 and any(
        option.spot_usd_per_hour is None for option in fleet.instance_types
    )
    if today.on_demand_usd_per_hour is not None and not wants_spot:
        return fleet
    market = read_market(open_lake(), [fleet], as_of_utc)
    on_demand, spot = market.on_demand.get(fleet.region, {}), market.spot.get(fleet.region, {})
    if today.on_demand_usd_per_hour is None and today.name not in on_demand:
        raise ReplayInputError(
            f"{name}: instance_types: {today.name} has no on_demand_usd_per_hour, and the lake no price of it in "
            f"{fleet.region} as of {as_of_utc:%FT%TZ}; set it beside the type, or run extract_catalogue"
        )

    def with_prices(option: InstanceOption) -> InstanceOption:
        zones = [price for pool, price in spot.items() if pool.instance_type == option.name]
        try:
            return replace(
                option,
                on_demand_usd_per_hour=option.on_demand_usd_per_hour or on_demand.get(option.name),
                spot_usd_per_hour=option.spot_usd_per_hour or min(zones, default=None),
            )
        except ValueError as error:
            raise ReplayInputError(
                f"{name}: instance_types: {option.name}: the lake's price of it in {fleet.region} as of "
                f"{as_of_utc:%FT%TZ} cannot be: {error}; set it beside the type"
            ) from error

    return replace(fleet, instance_types=tuple(map(with_prices, fleet.instance_types)))


def _replay(
    fleet: Fleet,
    demand: RecordedDemand,
    request: ReplayRequest,
    rates: Market,
    *,
    names: tuple[str, str],
    on_progress: OnProgress = lambda _done, _total: None,
) -> ReplayReport:
    """Play; `rates` tells what today's type carries, `names` are those of demand and fleet in messages."""
    seed = request.bursts.seed
    try:
        policies, left_open = policies_named(request.policies), open_policies(request.policies)
        record = demand.record(request.bursts)
    except DemandError as error:
        raise ReplayInputError(f"{names[0]}: {error}") from error
    except UnknownPolicyError as error:
        raise ReplayInputError(f"--policy: {error}") from error
    try:
        require_playable(fleet)
        scene = fleet_scene(
            fleet,
            record,
            start_utc=request.start_utc,
            end_utc=request.end_utc,
            rate=rates.rate(fleet, fleet.current_type.name),
            profile=rates.profile(fleet),
            seed=seed,
        )
    except DemandError as error:
        raise ReplayInputError(str(error)) from error
    except ConfigError as error:  # of the profile's file, which it names
        raise ReplayInputError(str(error)) from error
    except (SceneError, ImpossibleObjective, UnknownRate) as error:
        raise ReplayInputError(f"{names[1]}: {error}") from error
    launches = request.launches
    scene = replace(scene, forecasts=ReplayForecasts(fleet, scene.known), pool=launches.of(scene.pool))
    conditions = Conditions(seed=seed, lead_spread_fraction=launches.spread_fraction)
    try:
        replay = play(policies, scene, conditions=conditions, is_swept=request.is_swept, on_progress=on_progress)
    except TooManyCountsError as error:
        raise ReplayInputError(f"--from, --to: {error}") from error
    first = record.step_of(request.start_utc)
    shares = {name: share[first : first + scene.steps] for name, share in demand.shares(record).items()}
    return ReplayReport(
        replay=replay,
        demand_source=demand.source,
        recorded_step_seconds=demand.step_seconds,
        bursts=request.bursts,
        launches=launches,
        class_shares=shares,
        left_open=left_open,
    )


def capacity_rows(replay: Replay) -> pa.Table:
    """Return the rows of capacity.parquet: every policy's and oracle's instances, pool by pool, step by step."""
    scene = replay.scene
    first = pa.scalar(scene.start_utc, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    microseconds = np.round(np.arange(scene.steps) * scene.step_seconds * MICROSECONDS_PER_SECOND).astype(np.int64)
    stamps = pa.array(first + microseconds).cast(pa.timestamp("us", tz="UTC"))
    tables = [
        pa.table(
            [
                _always(played.name, scene.steps),
                stamps,
                _always(pool.instance_type, scene.steps),
                _always(pool.purchase_option, scene.steps),
                _always(pool.zone, scene.steps),
                pa.array(ready, pa.int32()),
                pa.array(billed, pa.int32()),
            ],
            schema=CAPACITY_SCHEMA,
        )
        for played in replay.played.values()
        for pool, ready, billed in zip(played.run.pools, played.run.ready, played.run.billed, strict=True)
    ]
    return pa.concat_tables(tables).unify_dictionaries()


def _always(text: str | None, count: int) -> pa.Array:
    """Return a column of one text, or of none."""
    places = pa.array([None if text is None else 0] * count, pa.int32())
    return pa.DictionaryArray.from_arrays(places, pa.array([text or ""]))


def _parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    return buffer.getvalue()
