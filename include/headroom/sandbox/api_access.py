"""Who calls, and whether they may: credentials, STS's roles, IAM's simulator, refusals as AWS words them.

Access keys are not checked, they only say who somebody is: `admin` and `admin-<account>` may do everything in their
account, keys that AssumeRole handed out are that role, and every other key is the scenario's own caller. Role policies
stand in moto's IAM and are read at every call, so that PutRolePolicy works at once.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

import boto3

from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.api_target_schedules import target_of
from headroom.sandbox.api_target_tags import TargetTags
from headroom.sandbox.iam_policies import Decision, PolicyError, check_document, decide
from headroom.sandbox.moto_bridge import MotoBridge
from headroom.sandbox.world_interface import SandboxWorld

ADMIN_KEY = "admin"
SESSION = timedelta(hours=1)
IAM_PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
"""Where IAM's name of a service is not botocore's."""
S3_ACTIONS = {
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""AWS STS API Reference, AssumeRole, RoleSessionName."""
_JSON_DENIAL = "AccessDeniedException"
FREE_FOR_ALL = frozenset({"sts:GetCallerIdentity"})
"""AWS asks for no permission here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who signed a call: a role's session, or (`role` None) somebody who may do everything in the account."""

    account: str
    role: str | None
    session: str

    @property
    def arn(self) -> str:
        """As GetCallerIdentity names it."""
        if self.role is None:
            return f"arn:aws:iam::{self.account}:user/{self.session}"
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role}/{self.session}"


class AccessRefusedError(AwsError):
    """A refusal by who calls, with the HTTP status that goes with it: 403, but 400 from services that speak JSON."""

    def __init__(self, call: AwsCall, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = HTTPStatus.FORBIDDEN if _is_xml(call) else HTTPStatus.BAD_REQUEST


class Access:
    """The caller holds the sandbox's lock."""

    def __init__(self, *, world: SandboxWorld, moto: MotoBridge, target_tags: TargetTags) -> None:
        self._target_tags = target_tags
        self._world = world
        self._moto = moto
        self._sessions: dict[str, Principal] = {}

    def admit(self, call: AwsCall) -> None:
        """Say whose account the call is about; AwsError where it is unsigned, misdirected or not permitted."""
        principal = self._principal(call)
        call.account, call.caller = principal.account, principal.arn
        if call.region not in _regions():
            code = "SignatureDoesNotMatch" if _is_xml(call) else "InvalidSignatureException"
            raise AccessRefusedError(call, code, f"Credential should be scoped to a valid region, not '{call.region}'.")
        action = action_of(call)
        if principal.role is None or action in FREE_FOR_ALL:
            return
        resource, context = self._resource(call, action)
        decision = decide(
            self._policies(principal.account, principal.role), action=action, resource=resource, context=context
        )
        if decision is not Decision.ALLOWED:
            raise _denied(call, principal, action, decision)

    def check_policy(self, call: AwsCall) -> None:
        """Refuse an IAM policy that the sandbox could not judge."""
        text = call.parameters.get("PolicyDocument")
        try:
            check_document(json.loads(str(text)))
        except (ValueError, AttributeError) as error:
            raise AwsError("MalformedPolicyDocument", str(error)) from error
        except PolicyError as error:
            raise AwsError("MalformedPolicyDocument", str(error)) from error

    def get_caller_identity(self, call: AwsCall) -> Mapping[str, Any]:
        """GetCallerIdentity."""
        principal = self._principal(call)
        return {"Account": principal.account, "Arn": principal.arn, "UserId": f"AIDA:{principal.session}"}

    def assume_role(self, call: AwsCall) -> Mapping[str, Any]:
        """AssumeRole: the role must be there and trust the caller, whose own policies were asked before."""
        parameters, principal = call.parameters, self._principal(call)
        arn, session = str(parameters.get("RoleArn", "")), str(parameters.get("RoleSessionName", ""))
        account, name = arn.split(":")[4] if arn.count(":") >= 5 else "", arn.rpartition("/")[2]
        if _SESSION_NAME.fullmatch(session) is None:
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [\\w+=,.@-]* with 2 to 64 characters",
            )
        role = self._moto.iam_role(account, name)
        if role is None or not _is_trusted(json.loads(role.assume_role_policy_document), principal):
            raise _denied(call, principal, "sts:AssumeRole", Decision.IMPLICIT_DENY, resource=arn)
        digest = hashlib.sha256(f"{arn}/{session}/{len(self._sessions)}".encode()).hexdigest().upper()
        key = f"ASIA{digest[:16]}"
        assumed = Principal(account=account, role=name, session=session)
        self._sessions[key] = assumed
        # The caller's machine judges the end by its own clock, which may be far from the sandbox's.
        ends = max(self._world.now_utc, _wall_clock()) + SESSION
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": "sandbox",
                "SessionToken": "sandbox",
                "Expiration": ends,
            },
            "AssumedRoleUser": {"AssumedRoleId": f"AROA:{session}", "Arn": assumed.arn},
        }

    def simulate_principal_policy(self, call: AwsCall) -> Mapping[str, Any]:
        """SimulatePrincipalPolicy of a role, or of whoever may do everything."""
        parameters = call.parameters
        source = str(parameters.get("PolicySourceArn", ""))
        if source.split(":")[4:5] != [call.account]:
            raise AwsError("NoSuchEntity", f"{source} is in another account.")
        name = source.rpartition("/")[2]
        is_free = source == Principal(account=call.account, role=None, session=name).arn
        if not is_free and self._moto.iam_role(call.account, name) is None:
            raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.")
        context = {
            str(entry["ContextKeyName"]): str(entry["ContextKeyValues"][0])
            for entry in parameters.get("ContextEntries", [])
            if entry.get("ContextKeyValues")
        }
        policies = [] if is_free else self._policies(call.account, name)
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": (
                    Decision.ALLOWED if is_free else decide(policies, action=action, resource=resource, context=context)
                ).value,
            }
            for action in parameters.get("ActionNames", [])
            for resource in parameters.get("ResourceArns") or ["*"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    def _principal(self, call: AwsCall) -> Principal:
        scenario, key = self._world.scenario, call.access_key
        if not key:
            raise _unsigned(call)
        if key.startswith("ASIA"):
            if key not in self._sessions:
                raise AccessRefusedError(
                    call, "InvalidClientTokenId", "The security token included in the request is invalid."
                )
            return self._sessions[key]
        name, _, account = key.partition("-")
        if name == ADMIN_KEY:
            return Principal(account=account or scenario.account, role=None, session=ADMIN_KEY)
        role = scenario.caller_role
        return Principal(account=scenario.account, role=role, session="sandbox")

    def _policies(self, account: str, role: str) -> list[Mapping[str, Any]]:
        found = self._moto.iam_role(account, role)
        return [] if found is None else [json.loads(text) for text in found.policies.values()]

    def _resource(self, call: AwsCall, action: str) -> tuple[str | None, Mapping[str, str]]:
        """Return the resource's ARN, None where that is not looked at, and what conditions may ask of it."""
        if call.service == "s3":
            return "arn:aws:s3:::" + str(call.environ.get("PATH_INFO", "")).strip("/"), {}
        if action == "sts:AssumeRole":
            return str(call.parameters.get("RoleArn", "")), {}
        if call.service == "autoscaling":
            tags = self._moto.group_tags(call.place, str(call.parameters.get("AutoScalingGroupName", "")))
            return None, {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        if action in ("application-autoscaling:PutScheduledAction", "application-autoscaling:DeleteScheduledAction"):
            return None, self._target_context(call)
        return None, {}

    def _target_context(self, call: AwsCall) -> Mapping[str, str]:
        target = target_of(call)
        return {
            "application-autoscaling:service-namespace": target.namespace,
            "application-autoscaling:scalable-dimension": target.dimension,
            **{f"aws:ResourceTag/{key}": value for key, value in self._target_tags.of(target).items()},
        }


def action_of(call: AwsCall) -> str:
    """Return the IAM action of a call, such as `elasticloadbalancing:DescribeTargetGroups`."""
    operation = call.operation or str(call.environ.get("REQUEST_METHOD", "")).title()
    if call.service == "s3":
        operation = S3_ACTIONS.get(operation, operation)
    return f"{IAM_PREFIXES.get(call.service, call.service)}:{operation}"


def _is_xml(call: AwsCall) -> bool:
    return not call.environ.get("HTTP_X_AMZ_TARGET")


def _unsigned(call: AwsCall) -> AccessRefusedError:
    if call.service == "s3" and not call.environ.get("HTTP_X_AMZ_TARGET") and call.environ["REQUEST_METHOD"] != "POST":
        return AccessRefusedError(call, "AccessDenied", "Access Denied")
    return AccessRefusedError(call, "MissingAuthenticationToken", "Request is missing Authentication Token")


def _denied(
    call: AwsCall, principal: Principal, action: str, decision: Decision, *, resource: str | None = None
) -> AccessRefusedError:
    code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied" if _is_xml(call) else _JSON_DENIAL
    on = "" if resource is None else f" on resource: {resource}"
    why = (
        "with an explicit deny in an identity-based policy"
        if decision is Decision.EXPLICIT_DENY
        else f"because no identity-based policy allows the {action} action"
    )
    return AccessRefusedError(call, code, f"User: {principal.arn} is not authorized to perform: {action}{on} {why}")


def _is_trusted(document: Mapping[str, Any], principal: Principal) -> bool:
    """Tell whether a role's trust policy lets the principal in: by its role, or by its whole account."""
    role = f"arn:aws:iam::{principal.account}:role/{principal.role}" if principal.role else principal.arn
    wanted = {role, f"arn:aws:iam::{principal.account}:root", principal.account}
    for statement in document.get("Statement", []):
        named = statement.get("Principal", {}).get("AWS", [])
        if statement.get("Effect") == "Allow" and wanted & set(named if isinstance(named, list) else [named]):
            return True
    return False


def _wall_clock() -> datetime:
    return datetime.now(tz=UTC)


@cache
def _regions() -> frozenset[str]:
    return frozenset(boto3.session.Session().get_available_regions("ec2"))
