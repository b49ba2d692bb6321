"""The process dies before or after any single file that a push, a rollback or a withdrawal writes to the lake.

An earlier push was left half done days before, so that the folders looked at each hour no longer hold it. Whatever
happened, once later hours' runs ended well nothing in the ledger is left unfinished, and running again adds nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from tests.unit.actuation.fake_cloud import Killed, minutes
from tests.unit.actuation.planning import at, ec2, plan, request
from tests.unit.actuation.test_push_is_killed_anywhere import World

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.ledger import is_unfinished
from headroom.actuation.outcome import PushOutcome, PushState

LATE: Final = 72
"""Hours after the push that was left half done."""
HALF_DONE: Final = request(plan((9, 9), (LATE + 20, 8), restore_hour=LATE + 40))
WANTED: Final = plan((LATE + 9, 7), restore_hour=LATE + 30)


def later(world: World, hour: float) -> PushOutcome:
    """Push what is wanted in the hour that closed at `hour`."""
    world.cloud.advance_to(at(hour) + minutes(5))
    return world.push(request(WANTED, window_end=at(hour)))


def withdraw(world: World) -> PushOutcome:
    world.cloud.advance_to(at(LATE + 6) + minutes(5))
    world.cloud.sizes["MinSize"] = 5
    return later(world, LATE + 6)


def roll_back(world: World) -> PushOutcome:
    world.cloud.advance_to(at(LATE + 6) + minutes(5))
    return world.roll_back(HALF_DONE.push_id)


@dataclass(frozen=True)
class Work:
    run: Callable[[World], PushOutcome]
    ends: PushState


WORKS = {
    "push": Work(lambda world: later(world, LATE + 6), PushState.VERIFIED),
    "rollback": Work(roll_back, PushState.ROLLED_BACK),
    "withdrawal": Work(withdraw, PushState.PAUSED),
}


def begin() -> World:
    world = World(ec2)
    world.die_at(5, "on_call")  # its restore is put
    with pytest.raises(Killed):
        world.push(HALF_DONE)
    world.revive()
    return world


def die_at_file(world: World, number: int, *, is_after: bool) -> list[str]:
    """Die at the n-th file from now on; return the paths as they are written."""
    write, paths = world.store.write_json_once, []

    def counted(path: str, obj: object) -> bool:
        paths.append(path)
        if len(paths) != number:
            return write(path, obj)
        if is_after:
            write(path, obj)
        world.store.is_dead = True
        raise Killed

    world.store.write_json_once = counted  # type: ignore[method-assign]
    return paths


def count_files(work: Work) -> int:
    world = begin()
    paths = die_at_file(world, 0, is_after=False)
    assert work.run(world).state is work.ends
    return len(paths)


FILES = {name: count_files(work) for name, work in WORKS.items()}
"""The lock, intent, what was applied, the earlier one repaired, its own good end, the lock released; a rollback's mark
and an owner's edit besides."""
DEATHS = [
    pytest.param(name, number, is_after, id=f"{name}-{number}-{'after' if is_after else 'before'}")
    for name, count in FILES.items()
    for number in range(1, count + 1)
    for is_after in (False, True)
]


def test_there_are_files_enough_to_die_at() -> None:
    assert FILES == {"push": 6, "rollback": 7, "withdrawal": 7}


@pytest.mark.parametrize(("name", "number", "is_after"), DEATHS)
def test_nothing_in_the_ledger_is_left_unfinished(name: str, number: int, *, is_after: bool) -> None:
    world = begin()
    write = world.store.write_json_once
    die_at_file(world, number, is_after=is_after)
    with pytest.raises(Killed):
        WORKS[name].run(world)
    world.store.write_json_once = write  # type: ignore[method-assign]
    world.revive()

    for hour in (7, 8):
        ended = later(world, LATE + hour)
        if ended.state is PushState.PAUSED:
            confirm_baseline("chat-large", ledger=world.ledger, now_utc=world.cloud.now, confirmed_by="ada")

    unfinished = [
        push_id for push_id in world.ledger.pushes("chat-large") if is_unfinished(world.ledger.states(push_id))
    ]
    assert unfinished == []
    files = set(world.store.files)
    later(world, LATE + 8)
    assert set(world.store.files) == files
