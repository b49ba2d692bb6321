"""A small model of IAM's decision: what the policies of a role say about an action. Pure.

Kept: Allow and Deny, wildcards in actions and resources, and the conditions StringEquals and StringLike. Anything else
in a statement is refused when the policy is read, so that no policy seems to allow what AWS would not.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]
_KNOWN_KEYS = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})
_KNOWN_TESTS = frozenset({"StringEquals", "StringLike"})


class Decision(StrEnum):
    """As SimulatePrincipalPolicy words it."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


class PolicyError(ValueError):
    """A policy says something this model does not know; the message says what."""


def check_document(document: Document) -> None:
    """Raise PolicyError for a statement that this model cannot judge."""
    for statement in _statements(document):
        unknown = set(statement) - _KNOWN_KEYS
        if unknown:
            raise PolicyError(f"the sandbox's IAM knows no {min(unknown)} in a statement")
        tests = set(statement.get("Condition", {})) - _KNOWN_TESTS
        if tests:
            raise PolicyError(f"the sandbox's IAM knows no condition {min(tests)}")


def decide(documents: Iterable[Document], *, action: str, resource: str | None, context: Mapping[str, str]) -> Decision:
    """Return what the policies say; a `resource` of None is one that is not known, and fits every statement.

    >>> read = {"Statement": {"Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*"}}
    >>> decide([read], action="ecs:DescribeServices", resource=None, context={}).value
    'allowed'
    >>> decide([read], action="ecs:UpdateService", resource=None, context={}).value
    'implicitDeny'
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _statements(document)
        if _fits(statement, action=action, resource=resource, context=context)
    }
    if "Deny" in effects:
        return Decision.EXPLICIT_DENY
    return Decision.ALLOWED if "Allow" in effects else Decision.IMPLICIT_DENY


def _statements(document: Document) -> list[Mapping[str, Any]]:
    return _listed(document.get("Statement", []))


def _fits(statement: Mapping[str, Any], *, action: str, resource: str | None, context: Mapping[str, str]) -> bool:
    # IAM's actions are compared without regard to case, its resources with it.
    if not any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in _listed(statement.get("Action", []))):
        return False
    patterns = [str(pattern) for pattern in _listed(statement.get("Resource", "*"))]
    if resource is not None and not any(fnmatchcase(resource, pattern) for pattern in patterns):
        return False
    conditions = statement.get("Condition", {})
    return all(
        _is_met(test, context.get(key), _listed(wanted))
        for test, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _is_met(test: str, found: str | None, wanted: list[Any]) -> bool:
    if found is None:
        return False
    if test == "StringLike":
        return any(fnmatchcase(found, str(pattern)) for pattern in wanted)
    return found in [str(value) for value in wanted]


def _listed(value: Any) -> list[Any]:  # noqa: ANN401, JSON: one or a list of them
    return value if isinstance(value, list) else [value]
