"""Findings about a fleet's target: bounds, suspended schedules, other schedules and policies there, room for ours."""

import re
from collections import defaultdict
from typing import Final

from headroom.domain.fleet import Fleet, TargetKind
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.domain.scaling import ScalingApi, TargetState
from headroom.onboarding.access_findings import WRITING
from headroom.onboarding.findings import Finding, Topic, ok, problem, warning
from headroom.scheduling.guardrail_limits import limits_for
from headroom.scheduling.names import is_ours
from headroom.scheduling.quota import SCHEDULED_ACTIONS_PER_TARGET, actions_available, kept_free

FEW_ACTIONS: Final = 48
"""A plan of two days may change every hour."""
MOST_NAMED: Final = 3
_HEADROOMS: Final = re.compile(r"headroom-(?P<deployment>[a-z0-9]+)-(?P<fleet_id>.+)-[0-9]{8}T[0-9]{4}Z")


def unreadable_target_finding(fleet: Fleet, cause: str) -> Finding:
    """Return that a target cannot be read."""
    remedy = "check kind, name, account and region in fleets.yaml; ECS and SageMaker targets must be registered"
    if fleet.target.kind is TargetKind.KUBERNETES_DEPLOYMENT:
        remedy = "put the Deployment's ScaledObject, alone, into the file that target.manifest names"
    return problem(Topic.TARGETS, fleet.id, f"its target cannot be read: {cause}", remedy=remedy)


def target_findings(
    fleet: Fleet, state: TargetState, *, deployment: str, guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS
) -> list[Finding]:
    """Return what stands at a fleet's target that Headroom, or its owner, should know of.

    `guardrails` are those for all fleets; with the fleet's own they say how many actions are kept free.
    """
    findings = [_bounds(fleet, state)]
    if state.is_scheduled_scaling_suspended:
        findings.append(_suspended(fleet))
    if state.has_predictive_policy:
        text = "a predictive scaling policy acts on its own forecast here, and the larger of both holds"
        remedy = "set it to ForecastOnly once you trust the plans; until then savings are its, too"
        findings.append(warning(Topic.PREDICTIVE, fleet.id, text, remedy=remedy))
    findings += _other_actions(fleet, state, deployment)
    reserve = limits_for(guardrails, fleet.guardrails).reserved_actions
    return [*findings, _room(fleet, state, deployment, reserve=reserve)]


def _bounds(fleet: Fleet, state: TargetState) -> Finding:
    setting, wanted = state.setting, fleet.bounds.max_instances
    text = f"min {setting.min_instances}, max {setting.max_instances}, now {state.current_instances}"
    if setting.max_instances is not None and wanted > setting.max_instances:
        if state.api is ScalingApi.KEDA:
            why = f"bounds.max_instances is {wanted}, above its maxReplicaCount ({text}), where plans end"
            remedy = "raise maxReplicaCount in the manifest, unless that is what you want; a push never does"
            return warning(Topic.TARGETS, fleet.id, why, remedy=remedy)
        return warning(
            Topic.TARGETS,
            fleet.id,
            f"bounds.max_instances is {wanted}, above its target's own maximum ({text}): a push would raise that",
            remedy="lower bounds.max_instances, unless that is what you want",
        )
    return ok(Topic.TARGETS, fleet.id, f"its target stands at {text}")


def _suspended(fleet: Fleet) -> Finding:
    text = "scheduled actions are suspended at its target: none would run, and missed ones are not made up for"
    remedy = (
        "aws application-autoscaling register-scalable-target ... --suspended-state ScheduledScalingSuspended=false"
    )
    if fleet.target.kind is TargetKind.KUBERNETES_DEPLOYMENT:
        remedy = "take the annotation autoscaling.keda.sh/paused, or paused-replicas, out of the manifest"
    if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
        name = fleet.target.name
        remedy = (
            f"aws autoscaling resume-processes --auto-scaling-group-name {name} --scaling-processes ScheduledActions"
        )
    make = problem if fleet.mode in WRITING else warning
    return make(Topic.SUSPENDED, fleet.id, text, remedy=remedy)


def _other_actions(fleet: Fleet, state: TargetState, deployment: str) -> list[Finding]:
    owners: list[str] = []
    of_headrooms: dict[tuple[str, str], list[str]] = defaultdict(list)
    for action in state.actions:
        if is_ours(action, deployment=deployment, fleet_id=fleet.id):
            continue
        parsed = _HEADROOMS.fullmatch(action.name)
        if parsed is None:
            owners.append(action.name)
        else:
            of_headrooms[parsed["deployment"], parsed["fleet_id"]].append(action.name)
    findings = [
        problem(
            Topic.DEPLOYMENT,
            fleet.id,
            f"{len(names)} scheduled actions of Headroom's deployment {other!r} for its fleet {fleet_id!r} stand here, "
            f"this one is {deployment!r}: {_some(names)}",
            remedy="let one deployment and one fleet push to a target: roll the other back",
        )
        for (other, fleet_id), names in sorted(of_headrooms.items())
    ]
    if owners:
        text = f"{len(owners)} scheduled actions that are not ours stand here: {_some(owners)}"
        remedy = "none needed, plans go around them and they are never changed; delete those that our plans replace"
        findings.append(warning(Topic.OTHER_SCHEDULES, fleet.id, text, remedy=remedy))
    return findings


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(sorted(names)[:MOST_NAMED]) + more


def _room(fleet: Fleet, state: TargetState, deployment: str, *, reserve: int) -> Finding:
    free = actions_available(state, deployment=deployment, fleet_id=fleet.id, reserve=reserve)
    limit = SCHEDULED_ACTIONS_PER_TARGET[state.api]
    allows = "that a ScaledObject may have" if state.api is ScalingApi.KEDA else "that AWS allows at its target"
    text = f"{free} of the {limit} scheduled actions {allows} are left for us"
    if free < FEW_ACTIONS:
        kept = kept_free(state.api, reserve)
        remedy = f"delete old scheduled actions that are not ours; {kept} are kept free, plans get coarser"
        return warning(Topic.QUOTAS, fleet.id, text, remedy=remedy)
    return ok(Topic.QUOTAS, fleet.id, text)
