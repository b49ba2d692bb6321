"""The log of AWS calls that the sandbox answered, for tests that must know who wrote what."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

MAX_CALLS = 200_000
"""Older calls are forgotten, so that a sandbox left running does not grow without end."""

READ_PREFIXES = (
    *("Describe", "Get", "List", "Head", "Select", "Search", "Lookup", "BatchGet"),
    *("AssumeRole", "Decode", "Simulate"),
)


def is_write_operation(operation: str) -> bool:
    """Tell whether an AWS operation changes something, by its name.

    >>> is_write_operation("BatchPutScheduledUpdateGroupAction"), is_write_operation("GetMetricData")
    (True, False)
    """
    return not operation.startswith(READ_PREFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answered call: `at` is the sandbox's clock, `status` the HTTP status, None where the connection was cut."""

    service: str
    operation: str
    is_write: bool
    at: datetime
    status: int | None
    detail: str = ""
    """bucket/key of a call to S3, what was done to a call that a fault spoiled; empty for all others."""
    caller: str = ""
    """ARN of who made it, as CloudTrail would have it; empty where the credentials were not looked at."""


class CallLog:
    """The calls in the order they were answered; the caller holds the sandbox's lock."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    def record(self, call: Call) -> None:
        """Append a call."""
        self._calls.append(call)

    def calls(self) -> list[Call]:
        """Return the calls, oldest first."""
        return list(self._calls)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
