"""Read calls that may fail: what failed is noted with what it leaves unknown, and the reading goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from headroom.domain.account import Place, Unread
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, describe_failure

Result = TypeVar("Result")


@dataclass(slots=True)
class Attempts:
    """Gives clients of places; keeps every failure in `unread`."""

    clients: Clients
    unread: list[Unread] = field(default_factory=list)

    def client(self, service: str, place: Place) -> Any:  # noqa: ANN401, boto3 makes client classes at run time
        """Return the client of a service in a place; SourceError where the account cannot be entered."""
        return self.clients.client(service, region=place.region, account=place.account)

    def rows(
        self,
        place: Place,
        service: str,
        operation: str,
        key: str,
        *,
        lost: str,
        **arguments: object,
    ) -> list[Any]:
        """Return what stands under `key` on every page of `operation`; empty, and noted, where it fails.

        `operation` is named as boto3 names it (describe_policies), `lost` says what is then unknown.
        """

        def read() -> list[Any]:
            client = self.client(service, place)
            if not client.can_paginate(operation):
                return list(getattr(client, operation)(**arguments).get(key) or [])
            pages = client.get_paginator(operation).paginate(**arguments)
            return [row for page in pages for row in page.get(key) or []]

        return self.value(place, f"{service} {operation}", read, lost=lost, otherwise=[])

    def value(
        self, place: Place | None, operation: str, read: Callable[[], Result], *, lost: str, otherwise: Result
    ) -> Result:
        """Return what `read` returns; `otherwise`, with the failure noted, where the cloud refuses or is silent."""
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            cause = describe_failure(error)
        except SourceError as error:
            cause = str(error)
        self.unread.append(Unread(place=place, operation=operation, cause=cause, lost=lost))
        return otherwise
