"""The budget of calls, with a clock that stands until somebody sleeps."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from headroom.extract.call_budget import CallBudget, TokenBucket
from headroom.extract.clients import BotoClients

HERE: dict[str, Any] = {"region": "us-east-1", "account": None}


@dataclass
class Clock:
    """Sleeping moves it at once, and is remembered."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def seconds(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def budget(clock: Clock, **rates: float) -> CallBudget:
    return CallBudget(per_second=rates, seconds=clock.seconds, sleep=clock.sleep)


def test_a_burst_passes_and_then_calls_come_at_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(10.0, seconds=clock.seconds, sleep=clock.sleep)
    for _ in range(20):
        bucket.take()
    assert clock.sleeps == []  # two seconds' worth are there
    for _ in range(30):
        bucket.take()
    assert clock.now == pytest.approx(3.0)  # 30 more at 10 a second


def test_what_was_not_used_is_kept_for_two_seconds_only() -> None:
    clock = Clock()
    bucket = TokenBucket(10.0, seconds=clock.seconds, sleep=clock.sleep)
    clock.now = 3600.0
    for _ in range(20):
        bucket.take()
    assert clock.sleeps == []
    bucket.take()
    assert clock.sleeps == [pytest.approx(0.1)]


def test_threads_share_a_bucket_and_wait_their_turn() -> None:
    # Sleeping moves no clock here, so each of the 12 waits for a token of its own after the 4 that were there.
    waits: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(seconds)

    shared = CallBudget(per_second={"autoscaling": 2.0}, seconds=lambda: 0.0, sleep=sleep)

    def call(_number: int) -> None:
        bucket = shared.bucket("autoscaling", **HERE)
        assert bucket is not None
        bucket.take()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(16)))
    assert sorted(waits) == [0.5 * number for number in range(1, 13)]


def test_accounts_regions_and_services_have_budgets_of_their_own() -> None:
    made = budget(Clock(), autoscaling=10.0, ecs=5.0)
    places = [
        ("autoscaling", "us-east-1", None),
        ("autoscaling", "us-east-1", "123456789012"),
        ("autoscaling", "eu-west-1", None),
        ("ecs", "us-east-1", None),
    ]
    buckets = [made.bucket(service, region=region, account=account) for service, region, account in places]
    assert len({id(bucket) for bucket in buckets}) == 4
    assert made.bucket("autoscaling", **HERE) is buckets[0]
    assert made.bucket("s3", **HERE) is None


def test_every_attempt_of_a_client_takes_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody answers there
    clock = Clock()
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    once = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=1, proxies={})
    clients = BotoClients(session, config=once, budget=budget(clock, autoscaling=1.0))
    for _ in range(5):
        with pytest.raises(EndpointConnectionError):
            clients.client("autoscaling", region="us-east-1").describe_policies()
    assert clock.now == pytest.approx(3.0)  # two at once, and three more at one a second
