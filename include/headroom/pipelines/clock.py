"""The cloud's clock as tasks use it: what is past, and what has not closed yet, is decided by it."""

from datetime import datetime

from headroom.actuation.errors import ActuationError
from headroom.actuation.lock import Locks
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.extract.cloud_clock import first_answer, read_cloud_clock_utc
from headroom.extract.errors import SourceError
from headroom.pipelines.windows import WindowError
from headroom.pipelines.workspace import Workspace


def read_clock_utc(workspace: Workspace) -> datetime:
    """Return the cloud's clock from the first of the fleets' regions that answers; SourceError where none does."""
    regions = sorted({fleet.region for fleet in workspace.fleets}) or [workspace.home_region]
    return first_answer(regions, lambda region: read_cloud_clock_utc(workspace.clients, region=region))


def closed_at_utc(workspace: Workspace, window: Window) -> datetime:
    """Return the cloud's clock; raise WindowError where `window` has not ended by it.

    A window that is still open, or lies ahead, would be planned from data that is not there, and its push would pass
    over the pushes of every hour until then.
    """
    now_utc = read_clock_utc(workspace)
    check_closed(window, now_utc)
    return now_utc


def check_closed(window: Window, now_utc: datetime) -> None:
    """Raise WindowError where `window` has not ended by `now_utc`."""
    if window.end_utc > now_utc:
        raise WindowError(
            f"the window ends at {window.end_utc:%Y-%m-%dT%H:%MZ}, and the cloud's clock stands at "
            f"{now_utc:%Y-%m-%dT%H:%MZ}; expected a window that has ended",
        )


def locks_of(workspace: Workspace, fleet: Fleet) -> Locks:
    """Return the locks in the lake, going by the cloud's clock as the fleet's region has it."""

    def clock() -> datetime:
        try:
            return read_cloud_clock_utc(workspace.clients, region=fleet.region)
        except SourceError as error:
            raise ActuationError(str(error)) from error

    return Locks(store=workspace.lake, clock=clock)
