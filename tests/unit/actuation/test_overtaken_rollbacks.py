"""A rollback's second try after the hour's push has come between: it goes on as what it is, the newest wish of all."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from tests.unit.actuation.fake_cloud import Killed, client_error, minutes
from tests.unit.actuation.planning import at, ec2, locks, ours_at, request
from tests.unit.actuation.test_push_is_killed_anywhere import LATER, NEW, NEW_PUSH, OLD_MINIMA, WORKS, World

from headroom.actuation.outcome import PushState
from headroom.actuation.request import PushRequest
from headroom.domain.ledger import LedgerState
from headroom.domain.scaling import Action


@pytest.fixture
def world() -> World:
    return WORKS["rollback"].begin(ec2)


def push_of_seven(world: World, wanted: Sequence[Action], ends: PushState) -> PushRequest:
    """Push at three past seven, and go on to ten past."""
    world.cloud.advance_to(at(7) + minutes(3))
    hour = request(wanted, window_end=at(7))
    assert world.push(hour).state is ends
    world.cloud.advance_to(at(7) + minutes(10))
    return hour


def fail_to_roll_back(world: World, *, before: datetime) -> str:
    """Fail two minutes before a time; return the rollback's id."""
    world.cloud.advance_to(before - minutes(2))

    def refuse(_number: int, operation: str) -> None:
        if not operation.startswith("describe"):
            raise client_error(operation, "Throttling")

    world.cloud.on_call = refuse
    failed = world.roll_back(NEW_PUSH.push_id, run_id="manual 1")
    world.revive()
    assert failed.state is PushState.FAILED
    return failed.push_id


def die_with_the_lock(world: World) -> None:
    """Die after the lock was taken and before anything was meant."""
    write = world.store.write_json_once

    def die(path: str, obj: object) -> bool:
        world.store.is_dead = world.store.is_dead or "rollback_intended" in path
        return write(path, obj)

    world.store.write_json_once = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        world.roll_back(NEW_PUSH.push_id, run_id="manual 1")
    world.store.write_json_once = write  # type: ignore[method-assign]
    world.revive()


def test_a_rollback_that_failed_and_was_overtaken_is_not_undone_by_the_hour_run_again(world: World) -> None:
    first = fail_to_roll_back(world, before=at(7))
    hour = push_of_seven(world, LATER, PushState.VERIFIED)

    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)

    assert (ended.state, ours_at(world.cloud)) == (PushState.ROLLED_BACK, OLD_MINIMA)
    assert ended.push_id != first
    assert world.ledger.states(first)[-1] is LedgerState.REPAIRED
    assert world.push(hour).state is PushState.PLANNED  # the hour run again
    assert ours_at(world.cloud) == OLD_MINIMA
    assert world.ledger.intents("chat-large", now_utc=world.cloud.now).half_done == ()


def test_one_overtaken_by_a_push_that_had_nothing_to_write_is_not_either(world: World) -> None:
    fail_to_roll_back(world, before=at(7))
    hour = push_of_seven(world, NEW, PushState.UNCHANGED)
    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)
    assert (ended.state, ours_at(world.cloud)) == (PushState.ROLLED_BACK, OLD_MINIMA)
    assert world.push(hour).state is PushState.PLANNED


def test_a_try_that_had_the_lock_and_meant_nothing_yet_lends_its_lock_and_not_its_moment(world: World) -> None:
    world.cloud.advance_to(at(6) + minutes(40))
    die_with_the_lock(world)
    hour = push_of_seven(world, NEW, PushState.UNCHANGED)  # the dead one's lock is over
    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)
    assert (ended.state, ours_at(world.cloud)) == (PushState.ROLLED_BACK, OLD_MINIMA)
    assert world.push(hour).state is PushState.PLANNED


def test_its_lock_is_taken_over_at_once(world: World) -> None:
    die_with_the_lock(world)
    world.cloud.advance_to(at(6) + minutes(10))
    assert world.push(request(LATER, window_end=at(6))).state is PushState.REFUSED
    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)
    assert (ended.state, ours_at(world.cloud)) == (PushState.ROLLED_BACK, OLD_MINIMA)


def test_one_that_nobody_has_overtaken_goes_on_under_its_id(world: World) -> None:
    first = fail_to_roll_back(world, before=at(6) + minutes(12))
    world.cloud.advance_to(at(6) + minutes(16))
    with locks(world.store, world.cloud).look("chat-large").hold("somebody"):
        assert world.push(request(LATER, window_end=at(6.25))).state is PushState.REFUSED
    ended = world.roll_back(NEW_PUSH.push_id, run_id="manual 1", is_second_try=True)
    assert (ended.state, ended.push_id) == (PushState.ROLLED_BACK, first)
    assert ended.whole is not None
