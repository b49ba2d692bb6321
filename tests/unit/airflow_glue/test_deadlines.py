"""A deadline counts from the close of the window, by the decision table below."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.models import DagRun
from airflow.serialization.decoders import decode_deadline_reference
from airflow.serialization.encoders import encode_deadline_reference
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from headroom.actuation.ledger import STALE_AFTER
from headroom.airflow_glue import deadlines
from headroom.airflow_glue.deadlines import PAST_AFTER, WindowClosed, counts_from

PLUGINS_FOLDER = Path(__file__).resolve().parents[3] / "plugins"
CLOSED = datetime(2026, 11, 18, 6, tzinfo=UTC)
KEY = "2026-11-18T05:00:00"


@pytest.mark.parametrize(
    ("key", "is_scheduled", "made", "base"),
    [
        # In time, or late because its scheduler was down: the hour closed when it closed.
        (KEY, True, CLOSED + timedelta(minutes=1), CLOSED),
        (KEY, True, CLOSED + timedelta(hours=5), CLOSED),
        # Followers of the newest hours, too; those of a backfill are about the past.
        (KEY, False, CLOSED + timedelta(minutes=4), CLOSED),
        (KEY, False, CLOSED + timedelta(hours=3), CLOSED + timedelta(hours=3)),
        # By hand without a key, and of a sandbox whose clock is ahead of ours.
        (None, False, CLOSED, CLOSED),
        (KEY, True, CLOSED - timedelta(days=9), CLOSED - timedelta(days=9)),
    ],
)
def test_what_a_deadline_counts_from(key: str | None, is_scheduled: bool, made: datetime, base: datetime) -> None:  # noqa: FBT001, a table
    assert counts_from(key, window_hours=1, is_scheduled=is_scheduled, now_utc=made) == base


def test_a_days_window_closes_at_the_next_midnight() -> None:
    made = datetime(2026, 11, 18, 0, 30, tzinfo=UTC)
    counted = counts_from("2026-11-17T00:00:00", window_hours=24, is_scheduled=True, now_utc=made)
    assert counted == datetime(2026, 11, 18, tzinfo=UTC)


def test_what_is_past_is_so_for_deadlines_and_pushes_alike() -> None:
    assert PAST_AFTER == STALE_AFTER


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    runs = [("scale_ahead", "one", KEY, "scheduled"), ("scale_ahead", "two", None, "manual")]
    with engine.begin() as connection:
        connection.exec_driver_sql("create table dag_run (dag_id text, run_id text, partition_key text, run_type text)")
        connection.exec_driver_sql("insert into dag_run values (?, ?, ?, ?)", runs)
    with Session(engine) as session:
        yield session
    engine.dispose()


def evaluated(session: Session, run_id: str) -> datetime | None:
    reference = decode_deadline_reference(encode_deadline_reference(WindowClosed(window_hours=1)))
    answer: datetime | None = reference.evaluate_with(
        session=session, interval=timedelta(minutes=10), dag_id="scale_ahead", run_id=run_id
    )
    return answer


def test_the_scheduler_reads_the_runs_key_through_the_registered_plugin(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"dag_id", "run_id", "partition_key", "run_type"} <= set(DagRun.__table__.columns.keys())
    monkeypatch.syspath_prepend(str(PLUGINS_FOLDER))  # as Airflow does
    monkeypatch.setattr("airflow.plugins_manager.get_deadline_references_plugins", known_references)
    monkeypatch.setattr(deadlines, "_now", lambda: CLOSED + timedelta(minutes=3))
    assert evaluated(session, "one") == CLOSED + timedelta(minutes=10)
    assert evaluated(session, "two") == CLOSED + timedelta(minutes=13)
    assert evaluated(session, "gone") is None


def known_references() -> dict[str, type]:
    """What Airflow makes of the plugin's list (airflow.plugins_manager.get_deadline_references_plugins)."""
    from headroom_deadlines import HeadroomDeadlines  # noqa: PLC0415, plugins are on the path of Airflow alone

    return {f"{known.__module__}.{known.__qualname__}": known for known in HeadroomDeadlines.deadline_references}
