"""Talks to a running sandbox's control endpoints (`/_sandbox/...`): its clock, its call log, its faults.

The AWS side of the sandbox is reached with boto3 and AWS_ENDPOINT_URL as any cloud; here only `client` does that.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

SANDBOX_REGION = "us-east-1"
SANDBOX_ACCOUNT = "123456789012"
REQUEST_TIMEOUT_SECONDS = 300.0
"""Advancing by weeks simulates every minute of them."""


@cache
def _session() -> Any:  # noqa: ANN401, boto3 ships no types
    """One session: each new one would read botocore's data files again."""
    return boto3.session.Session()


class SandboxControlError(RuntimeError):
    """The sandbox refused a control request; the message is the sandbox's own."""


class SandboxControl:
    """The control endpoints of the sandbox at `url` (http://127.0.0.1:PORT); `region` is its scenario's home."""

    def __init__(self, url: str, *, region: str = SANDBOX_REGION) -> None:
        self.url = url.rstrip("/")
        self.region = region

    def clock(self) -> datetime:
        """Return the sandbox's now."""
        return datetime.fromisoformat(self._request("GET", "clock")["now_utc"])

    def set_clock(self, now_utc: datetime) -> dict[str, Any]:
        """Let the sandbox's time pass until `now_utc`; return its new now and the scheduled actions it executed.

        Raises SandboxControlError where `now_utc` lies before the sandbox's now: time does not go back.
        """
        return self._request("POST", "clock", {"now_utc": now_utc.isoformat()})

    def advance(self, span: timedelta | float) -> dict[str, Any]:
        """Let the sandbox's time pass by `span` (a number counts seconds); returns what `set_clock` does."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
        return self._request("POST", "clock", {"advance_seconds": seconds})

    def calls(
        self, *, service: str | None = None, operation: str | None = None, is_write: bool | None = None
    ) -> list[dict[str, Any]]:
        """Return the AWS calls answered so far, oldest first, as `headroom.sandbox.calls.Call` has them."""
        calls: list[dict[str, Any]] = self._request("GET", "calls")["calls"]
        return [
            call
            for call in calls
            if (service is None or call["service"] == service)
            and (operation is None or call["operation"] == operation)
            and (is_write is None or call["is_write"] == is_write)
        ]

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        self._request("DELETE", "calls")

    def add_fault(self, **fault: str | float | bool | None) -> None:
        """Make coming AWS calls fail; the keys are the fields of `headroom.sandbox.faults.Fault`."""
        self._request("POST", "faults", fault)

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that still wait for a call."""
        faults: list[dict[str, Any]] = self._request("GET", "faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._request("DELETE", "faults")

    def limit_launches(self, fleet_id: str, most_instances: int | None) -> None:
        """Let the cloud have no more than so many instances for a fleet; None lifts it."""
        self._request("POST", "shortages", {"fleet_id": fleet_id, "most_instances": most_instances})

    def fleets(self) -> list[dict[str, Any]]:
        """Return the fleets with their target, baseline and present capacity."""
        fleets: list[dict[str, Any]] = self._request("GET", "fleets")["fleets"]
        return fleets

    def executed_actions(self) -> list[dict[str, Any]]:
        """Return every scheduled action that came due so far, executed, failed or missed, oldest first."""
        executed: list[dict[str, Any]] = self._request("GET", "executed")["executed"]
        return executed

    def environment(self) -> dict[str, str]:
        """Return the variables that send a process's AWS calls to this sandbox (its credentials are made up)."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def client(
        self, service: str, *, region: str | None = None, max_attempts: int = 1, access_key: str = "admin"
    ) -> Any:  # noqa: ANN401, boto3 ships no types
        """Return a boto3 client of this sandbox; by default it does not retry, so that a fault is seen once.

        It may do everything in the home account; `access_key` makes it somebody else (headroom.sandbox.api_access).
        """
        return _session().client(
            service,
            region_name=region or self.region,
            endpoint_url=self.url,
            aws_access_key_id=access_key,
            aws_secret_access_key="sandbox",  # noqa: S106, made up: the sandbox checks no signature
            config=Config(
                retries={"total_max_attempts": max_attempts, "mode": "standard"},
                connect_timeout=5,
                read_timeout=60,
                proxies={},
                s3={"addressing_style": "path"},
            ),
        )

    def _request(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310, the sandbox's own http address
            f"{self.url}/_sandbox/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            message = json.loads(error.read() or b"{}").get("error", str(error))
            raise SandboxControlError(message) from error
        return answer
