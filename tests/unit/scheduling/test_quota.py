from tests.unit.scheduling.small_plan import DEPLOYMENT, FLEET, action, present, target

from headroom.domain.scaling import PresentAction, ScalingApi
from headroom.scheduling import actions_available, max_changes

APPLICATION = ScalingApi.APPLICATION_AUTO_SCALING


def others(count: int) -> list[PresentAction]:
    return [present(action("07:53"), name=f"owner-{number}") for number in range(count)]


def test_the_quota_less_other_peoples_actions_less_the_reserve_is_ours() -> None:
    ours = present(action("07:53"))
    assert actions_available(target(ours, *others(20)), deployment=DEPLOYMENT, fleet_id=FLEET) == 125 - 20 - 10
    assert actions_available(target(api=APPLICATION), deployment=DEPLOYMENT, fleet_id=FLEET, reserve=0) == 200


def test_a_crowded_target_leaves_none_and_never_less() -> None:
    assert actions_available(target(*others(120)), deployment=DEPLOYMENT, fleet_id=FLEET) == 0
    assert max_changes(target(*others(120)), deployment=DEPLOYMENT, fleet_id=FLEET) == 0


def test_one_reserve_for_all_fleets_leaves_half_of_a_small_quota_to_the_plan() -> None:
    assert actions_available(target(api=ScalingApi.KEDA), deployment=DEPLOYMENT, fleet_id=FLEET, reserve=100) == 30


def test_changes_leave_room_for_the_restore() -> None:
    assert max_changes(target(), deployment=DEPLOYMENT, fleet_id=FLEET) == 125 - 10 - 2


def test_changes_that_need_a_release_count_twice() -> None:
    state = target(api=APPLICATION, has_predictive_policy=True)
    assert max_changes(state, deployment=DEPLOYMENT, fleet_id=FLEET) == (200 - 10 - 2) // 2
    state = target(api=APPLICATION, has_predictive_policy=True, has_reactive_policy=True)
    assert max_changes(state, deployment=DEPLOYMENT, fleet_id=FLEET) == 200 - 10 - 2
