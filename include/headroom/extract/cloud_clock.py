"""The cloud's clock: what is past and what is to come is decided by it, never by this machine's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, answering

Result = TypeVar("Result")


def first_answer(regions: Iterable[str], ask: Callable[[str], Result]) -> Result:
    """Return what `ask` returns for the first region that answers; SourceError with every cause where none does."""
    causes = []
    for region in regions:
        try:
            return ask(region)
        except SourceError as error:
            causes.append(str(error))
    raise SourceError("; ".join(causes))


def read_cloud_clock_utc(clients: Clients, *, region: str) -> datetime:
    """Return the Date header of an STS GetCallerIdentity response, to the second; SourceError where there is none."""
    source = f"STS GetCallerIdentity in {region}"
    with answering(source):
        response = clients.client("sts", region=region).get_caller_identity()
    try:
        return date_of(response)
    except ValueError as error:
        raise SourceError(f"{source} answered {error}") from error


def date_of(response: Mapping[str, Any]) -> datetime:
    """Return the Date header of a botocore response, a refusal's too; ValueError where there is none that can be read.

    The message goes on from "answered".
    """
    headers = {name.lower(): value for name, value in response["ResponseMetadata"].get("HTTPHeaders", {}).items()}
    date = headers.get("date")
    if date is None:
        raise ValueError("without a Date header: the cloud's clock is unknown")
    try:
        moment = parsedate_to_datetime(date)
    except ValueError as error:
        raise ValueError(f"with the Date {date!r}, which is no HTTP date") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
