"""The cloud's clock comes from a response's Date header, or not at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.extract.fake_aws import FakeClients, client_error

from headroom.extract.cloud_clock import read_cloud_clock_utc
from headroom.extract.errors import SourceError


class Sts:
    def __init__(self, headers: dict[str, str] | Exception) -> None:
        self._headers = headers

    def get_caller_identity(self) -> dict[str, Any]:
        if isinstance(self._headers, Exception):
            raise self._headers
        return {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": self._headers}}


def clock(headers: dict[str, str] | Exception) -> datetime:
    return read_cloud_clock_utc(FakeClients({"sts": Sts(headers)}), region="us-east-1")


@pytest.mark.parametrize("name", ["date", "Date"])
def test_the_date_header_is_the_clock(name: str) -> None:
    assert clock({name: "Wed, 18 Nov 2026 06:05:00 GMT"}) == datetime(2026, 11, 18, 6, 5, tzinfo=UTC)


def test_a_date_in_another_zone_is_the_same_moment() -> None:
    assert clock({"date": "Wed, 18 Nov 2026 08:05:00 +0200"}) == datetime(2026, 11, 18, 6, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "answered without a Date header: the cloud's clock is unknown"),
        ({"date": "soon"}, "answered with the Date 'soon', which is no HTTP date"),
        (client_error("ExpiredToken", "The token has expired", status=403), "did not answer: ExpiredToken"),
    ],
)
def test_no_clock_is_an_error_and_never_this_machines_time(headers: Any, expected: str) -> None:
    with pytest.raises(SourceError, match=f"STS GetCallerIdentity in us-east-1 {expected}"):
        clock(headers)
