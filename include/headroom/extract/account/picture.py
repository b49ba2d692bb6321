"""The whole picture of some places: targets, the metrics they publish, the account's exports."""

from collections.abc import Callable, Sequence

from headroom.domain.account import AccountPicture, FoundTarget, Place
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.endpoints import read_endpoints
from headroom.extract.account.exports import read_exports
from headroom.extract.account.groups import read_groups
from headroom.extract.account.machines import read_target_groups
from headroom.extract.account.metrics import read_metric_names
from headroom.extract.account.registrations import read_registrations
from headroom.extract.account.services import read_services
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, answering


def own_account(clients: Clients, *, region: str) -> str:
    """Return the account of our own credentials; SourceError where STS does not answer."""
    with answering(f"STS GetCallerIdentity in {region}"):
        return str(clients.client("sts", region=region).get_caller_identity()["Account"])


def read_account(
    clients: Clients, places: Sequence[Place], *, on_step: Callable[[str], None] = lambda _text: None
) -> AccountPicture:
    """Return what stands in `places`, read-only; what could not be read is in `unread`, and the rest goes on.

    A place that STS does not let us into, or that does not answer, is given up after that one question; SourceError
    where that is every place.

    `on_step` is told in words what is being read.
    """
    attempts = Attempts(clients)
    targets: list[FoundTarget] = []
    metrics = {}
    entered = [place for place in places if _can_enter(attempts, place)]
    if not entered:
        raise SourceError(f"nothing could be read: {attempts.unread[0].cause}")
    for place in entered:
        on_step(f"{place}: groups, services, endpoints")
        targets += _targets_of(attempts, place)
        on_step(f"{place}: metrics")
        metrics[place] = read_metric_names(attempts, place)
    exports = []
    for account in sorted({place.account for place in entered}):
        on_step(f"billing exports of {account}")
        exports += read_exports(attempts, account)
    return AccountPicture(
        targets=tuple(targets), metrics=metrics, exports=tuple(exports), unread=tuple(attempts.unread)
    )


def _can_enter(attempts: Attempts, place: Place) -> bool:
    """Ask who we are there, which needs no permission: a role that cannot be assumed or a dead region fails here."""

    def ask() -> bool:
        attempts.client("sts", place).get_caller_identity()
        return True

    return attempts.value(place, "sts get_caller_identity", ask, lost=f"everything in {place}", otherwise=False)


def _targets_of(attempts: Attempts, place: Place) -> list[FoundTarget]:
    links = read_target_groups(attempts, place)
    groups = read_groups(attempts, place, links)
    services = read_services(
        attempts,
        place,
        links=links,
        registrations=read_registrations(attempts, place, "ecs"),
        groups=groups,
    )
    endpoints = read_endpoints(attempts, place, read_registrations(attempts, place, "sagemaker"))
    return groups + services + endpoints
