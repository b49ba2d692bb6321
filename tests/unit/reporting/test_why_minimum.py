"""Why the owner's own bounds stand, in words: after a rollback the push undone is named, with who and why."""

import pytest
from tests.unit.actuation.fake_cloud import minutes
from tests.unit.actuation.planning import is_ours, request
from tests.unit.actuation.test_rollback import OLD, Desk

from headroom.actuation.in_force import in_force_at, in_order
from headroom.reporting.why_minimum import Why, event_text, why_in_force


@pytest.fixture
def desk() -> Desk:
    return Desk()


def why(desk: Desk) -> tuple[Why, str]:
    """Return why the minimum is what it is, and what the newest event says."""
    ledger, now = desk.ledger, desk.group.now
    events = in_order(event for push_id in ledger.pushes("chat-large") for event in ledger.events(push_id))
    found = in_force_at(events, now, is_ours=is_ours)
    assert found is not None
    return why_in_force(found.minimum, found, events), event_text(found.latest)


@pytest.mark.parametrize("seconds_a_call", [0, 2])
def test_a_push_that_was_rolled_back_is_named_and_not_the_rollback(desk: Desk, seconds_a_call: int) -> None:
    def take_time(_number: int, _operation: str) -> None:
        desk.group.now += minutes(seconds_a_call / 60)

    desk.group.after_call = take_time
    push_id = desk.push(request(OLD)).push_id
    rollback_id = desk.roll_back(push_id).push_id

    told, newest = why(desk)

    assert told.code == "rolled_back"
    assert f": push {push_id} was rolled back at 2026-11-18 06:05Z: by ada; too much" in told.text
    assert newest == f"push {rollback_id} took an earlier push back at 2026-11-18 06:05Z"
