"""Findings about access: credentials, clock, permissions, quotas."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from headroom.domain.account import Caller, MachineQuota, SimulatedAction, TriedCall, TriedResult
from headroom.domain.fleet import Fleet, Mode
from headroom.onboarding.findings import Finding, Topic, ok, problem, unknown, warning

SKEW_WARNING_SECONDS: Final = 60
SKEW_PROBLEM_SECONDS: Final = 300
"""AWS refuses a request signed more than five minutes off (Signature Version 4, request expiry, 2026-11)."""
PUSH_TAG: Final = ("headroom", "managed")
WRITING: Final = frozenset({Mode.APPROVE, Mode.AUTO})
READ_POLICY: Final = "docs/iam/read.json"
PUSH_POLICY: Final = "docs/iam/push.json"

_HOW_TO_CONNECT: Final = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
_LOG_IN: Final = "log in anew (aws sso login), or use a role that renews itself"
_WHICH_KEY: Final = "look which key this shell has, and whether the machine's clock is right"
_ACCOUNT: Final = "check account in fleets.yaml, and aws.role_arn in sources.yaml for accounts that are not your own"
_TRUST: Final = "allow sts:AssumeRole on the role of aws.role_arn, and these credentials in the role's trust policy"
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(
        ("NoCredentialsError", "PartialCredentialsError"), ("there are no AWS credentials", _HOW_TO_CONNECT)
    ),
    "ProfileNotFound": ("the AWS profile is not there", _HOW_TO_CONNECT),
    "CredentialRetrievalError": ("no AWS credentials could be had", _HOW_TO_CONNECT),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRetrievalError", "SSOTokenLoadError"),
        ("the AWS credentials have expired", _LOG_IN),
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"),
        ("the AWS credentials are refused", _WHICH_KEY),
    ),
    "SourceError": ("cannot be entered", _ACCOUNT),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException"), ("cannot be entered", _TRUST)),
}
"""What AWS's or botocore's error means at the first question to a place, and what to do."""


def caller_finding(place: str, caller: Caller) -> Finding:
    """Return who we are in a place, or why it cannot be asked: nothing else of the place is known then."""
    if caller.identity is not None:
        arn = caller.identity.arn
        if arn.endswith(":root"):
            remedy = f"use a role with {READ_POLICY}"
            return warning(Topic.CREDENTIALS, place, f"these credentials are the account's root, {arn}", remedy=remedy)
        return ok(Topic.CREDENTIALS, place, f"these credentials are {arn}")
    if caller.error_code in _REFUSALS:
        text, remedy = _REFUSALS[caller.error_code]
        return problem(Topic.CREDENTIALS, place, f"{text}: {caller.cause}", remedy=remedy)
    remedy = "check region in fleets.yaml, and the way to its endpoints (proxy, VPC endpoints); then run this again"
    text = f"does not answer, nothing there was looked at: {caller.cause}"
    return unknown(Topic.CREDENTIALS, place, text, remedy=remedy)


def clock_finding(*, cloud_utc: datetime, here_utc: datetime, is_local_cloud: bool, keeps_manual_time: bool) -> Finding:
    """Compare this machine's clock with the cloud's.

    With HEADROOM_CLOCK=manual no run starts by this machine's clock, so a cloud may keep any time it likes.
    """
    skew = (here_utc - cloud_utc).total_seconds()
    side = "ahead of" if skew > 0 else "behind"
    text = f"this machine's clock is {abs(skew):.0f} s {side} the cloud's ({cloud_utc:%Y-%m-%dT%H:%M:%SZ})"
    if abs(skew) < SKEW_WARNING_SECONDS:
        return ok(Topic.CLOCK, "clock", text)
    if keeps_manual_time:
        return ok(Topic.CLOCK, "clock", f"{text}, and no run starts by it: HEADROOM_CLOCK is manual")
    if is_local_cloud:
        remedy = "set HEADROOM_CLOCK=manual for a local cloud that keeps its own time"
        return warning(Topic.CLOCK, "clock", f"{text}: runs would ask for hours it has not seen", remedy=remedy)
    remedy = "synchronise it (chrony or systemd-timesyncd), on every machine that runs tasks"
    if abs(skew) >= SKEW_PROBLEM_SECONDS:
        return problem(Topic.CLOCK, "clock", f"{text}: AWS refuses what is signed with it", remedy=remedy)
    return warning(Topic.CLOCK, "clock", text, remedy=remedy)


_LOOK_AT_NETWORK: Final = "look at the network and at the health of AWS, then run this again"


def permission_findings(place: str, tried: Sequence[TriedCall]) -> list[Finding]:
    """Return a finding for each call that was denied, and one for each cause of calls that were not answered."""
    findings = []
    for call in tried:
        if call.result is TriedResult.DENIED:
            make, loss = (problem, "runs need it") if call.is_for_tasks else (warning, "discover and doctor see less")
            remedy = f"allow {call.action} ({READ_POLICY})"
            findings.append(
                make(Topic.PERMISSIONS, place, f"{call.action} is denied, {loss}: {call.cause}", remedy=remedy)
            )
    for cause, actions in _by_cause(tried).items():
        text = f"{', '.join(actions)} could not be tried: {cause}"
        findings.append(unknown(Topic.PERMISSIONS, place, text, remedy=_LOOK_AT_NETWORK))
    if not findings:
        findings.append(ok(Topic.PERMISSIONS, place, f"all {len(tried)} read calls of {READ_POLICY} are permitted"))
    return findings


def _by_cause(tried: Iterable[TriedCall]) -> Mapping[str, list[str]]:
    causes: dict[str, list[str]] = {}
    for call in tried:
        if call.result is TriedResult.FAILED:
            causes.setdefault(call.cause, []).append(call.action)
    return causes


def push_findings(fleet: Fleet, *, tag_value: str | None, simulated: Sequence[SimulatedAction]) -> list[Finding]:
    """Return what IAM's simulator says of a fleet's pushes, with the tag that the policy asks for where it is missing.

    A fleet whose mode writes nothing may lack both.
    """
    key, value = PUSH_TAG
    denied = [f"{item.action} ({item.decision})" for item in simulated if item.decision != "allowed"]
    if not denied:
        return [ok(Topic.PUSH, fleet.id, "IAM's simulator permits the calls that a push makes")]
    untagged = "" if tag_value == value else f", and its target has no tag {key}={value}"
    text = f"{', '.join(denied)} would be refused{untagged}"
    remedy = f"attach {PUSH_POLICY}" + (f" and tag the target {key}={value}" if untagged else "")
    if fleet.mode in WRITING:
        return [problem(Topic.PUSH, fleet.id, text, remedy=remedy)]
    return [
        ok(
            Topic.PUSH,
            fleet.id,
            f"{text}; mode {fleet.mode} writes nothing",
            remedy=f"{remedy} before its mode may write",
        )
    ]


def unsimulated_finding(fleet: Fleet, cause: str) -> Finding:
    """Return that nobody knows whether a push would be permitted."""
    return unknown(
        Topic.PUSH,
        fleet.id,
        f"whether a push would be permitted is unknown: {cause}",
        remedy=f"allow iam:SimulatePrincipalPolicy ({READ_POLICY}), or see by the first push",
    )


def quota_findings(place: str, quotas: Iterable[MachineQuota]) -> list[Finding]:
    """Return whether the account would give all fleets of a place their maximum at once."""
    return [_quota(place, quota) for quota in quotas]


def _quota(place: str, quota: MachineQuota) -> Finding:
    fleets = ", ".join(quota.fleet_ids)
    if quota.limit_vcpus is None:
        needed = f"{fleets} at max_instances need {quota.needed_vcpus} vCPUs"
        text = f"{quota.name}: the limit is unknown ({quota.cause}); {needed}"
        remedy = f"allow servicequotas:GetServiceQuota ({READ_POLICY}), or look in Service Quotas"
        return unknown(Topic.QUOTAS, place, text, remedy=remedy)
    text = f"{quota.name}: {quota.limit_vcpus:g} vCPUs, {fleets} at max_instances need {quota.needed_vcpus}"
    if quota.needed_vcpus > quota.limit_vcpus:
        remedy = "ask for an increase in Service Quotas, or lower bounds.max_instances"
        return warning(Topic.QUOTAS, place, text, remedy=remedy)
    return ok(Topic.QUOTAS, place, text)
