"""Prices, types and rates as of a moment: from the fleet's own configuration first, else from the lake, else none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from headroom.capacity import (
    BatchingProfile,
    ImpossibleObjective,
    MeasuredRate,
    SustainableRate,
    UnknownRate,
    sustainable_rate,
)
from headroom.config import ConfigError
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import CapacityPool, InstanceType
from headroom.domain.window import Window, floor_day
from headroom.lake.fleet_relation import fleet_relation
from headroom.pipelines.batching_profiles import read_profiles
from headroom.pipelines.measured_rates import read_measured_rates
from headroom.pipelines.model_runs import run_model, run_models
from headroom.pipelines.workspace import Workspace

CATALOGUE_LOOK_BACK = timedelta(days=35)
"""A price list this old still serves; list prices move a few times a year. For a time before the first list was read,
the first one serves with the prices that say they were in force already."""
SPOT_LOOK_BACK = timedelta(days=2)
_TYPES = "int_market__newest_instance_type"
_PRICES = "int_market__newest_on_demand_price"
_SPOT_PRICES = "int_market__newest_spot_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Types and prices of every region that has fleets, as known at one moment; USD per instance-hour."""

    types: dict[str, dict[str, InstanceType]]
    on_demand: dict[str, dict[str, float]]
    list_days: dict[str, dict[str, date]]
    """Day of the price list that each on-demand price is of."""
    spot: dict[str, dict[CapacityPool, float]]
    profiles: dict[str, BatchingProfile | ConfigError] = field(default_factory=dict)
    """By fleet id; an error where the file that a fleet names cannot be used, which is that fleet's failure alone."""
    measured: dict[str, MeasuredRate | str] = field(default_factory=dict)
    """What an instance of today's type carries by history, or why that is not known, by fleet id. Daily marts are made
    without: days settled in any order give the same bytes."""

    def on_demand_usd_per_hour(self, fleet: Fleet) -> float | None:
        """Return the on-demand price of the fleet's type today: its own configuration's, else the price list's."""
        configured = fleet.current_type.on_demand_usd_per_hour
        if configured is not None:
            return configured
        return self.on_demand.get(fleet.region, {}).get(fleet.current_type.name)

    def price_day(self, fleet: Fleet) -> date | None:
        """Return the day of the list that price is of; None where fleets.yaml names the price, or none is known."""
        if fleet.current_type.on_demand_usd_per_hour is not None:
            return None
        return self.list_days.get(fleet.region, {}).get(fleet.current_type.name)

    def profile(self, fleet: Fleet) -> BatchingProfile | None:
        """Return the fleet's measured profile, None where it needs none; raise ConfigError where it cannot be used."""
        profile = self.profiles.get(fleet.id)
        if isinstance(profile, ConfigError):
            raise profile
        return profile

    def rate(self, fleet: Fleet, instance_type: str) -> SustainableRate:
        """Return what one instance of a type carries; raise UnknownRate, ImpossibleObjective or ConfigError."""
        return sustainable_rate(
            fleet,
            instance_type,
            types=self.types.get(fleet.region, {}),
            measured_rates=self.measured_rates(fleet),
            profile=self.profile(fleet),
        )

    def measured_rates(self, fleet: Fleet) -> dict[str, MeasuredRate]:
        """Return what history tells of the fleet's types, by type."""
        measured = self.measured.get(fleet.id)
        return {fleet.current_type.name: measured} if isinstance(measured, MeasuredRate) else {}

    def why_not_measured(self, fleet: Fleet) -> str | None:
        """Return why history does not tell what today's type carries; None where it does, or was not asked."""
        measured = self.measured.get(fleet.id)
        return measured if isinstance(measured, str) else None

    def sustainable_rate_per_second(self, fleet: Fleet) -> float | None:
        """Return the work one instance of the fleet's type today carries, or None where nothing tells.

        Marts go on without it: the fleet's schedule and plan fail by the same cause and say it.
        """
        try:
            return self.rate(fleet, fleet.current_type.name).rate_per_second
        except (UnknownRate, ImpossibleObjective, ConfigError):
            return None


def read_market(workspace: Workspace, fleets: Sequence[Fleet], as_of_utc: datetime) -> Market:
    """Return the newest types and prices that were known at `as_of_utc`, and profiles; what is unknown is absent."""
    recent = Window(as_of_utc - SPOT_LOOK_BACK, as_of_utc)
    catalogue = _catalogue(workspace, fleets, as_of_utc, (_TYPES, _PRICES))
    spot_prices = run_model(workspace, _SPOT_PRICES, fleets, window=recent, parameters={"as_of": as_of_utc})
    types: dict[str, dict[str, InstanceType]] = {}
    for row in catalogue[_TYPES].drop_columns("day_utc").rename_columns({"instance_type": "name"}).to_pylist():
        types.setdefault(row["region"], {})[row["name"]] = InstanceType(**row)
    spot: dict[str, dict[CapacityPool, float]] = {}
    for row in spot_prices.to_pylist():
        pool = CapacityPool(instance_type=row["instance_type"], availability_zone=row["availability_zone"])
        spot.setdefault(row["region"], {})[pool] = float(row["spot_usd_per_hour"])
    profiles = read_profiles(fleets, workspace.config_folder)
    return replace(_with_prices(catalogue[_PRICES]), types=types, spot=spot, profiles=profiles)


def read_market_and_rates(workspace: Workspace, fleets: Sequence[Fleet], as_of_utc: datetime) -> Market:
    """Return what read_market does, and the rates that were measured by then."""
    market = read_market(workspace, fleets, as_of_utc)
    return replace(market, measured=read_measured_rates(workspace, fleets, as_of_utc))


def rates_alone(
    fleet: Fleet, config_folder: Path, measured: Mapping[str, MeasuredRate | str] = MappingProxyType({})
) -> Market:
    """Return a market that knows what the fleet's type today carries, as read_market_and_rates does, and no price."""
    profiles = read_profiles([fleet], config_folder)
    return Market(types={}, on_demand={}, list_days={}, spot={}, profiles=profiles, measured=dict(measured))


def read_on_demand_prices(workspace: Workspace, fleets: Sequence[Fleet], as_of_utc: datetime) -> Market:
    """Return the on-demand prices that read_market would, and nothing else: quick enough to ask for many days."""
    return _with_prices(_catalogue(workspace, fleets, as_of_utc, (_PRICES,))[_PRICES])


def _catalogue(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    as_of_utc: datetime,
    models: Sequence[str],
) -> dict[str, pa.Table]:
    window = Window(floor_day(as_of_utc) - CATALOGUE_LOOK_BACK, as_of_utc + CATALOGUE_LOOK_BACK)
    return run_models(workspace, models, fleet_relation(fleets), window=window, parameters={"as_of": as_of_utc})


def _with_prices(rows: pa.Table) -> Market:
    market = Market(types={}, on_demand={}, list_days={}, spot={})
    for row in rows.to_pylist():
        price = float(row["on_demand_usd_per_hour"])
        market.on_demand.setdefault(row["region"], {})[row["instance_type"]] = price
        market.list_days.setdefault(row["region"], {})[row["instance_type"]] = row["day_utc"]
    return market
