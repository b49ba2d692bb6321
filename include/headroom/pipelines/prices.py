"""Prices and types as of a moment: from the fleet's own configuration first, else the newest in the lake, else none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from headroom.capacity import UnknownRate, sustainable_rate
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import CapacityPool, InstanceType
from headroom.domain.window import Window, floor_day
from headroom.lake.session import open_session, register_tables
from headroom.pipelines.workspace import Workspace

CATALOGUE_LOOK_BACK = timedelta(days=35)
"""A price list this old still serves; list prices move a few times a year. For a time before the first list was read,
the first one serves with the prices that say they were in force already."""
SPOT_LOOK_BACK = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Types and prices of every region that has fleets, as known at one moment; USD per instance-hour."""

    types: dict[str, dict[str, InstanceType]]
    on_demand: dict[str, dict[str, float]]
    spot: dict[str, dict[CapacityPool, float]]
    price_day: date | None

    def on_demand_usd_per_hour(self, fleet: Fleet) -> float | None:
        """Return the on-demand price of the fleet's type today: its own configuration's, else the price list's."""
        configured = fleet.current_type.on_demand_usd_per_hour
        if configured is not None:
            return configured
        return self.on_demand.get(fleet.region, {}).get(fleet.current_type.name)

    def sustainable_rate_per_second(self, fleet: Fleet) -> float | None:
        """Return the work one instance of the fleet's type today carries, or None where nothing tells."""
        try:
            rate = sustainable_rate(fleet, fleet.current_type.name, types=self.types.get(fleet.region, {}))
        except UnknownRate:
            return None
        return rate.rate_per_second


def read_market(workspace: Workspace, fleets: Sequence[Fleet], as_of_utc: datetime) -> Market:
    """Return the newest types and prices that were known at `as_of_utc`; what is unknown is absent."""
    window = Window(floor_day(as_of_utc) - CATALOGUE_LOOK_BACK, as_of_utc + CATALOGUE_LOOK_BACK)
    recent = Window(as_of_utc - SPOT_LOOK_BACK, as_of_utc)
    parameters = {"regions": sorted({fleet.region for fleet in fleets}), "as_of": as_of_utc}
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, ["instance_type", "on_demand_price"], window=window)
        register_tables(session, workspace.lake, ["spot_price"], window=recent)
        type_rows = session.execute(_NEWEST_TYPES, parameters).fetchall()
        price_rows = session.execute(_NEWEST_PRICES, parameters).fetchall()
        spot_rows = session.execute(_NEWEST_SPOT, parameters).fetchall()
    types: dict[str, dict[str, InstanceType]] = {}
    for region, name, vcpus, memory, architecture, gpu, maker, count, gpu_memory, network in type_rows:
        types.setdefault(region, {})[name] = InstanceType(
            name=name,
            region=region,
            vcpus=vcpus,
            memory_mib=memory,
            architecture=architecture,
            gpu_name=gpu,
            gpu_manufacturer=maker,
            gpu_count=count,
            gpu_memory_mib=gpu_memory,
            network_mbps=network,
        )
    on_demand: dict[str, dict[str, float]] = {}
    for region, name, price, _ in price_rows:
        on_demand.setdefault(region, {})[name] = float(price)
    spot: dict[str, dict[CapacityPool, float]] = {}
    for region, name, zone, price in spot_rows:
        spot.setdefault(region, {})[CapacityPool(instance_type=name, availability_zone=zone)] = float(price)
    return Market(
        types=types,
        on_demand=on_demand,
        spot=spot,
        price_day=max((row[3] for row in price_rows), default=None),
    )


_NEWEST_TYPES = """
select
    region,
    instance_type,
    vcpus,
    memory_mib,
    architecture,
    gpu_name,
    gpu_manufacturer,
    gpu_count,
    gpu_memory_mib,
    network_mbps,
from instance_type
where list_contains($regions, region)
qualify row_number() over (
    partition by region, instance_type
    order by day_utc <= cast($as_of as date) desc, abs(day_utc - cast($as_of as date))
) = 1
order by region, instance_type
"""
_NEWEST_PRICES = """
select region, instance_type, on_demand_usd_per_hour, day_utc
from on_demand_price
where
    list_contains($regions, region)
    and (day_utc <= cast($as_of as date) or effective_from_utc <= $as_of)
qualify row_number() over (
    partition by region, instance_type
    order by day_utc <= cast($as_of as date) desc, abs(day_utc - cast($as_of as date)), effective_from_utc desc
) = 1
order by region, instance_type
"""
_NEWEST_SPOT = """
select region, instance_type, availability_zone, spot_usd_per_hour
from spot_price
where list_contains($regions, region) and timestamp_utc <= $as_of
qualify row_number() over (partition by region, instance_type, availability_zone order by timestamp_utc desc) = 1
order by region, instance_type, availability_zone
"""
