"""The cloud's clock: what is past and what is to come is decided by it, never by this machine's."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, answering


def read_cloud_clock_utc(clients: Clients, *, region: str) -> datetime:
    """Return the Date header of an STS GetCallerIdentity response, to the second; SourceError where there is none."""
    source = f"STS GetCallerIdentity in {region}"
    with answering(source):
        response = clients.client("sts", region=region).get_caller_identity()
    headers = {name.lower(): value for name, value in response["ResponseMetadata"].get("HTTPHeaders", {}).items()}
    date = headers.get("date")
    if date is None:
        raise SourceError(f"{source} answered without a Date header: the cloud's clock is unknown")
    try:
        moment = parsedate_to_datetime(date)
    except ValueError as error:
        raise SourceError(f"{source} answered with the Date {date!r}, which is no HTTP date") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
