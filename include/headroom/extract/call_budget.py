"""How often a task may call the control planes of one account and region, so that others' calls are not throttled.

AWS counts each API's calls per account and region, everybody's together: Auto Scaling and Application Auto Scaling have
a limit each for all their calls, at rates that are not published
(https://repost.aws/knowledge-center/autoscaling-api-calls-throttled). ECS publishes its own, reads of clusters at 20 a
second (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/request-throttling.html). Botocore's adaptive
retries slow down once AWS throttles, which is when others are refused as well; a budget keeps us below.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from headroom.config.sources import CALL_RATES

BURST_SECONDS: Final = 2.0
"""A bucket holds what its rate allows in this time: the reads that a task begins with need not be spread."""


class TokenBucket:
    """Lets one call through for each token; `per_second` tokens come, `BURST_SECONDS` of them are kept.

    Callers are let through in the order they came. `seconds` is a clock that only goes forward, `sleep` waits.
    """

    def __init__(
        self,
        per_second: float,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._tokens = self._most
        self._seconds = seconds
        self._sleep = sleep
        self._filled_at = seconds()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Return when a call may be made."""
        with self._lock:
            now = self._seconds()
            self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            self._tokens -= 1.0
            wait = -self._tokens / self._per_second  # a token that is still to come is taken in advance
        if wait > 0.0:
            self._sleep(wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBudget:
    """The buckets of a task, one for each account, region and service; services without a rate have none."""

    per_second: Mapping[str, float] = field(default_factory=lambda: CALL_RATES)
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _buckets: dict[tuple[str | None, str, str], TokenBucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def has(self, service: str) -> bool:
        """Whether calls of `service` are counted at all."""
        return service in self.per_second

    def bucket(self, service: str, *, region: str, account: str | None) -> TokenBucket | None:
        """Return the bucket that calls of `service` share; `account` None is that of our own credentials."""
        rate = self.per_second.get(service)
        if rate is None:
            return None
        with self._lock:
            key = (account, region, service)
            if key not in self._buckets:
                self._buckets[key] = TokenBucket(rate, seconds=self.seconds, sleep=self.sleep)
            return self._buckets[key]
