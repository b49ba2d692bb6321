"""Findings about the two roles: what reads, and what writes to targets."""

from typing import Final

from headroom.domain.account import Caller
from headroom.onboarding.findings import Finding, Topic, ok, problem

_TRUST: Final = (
    "put the role there with docs/iam/push.json, allow sts:AssumeRole on it, and these credentials in its trust policy"
)


def roles_finding(file: str, *, read: str | None, push: str | None) -> Finding:
    """Return with which role pushes write; the same as reads is no fault, and said."""
    reads = read or "these credentials as they are"
    if push is not None and push != read:
        return ok(Topic.CONFIGURATION, file, f"pushes write as {push}, everything else reads as {reads}")
    return ok(
        Topic.CONFIGURATION,
        file,
        f"pushes write as what reads, {reads}: aws.push_role_arn names no role of its own",
        remedy="for a role that reads and can change nothing, give writes one of their own: aws.push_role_arn",
    )


def push_role_finding(place: str, role_arn: str, caller: Caller, *, may_write: bool) -> Finding:
    """Return whether the role that writes can be entered in a place; a fault only where a fleet's mode may write."""
    if caller.identity is not None:
        return ok(Topic.PUSH, place, f"pushes write as {caller.identity.arn}")
    text = f"{role_arn}, which pushes write with, cannot be entered: {caller.cause}"
    if may_write:
        return problem(Topic.PUSH, place, text, remedy=_TRUST)
    return ok(Topic.PUSH, place, f"{text}; no fleet's mode there writes", remedy=f"{_TRUST}, before a mode may write")
