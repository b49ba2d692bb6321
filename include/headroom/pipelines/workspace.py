"""What a task works with: fleets, lake, SQL models, cloud clients; opened once a task from the environment."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headroom.config import ConfigError, Settings, load_events, load_fleets_file
from headroom.config.caller import session_name
from headroom.config.settings import KILL_SWITCH_VARIABLE, PROJECT_ROOT
from headroom.config.sources import AwsAccess, load_sources
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.extract.call_budget import CallBudget
from headroom.extract.clients import BotoClients, Clients
from headroom.extract.push_clients import PushClients
from headroom.lake.errors import PathError
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_of
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import open_storage

SQL_FOLDER = PROJECT_ROOT / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything a pipeline function may read or write; tests build one by hand."""

    fleets: tuple[Fleet, ...]
    config_folder: Path
    lake: Lake
    models: SqlModels
    clients: Clients
    """What reads."""
    deployment: str
    warehouse_path: Path
    guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS
    """What fleets.yaml sets for all fleets; a fleet's own stand in its entry."""
    events: tuple[CalendarEvent, ...] = ()
    """The events calendar of events.yaml, by start; empty without that file."""
    kill_switch: str = ""
    """What HEADROOM_KILL_SWITCH says; empty where it is not thrown."""
    push_clients: Clients | None = None
    """What writes to targets, where that has a role of its own."""

    @property
    def pushing(self) -> Clients:
        """What a push or a rollback reads a target and writes to it with."""
        return self.push_clients or self.clients

    def fleet(self, fleet_id: str) -> Fleet:
        """Return the fleet with `fleet_id`; raise ConfigError naming the fleets there are."""
        for fleet in self.fleets:
            if fleet.id == fleet_id:
                return fleet
        known = ", ".join(fleet.id for fleet in self.fleets) or "none"
        raise ConfigError(f"{self.config_folder / 'fleets.yaml'}: no fleet {fleet_id!r}; known are {known}")

    def fleets_in(self, chunk: int) -> tuple[Fleet, ...]:
        """Return the fleets of one chunk, by id."""
        return tuple(fleet for fleet in self.fleets if chunk_of(fleet.id) == chunk)

    def chunks(self) -> tuple[int, ...]:
        """Return the chunks that have fleets, ascending."""
        return tuple(sorted({chunk_of(fleet.id) for fleet in self.fleets}))

    @property
    def home_region(self) -> str:
        """Region whose clock and price list are asked where no fleet is concerned: the first fleet's."""
        return self.fleets[0].region if self.fleets else "us-east-1"


def open_workspace(environment: Mapping[str, str] | None = None) -> Workspace:
    """Open the workspace that the HEADROOM_ variables describe; raise ConfigError where they cannot be used."""
    variables = os.environ if environment is None else environment
    settings = Settings.from_environment(variables)
    configured = load_fleets_file(settings.config_folder / "fleets.yaml")
    fleets = tuple(sorted(configured.fleets, key=lambda fleet: fleet.id))
    access, named = _access(settings.config_folder), session_name(variables)
    budget = CallBudget(per_second=access.call_rates)
    clients = BotoClients(role_arn=access.role_arn, session_name=named, budget=budget)
    return Workspace(
        fleets=fleets,
        config_folder=settings.config_folder,
        lake=_open_lake(settings.lake_root),
        models=SqlModels.load(SQL_FOLDER),
        clients=clients,
        push_clients=push_clients(clients, access, session_name=named, budget=budget),
        deployment=settings.deployment,
        warehouse_path=settings.warehouse_path,
        guardrails=configured.guardrails,
        events=_events(settings.config_folder, fleets),
        kill_switch=variables.get(KILL_SWITCH_VARIABLE, ""),
    )


def open_lake(environment: Mapping[str, str] | None = None) -> Lake:
    """Open the lake alone, for what needs no fleets."""
    return _open_lake(Settings.from_environment(os.environ if environment is None else environment).lake_root)


def _open_lake(root: str) -> Lake:
    try:
        return Lake(open_storage(root))
    except PathError as error:
        raise ConfigError(f"HEADROOM_LAKE: {error}") from error


def _events(config_folder: Path, fleets: tuple[Fleet, ...]) -> tuple[CalendarEvent, ...]:
    file = config_folder / "events.yaml"
    return load_events(file, fleet_ids={fleet.id for fleet in fleets}) if file.exists() else ()


def _access(config_folder: Path) -> AwsAccess:
    file = config_folder / "sources.yaml"
    return load_sources(file).aws if file.exists() else AwsAccess()


def push_clients(
    reading: Clients, access: AwsAccess, *, session_name: str, budget: CallBudget | None = None
) -> PushClients | None:
    """Return the clients that write to targets with the role for it, or None where there is none of its own.

    `budget`: the one that `reading` keeps to as well.
    """
    if access.push_role_arn is None:
        return None
    writing = BotoClients(role_arn=access.push_role_arn, session_name=session_name, budget=budget)
    return PushClients(reading=reading, writing=writing)


def regions_and_types(fleets: Iterable[Fleet]) -> dict[str, tuple[str, ...]]:
    """Return, by region, the instance types that the fleets run on or may run on, sorted."""
    by_region: dict[str, set[str]] = {}
    for fleet in fleets:
        by_region.setdefault(fleet.region, set()).update(option.name for option in fleet.instance_types)
    return {region: tuple(sorted(names)) for region, names in sorted(by_region.items())}
