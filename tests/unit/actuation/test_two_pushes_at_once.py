"""Two threads push other plans to one target at the same moment: one writes, the other is refused, in every order."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, MemoryStore
from tests.unit.actuation.planning import (
    diff_actions,
    ec2,
    ecs,
    group,
    is_ours,
    locks,
    name_of,
    ours_at,
    plan,
    request,
)

from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.actuation.target import ScalingTarget
from headroom.domain.scaling import Action
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage

STANDING = plan((9, 5), restore_hour=29)
PLANS = {"early": plan((8, 8), (12, 4), restore_hour=30), "late": plan((9, 9), (13, 5), restore_hour=31)}
MINIMA = {"early": {"T0800": 8, "T1200": 4, "T0600": 2}, "late": {"T0900": 9, "T1300": 5, "T0700": 2}}


class Witness:
    """Who wrote, call by call, and a gate that lets the first calls of both go on together."""

    def __init__(self, cloud: FakeTarget) -> None:
        self.writers: list[int] = []
        self._gate = threading.Barrier(2, timeout=5)
        self._waited = threading.local()
        cloud.on_call = self._see

    def _see(self, _number: int, operation: str) -> None:
        if not getattr(self._waited, "is_over", False):
            self._waited.is_over = True
            self._gate.wait()
        if not operation.startswith("describe"):
            self.writers.append(threading.get_ident())


@dataclass
class Desk:
    """One target and one lake that both threads use, each with a ledger that keeps its listings, as tasks have it."""

    target_of: Callable[[FakeTarget], ScalingTarget]
    store: Any
    cloud: FakeTarget = field(default_factory=group)

    def push(self, wanted: tuple[Action, ...]) -> PushOutcome:
        return push_fleet(
            request(wanted),
            target=self.target_of(self.cloud),
            ledger=Ledger(self.store).keeping_listings(),
            locks=locks(self.store, self.cloud),
            now_utc=self.cloud.now,
        )

    def roll_back(self, push_id: str) -> PushOutcome:
        return rollback_push(
            RollbackRequest(push_id=push_id, diff=diff_actions, is_ours=is_ours, name_action=name_of),
            target=self.target_of(self.cloud),
            ledger=Ledger(self.store),
            locks=locks(self.store, self.cloud),
            now_utc=self.cloud.now,
        )

    def at_once(self, *works: Callable[[], PushOutcome]) -> tuple[PushOutcome, PushOutcome]:
        """Run both; return first the outcome of the one that was not refused."""
        witness = Witness(self.cloud)
        with ThreadPoolExecutor(max_workers=2) as pool:
            outcomes = list(pool.map(lambda work: work(), works))
        assert len(set(witness.writers)) == 1
        first, second = sorted(outcomes, key=lambda outcome: outcome.state is PushState.REFUSED)
        return first, second

    def states(self, push_id: str) -> list[str]:
        return [state.value for state in Ledger(self.store).states(push_id)]


@pytest.fixture(params=[*itertools.product(("ec2", "application"), ("memory", "disk"))], ids="-".join)
def new_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Desk]:
    api, where = request.param
    folders = (tmp_path / str(number) for number in itertools.count())
    return lambda: Desk(
        ecs if api == "application" else ec2,
        MemoryStore() if where == "memory" else Lake(LocalStorage(next(folders))),
    )


@pytest.mark.parametrize("_attempt", range(4))
def test_exactly_one_of_two_pushes_writes_and_its_plan_stands_whole(
    new_desk: Callable[[], Desk], _attempt: int
) -> None:
    desk = new_desk()
    winner, loser = desk.at_once(lambda: desk.push(PLANS["early"]), lambda: desk.push(PLANS["late"]))
    assert (winner.state, loser.state, loser.write_calls) == (PushState.VERIFIED, PushState.REFUSED, 0)
    assert loser.reasons[0].startswith("lock: ")
    name = next(name for name, wanted in PLANS.items() if request(wanted).push_id == winner.push_id)
    assert ours_at(desk.cloud) == MINIMA[name]
    assert desk.states(loser.push_id) == ["refused"]
    assert desk.states(winner.push_id) == ["baseline_captured", "intended", "applied", "verified"]
    desk.cloud.on_call = lambda _number, _operation: None
    assert desk.push(PLANS["late"]).state in (PushState.VERIFIED, PushState.UNCHANGED)
    assert ours_at(desk.cloud) == MINIMA["late"]


@pytest.mark.parametrize("_attempt", range(4))
def test_a_push_and_a_rollback_never_write_at_once(new_desk: Callable[[], Desk], _attempt: int) -> None:
    desk = new_desk()
    standing = desk.push(STANDING).push_id
    winner, loser = desk.at_once(lambda: desk.push(PLANS["early"]), lambda: desk.roll_back(standing))
    assert (loser.state, loser.write_calls) == (PushState.REFUSED, 0)
    assert ours_at(desk.cloud) == (MINIMA["early"] if winner.state is PushState.VERIFIED else {})
    assert winner.state in (PushState.VERIFIED, PushState.ROLLED_BACK)
    assert desk.states(loser.push_id) == ["refused"]
