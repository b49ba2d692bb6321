"""Clients that ask a service that stayed silent no second time: a region that is down costs one wait, not hundreds."""

from typing import Any

from botocore.exceptions import BotoCoreError, ConnectionError, HTTPClientError  # noqa: A004, botocore's own name

from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError

SILENCES = (ConnectionError, HTTPClientError)
"""What botocore raises where nobody answers: no such host, refused, timed out, cut off."""


class ImpatientClients:
    """Clients of one place. After a service gave no answer, its client is refused with SourceError.

    With `is_own` every account named is taken for our own: the one that tasks enter with their credentials as they are.
    """

    def __init__(self, clients: Clients, *, is_own: bool) -> None:
        self._clients = clients
        self._is_own = is_own
        self._silent: dict[tuple[str, str], str] = {}
        self._watched: set[int] = set()

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:  # noqa: ANN401, as in Clients
        """Return the client; SourceError where the service gave no answer before."""
        silence = self._silent.get((service, region))
        if silence is not None:
            raise SourceError(f"{service} in {region} did not answer before ({silence})")
        client = self._clients.client(service, region=region, account=None if self._is_own else account)
        if id(client) not in self._watched:
            self._watched.add(id(client))

            def note(exception: BaseException, **_: object) -> None:
                if isinstance(exception, SILENCES) and isinstance(exception, BotoCoreError):
                    self._silent[service, region] = type(exception).__name__

            client.meta.events.register("after-call-error", note)
        return client
