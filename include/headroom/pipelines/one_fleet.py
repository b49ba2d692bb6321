"""Where one fleet's trouble ends: what its files, its target and its numbers may raise, and how that is told."""

import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from headroom.actuation.errors import ActuationError
from headroom.config.secrets import redact
from headroom.domain.fleet import Fleet
from headroom.extract.errors import SourceError
from headroom.lake.errors import LakeError
from headroom.pipelines.at_once import at_once
from headroom.pipelines.outcomes import Outcome, OutcomeStatus

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
_SAY_WHY: Final = (ActuationError, SourceError, LakeError)
"""Errors whose message names file or call, and what was expected."""
OF_ONE_FLEET: Final = (
    *_SAY_WHY,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What may come of one fleet in a chunk. It stops that fleet, which is then an outcome that failed, and no other.

Errors of the storage itself (botocore's, a full disk) are not among these: they are of every fleet, and a task that
raises them is tried again.
"""


def told(error: Exception) -> str:
    """Return an error of one fleet in words; of one that does not say enough by itself the log has the rest."""
    if isinstance(error, _SAY_WHY):
        return redact(error) or type(error).__name__
    _log.warning("a fleet failed for a reason that nobody foresaw", exc_info=error)
    return redact(f"{type(error).__name__}: {error}")


def at_each(
    work: Callable[[Fleet], Answer], fleets: Iterable[Fleet], *, step: str
) -> tuple[dict[str, Answer], list[Outcome]]:
    """Return `work` of each fleet by its id, done for many at once, and how `step` failed of each that has none."""

    def of_one(fleet: Fleet) -> tuple[str, Answer] | Outcome:
        try:
            return fleet.id, work(fleet)
        except OF_ONE_FLEET as error:
            return Outcome(step=step, subject=fleet.id, status=OutcomeStatus.FAILED, cause=told(error))

    found = at_once(of_one, fleets)
    failed = [item for item in found if isinstance(item, Outcome)]
    return dict(item for item in found if not isinstance(item, Outcome)), failed
