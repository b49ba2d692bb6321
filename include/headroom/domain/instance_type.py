"""What an instance type is made of, and what it costs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """An EC2 instance type as its region offers it; GPU fields are None where it has no GPU."""

    name: str
    region: str
    vcpus: int
    memory_mib: int
    architecture: str
    gpu_name: str | None = None
    gpu_manufacturer: str | None = None
    gpu_count: int | None = None
    gpu_memory_mib: int | None = None
    """Memory of all its GPUs together."""
    network_mbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPool:
    """An instance type in an availability zone, bought one way."""

    instance_type: str
    availability_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPricePoint:
    """The spot price of a pool from `timestamp_utc` on."""

    pool: CapacityPool
    timestamp_utc: datetime
    spot_usd_per_hour: float
