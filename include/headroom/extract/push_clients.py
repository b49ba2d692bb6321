"""Clients that read with one role and write with another, so that what reads every hour can change nothing."""

from typing import Any, Final

from botocore.exceptions import BotoCoreError

from headroom.extract.clients import BotoClients, Clients
from headroom.extract.errors import SourceError

_READING: Final = ("describe_", "get_", "list_", "can_paginate", "meta", "exceptions")
"""What a boto3 client's names of calls that change nothing begin with; all else is a write."""


class NotEnteredError(BotoCoreError):  # type: ignore[misc] # botocore has no types
    """The account to write in was not entered: found out at a write, it ends that push as every failed call does."""

    fmt = "{cause}"


class PushClients:
    """Gives clients whose reads go out as `reading` and whose writes by the role of `writing`.

    The role is entered at the first write, in the fleet's account, or where it names none in our own credentials'.
    """

    def __init__(self, *, reading: Clients, writing: BotoClients) -> None:
        self._reading = reading
        self._writing = writing

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:  # noqa: ANN401, as in Clients
        """Return the client of both roles."""
        return _TwoRoles(self, service, region=region, account=account)

    def reading(self, service: str, *, region: str, account: str | None) -> Any:  # noqa: ANN401, as above
        """Return the client that reads."""
        return self._reading.client(service, region=region, account=account)

    def writing(self, service: str, *, region: str, account: str | None) -> Any:  # noqa: ANN401, as above
        """Return the client that writes; NotEnteredError where its account is not told or cannot be entered."""
        try:
            entered = account or self._writing.own_account(region=region)
            return self._writing.client(service, region=region, account=entered)
        except SourceError as error:
            raise NotEnteredError(cause=str(error)) from error


class _TwoRoles:
    """One service's client: each call by the role that is meant for it."""

    def __init__(self, clients: PushClients, service: str, *, region: str, account: str | None) -> None:
        self._clients = clients
        self._service = service
        self._region = region
        self._account = account
        self._reads = clients.reading(service, region=region, account=account)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401, as above
        if name.startswith(_READING):
            return getattr(self._reads, name)
        return getattr(self._clients.writing(self._service, region=self._region, account=self._account), name)
