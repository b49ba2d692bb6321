"""A cause is told once while it lasts, and its end once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.incidents import Failure, note_failure, note_success

AT_SIX = datetime(2026, 11, 18, 6, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LocalStorage(tmp_path))


def failure(hour: int = 5, *, cause: str = "no answer", task: str = "push_chunk", day: int = 18) -> Failure:
    window = f"2026-11-{day}T{hour:02}:00:00"
    return Failure(dag_id="scale_ahead", task_id=task, window=window, cause=cause)


def told(lake: Lake, what: Failure, *, hours: float = 0) -> str:
    incident = note_failure(lake, what, now_utc=AT_SIX + timedelta(hours=hours))
    if incident is None:
        return "nothing"
    return "new" if incident.is_new else f"since {incident.since_utc:%H:%M}, {incident.count} times"


def closed(lake: Lake, hour: int) -> list[str]:
    return [item.task_id for item in note_success(lake, dag_id="scale_ahead", window=f"2026-11-18T{hour:02}:00:00")]


def test_a_cause_is_told_once_however_many_chunks_and_hours_it_hits(lake: Lake) -> None:
    assert told(lake, failure()) == "new"
    assert told(lake, failure()) == "nothing"  # another chunk of the same run
    assert [told(lake, failure(hour), hours=hour - 5) for hour in range(6, 12)] == ["nothing"] * 6


def test_a_cause_that_lasts_a_day_is_told_again_with_its_beginning(lake: Lake) -> None:
    told(lake, failure())
    told(lake, failure(6), hours=1)
    assert told(lake, failure(5, day=19), hours=24) == "since 06:00, 3 times"


def test_another_cause_of_the_same_task_is_told_with_since_when_it_fails(lake: Lake) -> None:
    told(lake, failure())
    assert told(lake, failure(6, cause="access denied"), hours=1) == "since 06:00, 2 times"
    assert told(lake, failure(7, cause="no answer"), hours=2) == "nothing"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("no sample since 2026-11-18T05:00:00+00:00", "no sample since 2026-11-18T06:00:00+00:00"),
        (
            "HTTP 500 (request 6c1f0e7a-8d3b-4c55-9f3e-0a1b2c3d4e5f)",
            "HTTP 500 (request 00000000-8d3b-4c55-9f3e-0a1b2c3d4e5f)",
        ),
        ("2 of 9 failed: push of chat: no", "2 of 10 failed: push of chat: no"),
        ("closed at 05:00Z", "closed at 06:00Z"),
    ],
)
def test_moments_counts_and_request_ids_make_no_new_cause(lake: Lake, first: str, again: str) -> None:
    told(lake, failure(cause=first))
    assert told(lake, failure(6, cause=again), hours=1) == "nothing"


def test_another_fleet_is_another_cause_even_if_only_its_number_differs(lake: Lake) -> None:
    told(lake, failure(cause="1 of 9 failed: push of chat-1: no"))
    assert told(lake, failure(6, cause="1 of 9 failed: push of chat-2: no"), hours=1) != "nothing"


def test_what_a_person_started_without_a_window_is_always_told(lake: Lake) -> None:
    by_hand = Failure(dag_id="rollback_scaling", task_id="roll_back", window=None, cause="no such push")
    assert [told(lake, by_hand), told(lake, by_hand)] == ["new", "new"]


def test_a_good_run_closes_what_failed_and_the_next_failure_is_new(lake: Lake) -> None:
    told(lake, failure(5))
    told(lake, failure(5, task="refit_chunk"))
    assert closed(lake, 6) == ["push_chunk", "refit_chunk"]
    assert closed(lake, 7) == []
    assert told(lake, failure(8), hours=3) == "new"


def test_the_run_itself_cleared_and_run_again_closes_its_failure(lake: Lake) -> None:
    told(lake, failure(5))
    assert closed(lake, 5) == ["push_chunk"]


def test_a_good_run_about_the_past_proves_nothing(lake: Lake) -> None:
    told(lake, failure(5))
    assert closed(lake, 4) == []


def test_a_run_that_ends_well_but_late_does_not_end_the_lateness(lake: Lake) -> None:
    told(lake, failure(5, task="deadline"))
    assert closed(lake, 5) == []
    assert told(lake, failure(6, task="deadline"), hours=1) == "nothing"
    assert closed(lake, 6) == []
    assert closed(lake, 7) == ["deadline"]


def test_the_last_task_of_a_run_is_silent_where_the_failed_task_has_said_it(lake: Lake) -> None:
    told(lake, failure(cause="the lake is full"))
    leaf = failure(task="check_outcomes", cause="1 of 9 failed: 3-push-chunk=02 of scale_ahead: the lake is full")
    assert told(lake, leaf) == "nothing"
    assert told(lake, failure(task="check_outcomes", cause="tasks failed, see their logs: push_chunk")) == "nothing"


def test_the_last_task_of_a_run_tells_what_no_task_has_said(lake: Lake) -> None:
    told(lake, failure(cause="the lake is full"))
    both = "2 of 9 failed: 3-push-chunk=02 of scale_ahead: the lake is full; forecast of chat: no hour is known"
    assert told(lake, failure(task="check_outcomes", cause=both)) == "new"


def test_the_last_task_of_a_run_tells_of_a_fleet_whose_outcome_is_bad(lake: Lake) -> None:
    assert told(lake, failure(task="check_outcomes", cause="1 of 9 failed: push of chat: access denied")) == "new"
