"""A rollback scales in where nobody else would: Application Auto Scaling has no desired setting, and here no policy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.unit.actuation.fake_cloud import FakeTarget, MemoryStore, minutes
from tests.unit.actuation.planning import action, add_foreign, at, ecs, group, is_ours, locks, name_of, request
from tests.unit.actuation.test_push_state_machine import diff

from headroom.actuation.ledger import Ledger
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.rollback import RollbackRequest, rollback_push
from headroom.domain.scaling import Action, ActionPurpose


def pinching(*raises: tuple[float, int], restore_hour: float) -> tuple[Action, ...]:
    """Return a plan as the scheduling makes it where only a low maximum scales in; the owner has 2 of 2 to 20."""
    restore = action(at(restore_hour), 2, 2, purpose=ActionPurpose.RESTORE)
    release = action(at(restore_hour) + minutes(5), 2, 20, purpose=ActionPurpose.RESTORE)
    return (*(action(at(hour), count, count) for hour, count in raises), restore, release)


@dataclass
class Desk:
    cloud: FakeTarget = field(default_factory=group)
    store: MemoryStore = field(default_factory=MemoryStore)

    def push(self, wanted: Sequence[Action], *, hour: float) -> str:
        pushed = push_fleet(
            replace(request(tuple(wanted), window_end=at(hour)), diff=diff),
            target=ecs(self.cloud),
            ledger=Ledger(self.store),
            locks=locks(self.store, self.cloud),
            now_utc=self.cloud.now,
        )
        assert pushed.state is PushState.VERIFIED
        return pushed.push_id

    def roll_back(self, push_id: str) -> PushOutcome:
        return rollback_push(
            RollbackRequest(push_id=push_id, diff=diff, is_ours=is_ours, name_action=name_of),
            target=ecs(self.cloud),
            ledger=Ledger(self.store),
            locks=locks(self.store, self.cloud),
            now_utc=self.cloud.now,
        )

    @property
    def stands(self) -> tuple[int, int, int]:
        sizes = self.cloud.sizes
        return sizes["MinSize"], sizes["MaxSize"], sizes["DesiredCapacity"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_push_rolled_back_gives_the_owners_count_back_and_then_the_owners_bounds(desk: Desk) -> None:
    push_id = desk.push(pinching((7, 15), (12, 9), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    assert desk.stands == (15, 15, 15)
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.cloud.advance_to(at(7) + minutes(33))  # 07:30 plus two minutes
    assert desk.stands == (2, 2, 2)
    desk.cloud.advance_to(at(7) + minutes(38))
    assert desk.stands == (2, 20, 2)
    assert desk.cloud.actions == {}


def test_asked_again_while_the_maximum_is_low_it_is_still_released(desk: Desk) -> None:
    push_id = desk.push(pinching((7, 15), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    desk.roll_back(push_id)
    desk.cloud.advance_to(at(7) + minutes(33))
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.cloud.advance_to(at(8))
    assert desk.stands == (2, 20, 2)


@pytest.mark.parametrize("next_minute", [33, 37, 40])
def test_the_release_undoes_no_raise_of_before_that_is_to_come(desk: Desk, next_minute: int) -> None:
    soon = 7 + next_minute / 60
    desk.push(pinching((soon, 8), restore_hour=30), hour=5)
    push_id = desk.push(pinching((7, 15), restore_hour=31), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.cloud.advance_to(at(7) + minutes(32))
    assert desk.stands[:1] == (2,)
    desk.cloud.advance_to(at(8))
    assert desk.stands == (8, 8, 8)
    desk.cloud.advance_to(at(30) + minutes(6))
    assert desk.stands == (2, 20, 2)


def test_where_a_policy_scales_the_bounds_alone_are_given_back(desk: Desk) -> None:
    desk.cloud.policies = [{"PolicyType": "TargetTrackingScaling"}]
    push_id = desk.push((action(at(7), 15, 20), action(at(30), 2, 20, purpose=ActionPurpose.RESTORE)), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    desk.roll_back(push_id)
    assert [item["sizes"]["MinSize"] for item in desk.cloud.actions.values()] == [2]
    desk.cloud.advance_to(at(8))
    assert desk.stands == (2, 20, 15)  # the policy's to lower


def test_a_maximum_that_the_owner_has_set_meanwhile_is_left_alone(desk: Desk) -> None:
    push_id = desk.push(pinching((7, 15), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    desk.cloud.sizes["MaxSize"] = 25
    desk.roll_back(push_id)
    desk.cloud.advance_to(at(8))
    assert desk.stands == (2, 25, 15)


@pytest.mark.parametrize("minute", [31, 32, 35, 37])
def test_nothing_is_undone_that_an_action_of_the_owners_sets_meanwhile(desk: Desk, minute: int) -> None:
    push_id = desk.push(pinching((7, 15), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    add_foreign(desk.cloud, at(7) + minutes(minute), low=10, high=20)
    assert desk.roll_back(push_id).state is PushState.ROLLED_BACK
    desk.cloud.advance_to(at(8))
    assert desk.stands[:2] == (10, 20)


def test_an_action_of_the_owners_that_recurs_may_come_meanwhile_as_well(desk: Desk) -> None:
    push_id = desk.push(pinching((7, 15), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    name = add_foreign(desk.cloud, at(7) + minutes(35), low=10, high=20)
    desk.cloud.actions[name] |= {"start": None, "recurrence": "cron(35 7 * * ? *)"}
    desk.roll_back(push_id)
    assert [item["sizes"]["MaxSize"] for key, item in desk.cloud.actions.items() if key != name] == [20]


def test_one_of_the_owners_that_comes_later_is_no_reason_to_leave_instances_running(desk: Desk) -> None:
    push_id = desk.push(pinching((7, 15), restore_hour=30), hour=6)
    desk.cloud.advance_to(at(7) + minutes(30))
    add_foreign(desk.cloud, at(7) + minutes(38), low=10, high=20)
    desk.roll_back(push_id)
    desk.cloud.advance_to(at(7) + minutes(37.5))
    assert desk.stands == (2, 20, 2)
    desk.cloud.advance_to(at(8))
    assert desk.stands == (10, 20, 10)
