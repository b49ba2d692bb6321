"""What a scenario is: plain data about one account, from which world, cloud and bills are built."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headroom.config.sources import BillingExport
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.sandbox.fleet_lives import FleetLife

ZONE_LETTERS = "abcd"


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
