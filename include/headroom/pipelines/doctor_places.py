"""What the doctor looks at in a place of the cloud, an account's region, and in billing exports; it writes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from headroom.actuation.errors import ActuationError
from headroom.actuation.registry import target_for
from headroom.domain.account import Caller, Identity, Place
from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.domain.window import Window, floor_hour
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.caller import read_caller
from headroom.extract.account.gpu_metrics import read_gpu_metrics
from headroom.extract.account.machines import read_accelerators
from headroom.extract.account.patience import ImpatientClients
from headroom.extract.account.push_simulation import PUSHABLE, read_push_resource, simulate_push
from headroom.extract.account.quotas import read_quotas
from headroom.extract.account.read_probes import probes_of_place, try_reading
from headroom.extract.clients import Clients
from headroom.extract.cloudwatch import read_metrics
from headroom.extract.errors import SourceError
from headroom.lake.storage import Storage
from headroom.onboarding.access_findings import (
    PUSH_TAG,
    WRITING,
    caller_finding,
    permission_findings,
    push_findings,
    quota_findings,
    unsimulated_finding,
)
from headroom.onboarding.findings import Finding, Topic, unknown
from headroom.onboarding.fleet_findings import target_findings, unreadable_target_finding
from headroom.onboarding.metric_findings import GPU_METRIC, gpu_finding, metric_findings, unread_finding
from headroom.onboarding.role_findings import push_role_finding
from headroom.pipelines.doctor_checks import standing_alone
from headroom.pipelines.doctor_push_role import PushRole
from headroom.units import SECONDS_PER_HOUR

RECENT = timedelta(days=1)
SEE_OTHERS = "see what is said of this place's permissions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A place and the fleets there; `account` is None where tasks enter it with our own credentials as they are."""

    account: str | None
    region: str
    fleets: tuple[Fleet, ...] = ()


def wards_of(fleets: Iterable[Fleet], *, regions: Iterable[str]) -> list[Ward]:
    """Return the places of the fleets and our own account's `regions`, sorted."""
    members: dict[tuple[str | None, str], list[Fleet]] = defaultdict(list)
    for fleet in fleets:
        members[fleet.account, fleet.region].append(fleet)
    for region in regions:
        members.setdefault((None, region), [])
    return [
        Ward(account=account, region=region, fleets=tuple(members[account, region]))
        for account, region in sorted(members, key=lambda key: (key[0] or "", key[1]))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """Everything a check in a place needs."""

    ward: Ward
    place: Place
    identity: Identity
    now_utc: datetime
    clients: Clients
    attempts: Attempts
    deployment: str
    push_role: PushRole | None
    storage: Storage | None
    guardrails: GuardrailSettings


def examine_place(
    clients: Clients,
    ward: Ward,
    *,
    own: Identity,
    deployment: str,
    push_role: PushRole | None = None,
    storage: Storage | None = None,
    guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS,
) -> list[Finding]:
    """Return everything found in one place; a place that does not answer gives one finding.

    `storage` is the lake's, where manifests of Kubernetes targets stand; None where it does not work. `guardrails` are
    those for all fleets.
    """
    patient = ImpatientClients(clients, is_own=ward.account is None)
    place = Place(account=ward.account or own.account, region=ward.region)
    caller = read_caller(patient, region=ward.region, account=ward.account)
    if caller.identity is None or caller.cloud_utc is None:
        return [caller_finding(str(place), _with_fleets(caller, ward.fleets))]
    visit = _Visit(
        ward=ward,
        place=place,
        identity=caller.identity,
        now_utc=caller.cloud_utc,
        clients=patient,
        attempts=Attempts(patient),
        deployment=deployment,
        push_role=push_role,
        storage=storage,
        guardrails=guardrails,
    )
    findings = [caller_finding(str(place), caller)]
    for topic, check in (
        (Topic.PERMISSIONS, _permissions),
        (Topic.PUSH, _push_role),
        (Topic.TARGETS, _targets),
        (Topic.METRICS, _metrics),
        (Topic.QUOTAS, _quotas),
    ):
        findings += standing_alone(topic, str(place), check, visit)
    findings += [
        unknown(Topic.PERMISSIONS, str(place), f"{item.lost}: {item.operation}: {item.cause}", remedy=SEE_OTHERS)
        for item in visit.attempts.unread
    ]
    return findings


def _with_fleets(caller: Caller, fleets: Sequence[Fleet]) -> Caller:
    names = f" (fleets there: {', '.join(fleet.id for fleet in fleets)})" if fleets else ""
    return replace(caller, cause=f"{caller.cause or 'without a Date header'}{names}")


def _permissions(visit: _Visit) -> Iterator[Finding]:
    probes = probes_of_place(visit.place, visit.ward.fleets, identity=visit.identity, now_utc=visit.now_utc)
    yield from permission_findings(str(visit.place), try_reading(visit.clients, visit.place, probes))


def _push_role(visit: _Visit) -> Iterator[Finding]:
    if visit.push_role is None or not visit.ward.fleets:
        return
    place = visit.place
    caller = read_caller(visit.push_role.clients, region=place.region, account=place.account)
    may_write = any(fleet.mode in WRITING for fleet in visit.ward.fleets)
    yield push_role_finding(str(place), visit.push_role.arn_in(place.account), caller, may_write=may_write)


def _targets(visit: _Visit) -> Iterator[Finding]:
    for fleet in visit.ward.fleets:
        yield from standing_alone(Topic.TARGETS, fleet.id, _target, visit, fleet)
        yield from standing_alone(Topic.PUSH, fleet.id, _push, visit, fleet)


def _target(visit: _Visit, fleet: Fleet) -> list[Finding]:
    try:
        state = target_for(fleet, visit.clients, visit.storage).read(now_utc=visit.now_utc)
    except (ActuationError, SourceError) as error:
        return [unreadable_target_finding(fleet, str(error))]
    return target_findings(fleet, state, deployment=visit.deployment, guardrails=visit.guardrails)


def _push(visit: _Visit, fleet: Fleet) -> list[Finding]:
    if fleet.target.kind not in PUSHABLE:
        return []
    own = visit.identity.principal_arn
    principal_arn = visit.push_role.arn_in(visit.place.account) if visit.push_role else own
    if principal_arn is None:
        return [unsimulated_finding(fleet, "the account's root cannot be simulated")]
    try:
        resource = read_push_resource(visit.clients, fleet, visit.place)
        if resource is None:
            return []  # that it is not there is a finding already
        simulated = simulate_push(visit.clients, visit.place, principal_arn=principal_arn, resource=resource)
    except SourceError as error:
        return [unsimulated_finding(fleet, str(error))]
    return push_findings(fleet, tag_value=resource.tags.get(PUSH_TAG[0]), simulated=simulated)


def _metrics(visit: _Visit) -> Iterator[Finding]:
    if not visit.ward.fleets:
        return
    now_utc = floor_hour(visit.now_utc)
    rows, failures = read_metrics(
        visit.clients, visit.ward.fleets, Window(now_utc - RECENT, now_utc), period_seconds=SECONDS_PER_HOUR
    )
    newest = _newest_by_fleet(rows)
    with_gpus = _gpus_by_fleet(visit)
    unread_before = len(visit.attempts.unread)
    published = read_gpu_metrics(visit.attempts, visit.place) if with_gpus else frozenset()
    is_list_known = len(visit.attempts.unread) == unread_before
    for fleet in visit.ward.fleets:
        own = newest.get(fleet.id, {})
        if fleet.id in failures:
            yield unread_finding(fleet, failures[fleet.id])
        else:
            is_gpu = fleet.id in with_gpus
            yield from metric_findings(fleet, newest_utc=own, now_utc=visit.now_utc, is_gpu_expected=is_gpu)
        if fleet.id in with_gpus:
            known = published if is_list_known else None
            yield gpu_finding(fleet, gpu_count=with_gpus[fleet.id], has_samples=GPU_METRIC in own, published=known)


def _newest_by_fleet(rows: pa.Table) -> Mapping[str, Mapping[str, datetime]]:
    newest: dict[str, dict[str, datetime]] = defaultdict(dict)
    columns = (rows[name].to_pylist() for name in ("fleet_id", "metric", "timestamp_utc"))
    for fleet_id, metric, moment in zip(*columns, strict=True):
        newest[fleet_id][metric] = max(moment, newest[fleet_id].get(metric, moment))
    return newest


def _gpus_by_fleet(visit: _Visit) -> Mapping[str, int]:
    """Return how many GPUs or chips an instance has, for each fleet that has any."""
    names = {fleet.id: fleet.current_type.name for fleet in visit.ward.fleets}
    accelerators = read_accelerators(visit.attempts, visit.place, names.values())
    return {fleet_id: accelerators[name].count for fleet_id, name in names.items() if name in accelerators}


def _quotas(visit: _Visit) -> list[Finding]:
    return quota_findings(str(visit.place), read_quotas(visit.attempts, visit.place, visit.ward.fleets))
