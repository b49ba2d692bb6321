"""What can be taken back: pushes that wrote, newest first, with who, why and what became of them."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actuation.test_rollback import NEW, OLD, Desk, at, request

from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.actuation.outcome import PushState
from headroom.domain.fleet import Mode
from headroom.domain.recent_push import FleetPushes
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.pipelines.newest_report import LATEST_KEY
from headroom.pipelines.recent_pushes import recent_pushes

FLEET = "chat-large"
A_YEAR_LATER = date(2027, 11, 18)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LocalStorage(tmp_path))


@pytest.fixture
def desk(lake: Lake) -> Desk:
    made = Desk()
    made.ledger, made.locks = Ledger(lake), Locks(store=lake, clock=lambda: made.group.now)
    return made


@pytest.fixture
def shown(lake: Lake, desk: Desk) -> Callable[..., FleetPushes]:
    def show(*, most: int = 9, today: date | None = None) -> FleetPushes:
        (found,) = recent_pushes(lake, [FLEET], most=most, days=2, today=today or desk.group.now.date())
        return found

    return show


def test_pushes_that_wrote_stand_newest_first_with_what_they_did(desk: Desk, shown: Callable[..., FleetPushes]) -> None:
    first = desk.push(request(OLD, window_end=at(5))).push_id
    second = desk.push(request(NEW)).push_id
    newest, oldest = shown().pushes
    assert (newest.push_id, oldest.push_id) == (second, first)
    assert (oldest.created, oldest.replaced, oldest.deleted, oldest.ended) == (3, 0, 0, "verified")
    assert not newest.is_taken_back
    assert [push.push_id for push in shown(most=1).pushes] == [second]


def test_a_rollback_is_a_push_of_its_own_and_marks_the_other_with_who_and_why(
    desk: Desk, shown: Callable[..., FleetPushes]
) -> None:
    push_id = desk.push(request(OLD, window_end=at(5))).push_id
    rollback_id = desk.roll_back(push_id).push_id
    by_id = {push.push_id: push for push in shown().pushes}
    assert by_id[push_id].taken_back_by == "by ada: too much"
    assert by_id[push_id].ended == "verified"
    own = by_id[rollback_id]
    assert (own.rolls_back, own.who, own.why, own.ended) == (push_id, "ada", "too much", "rolled back")
    assert not own.is_taken_back  # and so can be rolled back itself


def test_a_push_whose_rollback_was_taken_back_can_be_taken_back_again(
    desk: Desk, shown: Callable[..., FleetPushes]
) -> None:
    push_id = desk.push(request(OLD, window_end=at(5))).push_id
    rollback_id = desk.roll_back(push_id).push_id
    again_id = desk.roll_back(rollback_id).push_id
    by_id = {push.push_id: push for push in shown().pushes}
    assert {name: push.is_taken_back for name, push in by_id.items()} == {
        push_id: False,
        rollback_id: True,
        again_id: False,
    }
    assert (by_id[push_id].ended, by_id[rollback_id].ended) == ("verified", "rolled back")


def test_what_was_taken_back_stays_so_when_its_hour_is_run_again(desk: Desk, shown: Callable[..., FleetPushes]) -> None:
    push_id = desk.push(request(OLD)).push_id
    desk.roll_back(push_id)
    assert desk.push(request(OLD)).state is PushState.PLANNED
    by_id = {push.push_id: push for push in shown().pushes}
    assert (by_id[push_id].taken_back_by, by_id[push_id].ended) == ("by ada: too much", "verified")
    writes = len(desk.group.write_calls)
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    assert len(desk.group.write_calls) == writes


def test_what_was_only_recommended_cannot_be_taken_back(desk: Desk, shown: Callable[..., FleetPushes]) -> None:
    desk.push(request(OLD, mode=Mode.RECOMMEND))
    assert shown().pushes == ()


def test_a_fleet_quiet_for_long_and_a_cloud_with_another_clock_are_shown_too(
    desk: Desk, lake: Lake, shown: Callable[..., FleetPushes]
) -> None:
    push_id = desk.push(request(OLD)).push_id
    assert [push.push_id for push in shown(today=A_YEAR_LATER).pushes] == [push_id]
    lake.write_json(LATEST_KEY, {"window": f"{desk.group.now:%Y-%m-%d}T05:00:00"})
    assert [push.push_id for push in shown(today=A_YEAR_LATER).pushes] == [push_id]


def test_a_damaged_ledger_is_named_and_stops_no_other_fleet(desk: Desk, lake: Lake, tmp_path: Path) -> None:
    push_id = desk.push(request(OLD)).push_id
    (tmp_path / f"ledger/fleet={FLEET}/push={push_id}/0003-verified.json").write_text("{}")
    damaged, other = recent_pushes(lake, [FLEET, "rerank"], most=3, days=2, today=desk.group.now.date())
    assert "0003-verified.json: expected an event of the ledger" in damaged.unreadable
    assert other == FleetPushes(fleet_id="rerank")


def to_itself(record: dict[str, Any]) -> None:
    record.update(detail={"by": record["push_id"]})


@pytest.mark.parametrize(
    ("state", "damage"),
    [
        ("intended", lambda record: record["detail"].update(create=5)),
        ("verified", lambda record: record.update(detail=[])),
        ("verified", lambda record: record.update(state="rolled_back", detail={"by": "yesterday"})),
        ("rolled_back", to_itself),
        ("rolled_back", lambda record: record.update(detail={"by": "yesterday"})),
    ],
)
def test_an_event_with_one_damaged_part_is_named_and_stops_no_other_fleet(
    desk: Desk, lake: Lake, tmp_path: Path, state: str, damage: Callable[[dict[str, Any]], object]
) -> None:
    push_id = desk.push(request(OLD)).push_id
    desk.roll_back(push_id)
    (file,) = (tmp_path / f"ledger/fleet={FLEET}/push={push_id}").glob(f"*-{state}.json")
    record = json.loads(file.read_text())
    damage(record)
    file.write_text(json.dumps(record))
    damaged, other = recent_pushes(lake, [FLEET, "rerank"], most=3, days=2, today=desk.group.now.date())
    assert f"push={push_id}" in damaged.unreadable or "'yesterday' is no push id" in damaged.unreadable
    assert other == FleetPushes(fleet_id="rerank")
