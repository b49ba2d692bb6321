"""Failures that a test asks for: errors, slow answers, connections that drop before or after the call was applied."""

from dataclasses import dataclass, fields, replace
from typing import Any

from headroom.sandbox.control_client import SandboxControlError

MAX_DELAY_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next `count` calls that it fits; empty fields fit every call.

    Without `status` and with `is_connection_dropped` False the call is answered as usual, only `delay_seconds` later.
    """

    service: str = ""
    """botocore's service name: autoscaling, application-autoscaling, cloudwatch, s3 ..."""
    operation: str = ""
    region: str = ""
    match: str = ""
    """Text that must stand in the request's path or (decoded) body, such as a group's name."""
    count: int | None = 1
    """How many calls it spoils; None spoils all until it is taken back."""
    delay_seconds: float = 0.0
    """How long the answer hangs, at most 120."""
    status: int | None = None
    """HTTP status of the error to answer with."""
    error_code: str = ""
    """AWS error code; by default one that goes with the status."""
    message: str = "a fault that was asked for at /_sandbox/faults"
    is_applied: bool = False
    """Whether the call is carried out before the error is answered or the connection is dropped."""
    is_connection_dropped: bool = False
    """Whether the connection is closed without any answer."""
    failing_items: int = 0
    """Of a batch put or delete of scheduled actions, the first so many items are reported as failed, unapplied."""

    def __post_init__(self) -> None:
        if not 0 <= self.delay_seconds <= MAX_DELAY_SECONDS:
            raise ValueError(f"delay_seconds must lie between 0 and {MAX_DELAY_SECONDS:g}, found {self.delay_seconds}")
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError(f"status must lie between 400 and 599, found {self.status}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be at least 1 or null, found {self.count}")

    @property
    def code(self) -> str:
        """The AWS error code to answer with."""
        if self.error_code:
            return self.error_code
        by_status = {400: "ValidationError", 403: "AccessDenied", 404: "ResourceNotFound", 429: "Throttling"}
        return by_status.get(self.status or 500, "ServiceUnavailable" if self.status == 503 else "InternalFailure")

    def fits(self, *, service: str, operation: str, region: str, text: str) -> bool:
        """Tell whether this fault is meant for that call."""
        return (
            (not self.service or self.service == service)
            and (not self.operation or self.operation == operation)
            and (not self.region or self.region == region)
            and self.match in text
        )


class Faults:
    """The faults that still wait for a call; the caller holds the sandbox's lock."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, body: dict[str, Any]) -> Fault:
        """Add a fault given as JSON; SandboxControlError for unknown keys or impossible values."""
        known = {field.name for field in fields(Fault)}
        unknown = sorted(set(body) - known)
        if unknown:
            raise SandboxControlError(f"unknown keys {unknown}; expected some of {sorted(known)}")
        try:
            fault = Fault(**body)
        except (TypeError, ValueError) as error:
            raise SandboxControlError(str(error)) from error
        self._waiting.append(fault)
        return fault

    def take(self, *, service: str, operation: str, region: str, text: str) -> Fault | None:
        """Return the first fault that fits the call and use it up by one."""
        for index, fault in enumerate(self._waiting):
            if fault.fits(service=service, operation=operation, region=region, text=text):
                if fault.count is not None and fault.count <= 1:
                    del self._waiting[index]
                elif fault.count is not None:
                    self._waiting[index] = replace(fault, count=fault.count - 1)
                return fault
        return None

    def waiting(self) -> list[Fault]:
        """Return the faults that still wait, oldest first."""
        return list(self._waiting)

    def clear(self) -> None:
        """Take all back."""
        self._waiting.clear()
