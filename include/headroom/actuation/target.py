"""What a scaling target can do, whatever its kind: be read, take our actions, give them up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from headroom.domain.scaling import Action, ScalingApi, TargetState


class Clients(Protocol):
    """Gives boto3 clients with retries and timeouts set, for a region and, where roles are assumed, an account."""

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:  # noqa: ANN401, boto3 clients have no static type
        """Return the client of `service`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFailure:
    """An action the cloud would not take or give up, with its reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """A write call that was made: for which actions, and AWS's id of the request, empty where no answer came."""

    operation: str
    names: tuple[str, ...]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """What came of write calls: names that went through, names that did not, and the calls that were tried."""

    applied: tuple[str, ...] = ()
    failures: tuple[ActionFailure, ...] = ()
    calls: tuple[WriteCall, ...] = ()

    @property
    def write_calls(self) -> int:
        """How many write calls were tried."""
        return len(self.calls)

    def __add__(self, other: "ApplyResult") -> "ApplyResult":
        return ApplyResult(
            applied=self.applied + other.applied,
            failures=self.failures + other.failures,
            calls=self.calls + other.calls,
        )


def not_tried(names: Sequence[str], reason: str) -> ApplyResult:
    """Return the result of no call: all of `names` failed, for `reason`."""
    return ApplyResult(failures=tuple(ActionFailure(name=name, reason=reason) for name in names))


BeforeCall = Callable[[], None]
"""Raises ActuationError where the write call that is about to be made must not be made any more."""


class ScalingTarget(Protocol):
    """One fleet's scaling target. Reading raises ActuationError; writing returns its failures, so none is lost.

    `before_call` is asked before every single write call; once it raises, nothing more is written.
    """

    @property
    def fleet_id(self) -> str:
        """The fleet it scales."""
        ...

    @property
    def api(self) -> ScalingApi:
        """The API that keeps its scheduled actions."""
        ...

    @property
    def max_actions(self) -> int:
        """Scheduled actions it can hold, the owner's included."""
        ...

    def read(self, *, now_utc: datetime) -> TargetState:
        """Return what stands there; raise ActuationError when it cannot be read or is not there."""
        ...

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:
        """Create or wholly replace `actions`, in order, in batches as large as the API takes."""
        ...

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:
        """Delete the actions named, in order; one that is already gone counts as deleted."""
        ...


def read_as_of_its_end(target: ScalingTarget, clock: Callable[[], datetime], *, now_utc: datetime) -> TargetState:
    """Return what stands at the target, as of the cloud's clock read after it; raise ActuationError where either fails.

    By a clock from before, an action of ours that has run meanwhile would not be due yet, and what it set be taken for
    an edit of the owner's.
    """
    state = target.read(now_utc=now_utc)
    return replace(state, read_at_utc=max(now_utc, clock()))


def read_pages(call: Callable[..., dict[str, Any]], key: str, **arguments: object) -> list[dict[str, Any]]:
    """Return the items under `key` of every page of a describe call that pages by NextToken."""
    items: list[dict[str, Any]] = []
    token: str | None = None
    while True:
        page = call(**arguments, **({"NextToken": token} if token else {}))
        items.extend(page.get(key, []))
        token = page.get("NextToken")
        if not token:
            return items
