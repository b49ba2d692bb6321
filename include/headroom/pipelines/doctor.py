"""`headroom doctor`: everything that is missing or in the way, each finding on its own; it writes to no account."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from headroom.capacity import BatchingProfile
from headroom.config import ConfigError, Settings, load_fleets_file
from headroom.config.caller import session_name
from headroom.config.events import load_events
from headroom.config.settings import lake_root_of, warehouse_path_of
from headroom.config.sources import AwsAccess, BillingExport, load_sources
from headroom.domain.account import Caller
from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.extract.account.caller import read_caller
from headroom.extract.clients import BotoClients, Clients, client_config
from headroom.extract.errors import CLOUD_ERRORS, describe_failure
from headroom.lake.errors import LakeError
from headroom.lake.storage import Storage, open_storage
from headroom.onboarding.access_findings import caller_finding, clock_finding
from headroom.onboarding.findings import Finding, Level, Topic, by_urgency, ok
from headroom.onboarding.guardrail_findings import guardrail_findings
from headroom.onboarding.installation_findings import (
    connection_finding,
    environment_findings,
    fleets_finding,
    unloadable_finding,
)
from headroom.onboarding.role_findings import roles_finding
from headroom.pipelines.batching_profiles import read_profiles
from headroom.pipelines.doctor_bills import examine_bills
from headroom.pipelines.doctor_checks import standing_alone
from headroom.pipelines.doctor_forecasts import examine_forecasts
from headroom.pipelines.doctor_installation import (
    AskAirflow,
    ask_airflow,
    examine_airflow,
    examine_lake,
    examine_warehouse,
)
from headroom.pipelines.doctor_places import Ward, examine_place, wards_of
from headroom.pipelines.doctor_push_role import PushRole

PLACES_AT_A_TIME = 8
PATIENCE = client_config(max_attempts=2, read_timeout_seconds=10)
"""A service that is silent costs about ten seconds; it is asked no second time."""
DEFAULT_REGION = "us-east-1"
NO_DEPLOYMENT = "default"
OWN_ACCOUNT = "own account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Every finding, worst first; `bad_input` are the variables and files that could not be used."""

    findings: tuple[Finding, ...]
    bad_input: tuple[str, ...] = ()

    def has(self, level: Level) -> bool:
        """Whether there is a finding of a level."""
        return any(finding.level is level for finding in self.findings)


@dataclass(slots=True, kw_only=True)
class _Configuration:
    """What could be loaded, and what could not."""

    fleets: tuple[Fleet, ...] = ()
    guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS
    exports: tuple[BillingExport, ...] = ()
    access: AwsAccess = field(default_factory=AwsAccess)
    deployment: str = NO_DEPLOYMENT
    findings: list[Finding] = field(default_factory=list)
    bad_input: list[str] = field(default_factory=list)

    def load(self, subject: str, read: Callable[[], Iterable[Finding]]) -> None:
        """Keep what `read` finds, or that it could not be loaded."""
        try:
            self.findings += read()
        except ConfigError as error:
            self.findings.append(unloadable_finding(subject, str(error)))
            self.bad_input.append(str(error))


def examine(
    environment: Mapping[str, str],
    *,
    here_utc: Callable[[], datetime],
    regions: Sequence[str] = (),
    clients: Clients | None = None,
    ask: AskAirflow = ask_airflow,
    on_step: Callable[[str], None] = lambda _text: None,
) -> Diagnosis:
    """Look at this installation, at the places of its fleets and at `regions` of our own account.

    `here_utc` is this machine's clock. Without `clients` they are made from the environment. `on_step` is told in words
    what is being looked at.
    """
    on_step("configuration, lake and warehouse")
    configuration = _load(environment)
    findings = [*configuration.findings, *_storage(environment, configuration.fleets)]
    home = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    wards = wards_of(configuration.fleets, regions=regions or ([] if configuration.fleets else [home]))
    with ThreadPoolExecutor(max_workers=1) as beside:
        asked = beside.submit(examine_airflow, environment, ask)
        on_step(f"{len(wards)} places of the cloud")
        try:
            named = session_name(environment)
            clients = clients or BotoClients(
                role_arn=configuration.access.role_arn, session_name=named, config=PATIENCE
            )
            own = _ask_who_we_are(clients, dict.fromkeys([*(ward.region for ward in wards), home]))
            findings += _clock(environment, own, here_utc)
            findings += _examine_cloud(clients, wards, own, configuration, environment)
        except CLOUD_ERRORS as error:  # a profile that is not there
            own = Caller(cause=describe_failure(error), error_code=type(error).__name__)
            findings.append(caller_finding(OWN_ACCOUNT, own))
        on_step("Airflow")
        setting, of_airflow = asked.result()
    findings += of_airflow
    if setting is not None:
        findings.append(connection_finding(setting, own_arn=own.identity.arn if own.identity else None))
    return Diagnosis(findings=tuple(by_urgency(findings)), bad_input=tuple(configuration.bad_input))


def _load(environment: Mapping[str, str]) -> _Configuration:
    configuration = _Configuration()

    def read_settings() -> list[Finding]:
        settings = Settings.from_environment(environment)
        configuration.deployment = settings.deployment
        folder = settings.config_folder
        configuration.load("fleets.yaml", lambda: _read_fleets(configuration, folder / "fleets.yaml"))
        for fleet_id, profile in read_profiles(configuration.fleets, folder).items():
            configuration.load(f"profile of {fleet_id}", partial(_profile_findings, fleet_id, profile))
        configuration.load("sources.yaml", lambda: _read_sources(configuration, folder / "sources.yaml"))
        configuration.load("events.yaml", lambda: _read_events(configuration, folder / "events.yaml"))
        return environment_findings(environment, deployment=settings.deployment)

    configuration.load("environment", read_settings)
    return configuration


def _read_fleets(configuration: _Configuration, file: Path) -> list[Finding]:
    content = load_fleets_file(file)
    configuration.fleets = tuple(sorted(content.fleets, key=lambda fleet: fleet.id))
    configuration.guardrails = content.guardrails
    return [
        fleets_finding(len(configuration.fleets), path=str(file)),
        *guardrail_findings(str(file), content.guardrails, configuration.fleets),
    ]


def _profile_findings(fleet_id: str, profile: BatchingProfile | ConfigError) -> list[Finding]:
    if isinstance(profile, ConfigError):
        raise profile
    text = f"{len(profile.rows)} measurements of {', '.join(profile.instance_types)}"
    return [ok(Topic.CONFIGURATION, f"profile of {fleet_id}", text)]


def _read_sources(configuration: _Configuration, file: Path) -> list[Finding]:
    if not file.exists():
        return []  # that no bill is configured is a finding of its own
    sources = load_sources(file)
    configuration.exports, configuration.access = sources.billing, sources.aws
    return [
        ok(Topic.CONFIGURATION, str(file), f"{len(sources.billing)} billing exports"),
        roles_finding(str(file), read=sources.aws.role_arn, push=sources.aws.push_role_arn),
    ]


def _read_events(configuration: _Configuration, file: Path) -> list[Finding]:
    if not file.exists():
        text, remedy = "there is none: launches and sales are unknown", "name what history cannot tell"
        return [ok(Topic.CONFIGURATION, str(file), text, remedy=remedy)]
    known = [fleet.id for fleet in configuration.fleets] or None
    return [ok(Topic.CONFIGURATION, str(file), f"{len(load_events(file, fleet_ids=known))} events")]


def _storage(environment: Mapping[str, str], fleets: Sequence[Fleet]) -> list[Finding]:
    root, warehouse = lake_root_of(environment), warehouse_path_of(environment)
    lake = standing_alone(Topic.LAKE, root, lambda: [examine_lake(root)])
    works = all(finding.level is Level.OK for finding in lake)
    return [
        *lake,
        *(standing_alone(Topic.FORECASTS, root, examine_forecasts, root, fleets) if works else ()),
        *standing_alone(Topic.WAREHOUSE, str(warehouse), lambda: [examine_warehouse(warehouse)]),
    ]


def _manifests(environment: Mapping[str, str]) -> Storage | None:
    """Return the lake, where Headroom keeps manifests; None where it cannot be opened, which is a finding already."""
    try:
        return open_storage(lake_root_of(environment))
    except (LakeError, *CLOUD_ERRORS):
        return None


def _examine_cloud(
    clients: Clients, wards: Sequence[Ward], own: Caller, configuration: _Configuration, environment: Mapping[str, str]
) -> list[Finding]:
    """Look at every place and at the exports at once, so that one that is slow delays no other."""
    if own.identity is None or own.cloud_utc is None:
        return [caller_finding(OWN_ACCOUNT, own)]
    identity, now_utc = own.identity, own.cloud_utc
    deployment, exports = configuration.deployment, configuration.exports
    push_role = PushRole.of(configuration.access.push_role_arn, session_name=session_name(environment), config=PATIENCE)
    manifests = _manifests(environment)

    def place(ward: Ward) -> list[Finding]:
        return examine_place(
            clients,
            ward,
            own=identity,
            deployment=deployment,
            storage=manifests,
            push_role=push_role,
            guardrails=configuration.guardrails,
        )

    def bills() -> list[Finding]:
        return examine_bills(clients, exports, own=identity, now_utc=now_utc)

    with ThreadPoolExecutor(max_workers=PLACES_AT_A_TIME) as pool:
        asked = [pool.submit(standing_alone, Topic.CREDENTIALS, ward.region, place, ward) for ward in wards]
        asked.append(pool.submit(standing_alone, Topic.BILLS, "billing exports", bills))
        return [finding for one in asked for finding in one.result()]


def _ask_who_we_are(clients: Clients, regions: Iterable[str]) -> Caller:
    """Return what the first region that answers says; a region that is down is not the account's fault."""
    caller = Caller()
    for region in regions:
        caller = read_caller(clients, region=region)
        if caller.identity is not None or caller.cloud_utc is not None or caller.error_code == "NoCredentialsError":
            return caller
    return caller


def _clock(environment: Mapping[str, str], own: Caller, here_utc: Callable[[], datetime]) -> list[Finding]:
    if own.cloud_utc is None:
        return []
    return [
        clock_finding(
            cloud_utc=own.cloud_utc,
            here_utc=here_utc(),
            is_local_cloud=bool(environment.get("AWS_ENDPOINT_URL")),
            keeps_manual_time=environment.get("HEADROOM_CLOCK") == "manual",
        )
    ]
