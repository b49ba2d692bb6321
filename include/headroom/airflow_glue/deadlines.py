"""From when a deadline counts: the close of the window that a run is about, not the moment it was queued.

The scheduler asks, so here, unlike in tasks, the metadata database is at hand. plugins/headroom_deadlines.py makes the
class known to it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from airflow.sdk.definitions.deadline import REFERENCE_TYPE_FIELD, BaseDeadlineReference

PAST_AFTER = timedelta(hours=2)
"""A window that closed longer before its run was made is past (headroom.actuation.ledger.STALE_AFTER): nobody waits."""


@dataclass(eq=False)
class WindowClosed(BaseDeadlineReference):
    """The end of the run's window, by its partition key; its creation for runs about the past or without a key."""

    window_hours: int = 1
    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:  # noqa: ANN401, SQLAlchemy's
        from airflow.models import DagRun  # noqa: PLC0415, only the scheduler has models
        from sqlalchemy import select  # noqa: PLC0415, as above

        wanted = select(DagRun.partition_key, DagRun.run_type).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        row = session.execute(wanted).one_or_none()
        if row is None:
            return None
        key, run_type = row
        return counts_from(key, window_hours=self.window_hours, is_scheduled=run_type == "scheduled", now_utc=_now())

    def serialize_reference(self) -> dict[str, Any]:
        """Return it as the metadata database keeps it."""
        return {REFERENCE_TYPE_FIELD: self.reference_name, "window_hours": self.window_hours}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> "WindowClosed":
        """Read what serialize_reference wrote."""
        return cls(window_hours=reference_data["window_hours"])


def counts_from(key: str | None, *, window_hours: int, is_scheduled: bool, now_utc: datetime) -> datetime:
    """Return the moment a run made at `now_utc` is measured from.

    A scheduled run is about the window that closed last, however late the scheduler makes it. Any other may be about
    the past, which nobody waits for: it is measured from its creation.
    """
    try:
        start = datetime.fromisoformat(key or "")
    except ValueError:
        return now_utc
    end = start.replace(tzinfo=start.tzinfo or UTC) + timedelta(hours=window_hours)
    is_newest = timedelta() <= now_utc - end and (is_scheduled or now_utc - end <= PAST_AFTER)
    return end if is_newest else now_utc


def _now() -> datetime:
    return datetime.now(UTC)
