"""What a scenario is: plain data about one account, from which world, cloud and bills are built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headroom.config.sources import BillingExport
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.sandbox.fleet_lives import FleetLife

ZONE_LETTERS = "abcd"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersSchedule:
    """A recurring scheduled action of the owner's own at a fleet's Auto Scaling group; None leaves a size."""

    name: str
    recurrence: str
    min_instances: int | None = None
    max_instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersWork:
    """What the owner has set up at a fleet beside its bounds and its reactive policy."""

    schedules: tuple[OwnersSchedule, ...] = ()
    predictive_policy: str | None = None
    """Name of a predictive scaling policy that forecasts and scales, from the world's opening on."""
    hosts_group: str | None = None
    """The Auto Scaling group that an ECS service runs on, by its capacity provider of the same name."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Beside those its bill lines are known by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersGroup:
    """An Auto Scaling group that is no fleet of the world: moto keeps it as it stands."""

    name: str
    region: str
    instance_type: str
    instances: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An IAM role: the accounts and roles that may assume it, and its policies by name."""

    account: str
    name: str
    trusted: tuple[str, ...] = ()
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One account as its owner runs it. A fleet's place in `fleets` decides its random numbers."""

    name: str
    account: str
    regions: tuple[str, ...]
    """The first is the home region: where the bills and the shared network are."""
    fleets: tuple[Fleet, ...]
    """As Headroom would be told of them; the world publishes their metrics where these say."""
    lives: Mapping[str, FleetLife]
    events: tuple[CalendarEvent, ...] = ()
    exports: tuple[BillingExport, ...] = ()
    config_files: Mapping[str, str] = field(default_factory=dict)
    """What the owner would put into HEADROOM_CONFIG, by file name; empty where that is still to be found out."""
    work: Mapping[str, OwnersWork] = field(default_factory=dict)
    """By fleet id."""
    groups: tuple[OwnersGroup, ...] = ()
    roles: tuple[Role, ...] = ()
    caller_role: str | None = None
    """The role of the home account that calls come from; None may do everything."""
    quotas: Mapping[str, float] = field(default_factory=dict)
    """EC2's vCPU limits, by quota code, where they are not the usual ones."""

    def __post_init__(self) -> None:
        lost = sorted({fleet.id for fleet in self.fleets} ^ set(self.lives))
        if lost:
            raise ValueError(f"scenario {self.name}: a fleet and a life belong together by their id: {lost}")
        for fleet in self.fleets:
            if fleet.region not in self.regions:
                raise ValueError(f"scenario {self.name}: fleet {fleet.id} is in {fleet.region}, not in {self.regions}")

    @property
    def home_region(self) -> str:
        """Where the bills and the shared network are."""
        return self.regions[0]


def availability_zones(region: str) -> tuple[str, ...]:
    """Return the region's zones, four in every region of the sandbox."""
    return tuple(region + letter for letter in ZONE_LETTERS)
