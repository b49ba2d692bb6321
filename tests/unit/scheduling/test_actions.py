from dataclasses import replace

import pytest
from tests.unit.scheduling.small_plan import BASELINE, BOUNDS, DEPLOYMENT, FLEET, plan, requirement, starts

from headroom.domain.scaling import Action, ActionPurpose, Baseline, CapacitySchedule, CapacitySetting, ScalingApi
from headroom.scheduling import actions_for

EC2, APPLICATION, KEDA = ScalingApi.EC2_AUTO_SCALING, ScalingApi.APPLICATION_AUTO_SCALING, ScalingApi.KEDA
RAISE, LOWER, RESTORE = ActionPurpose.RAISE, ActionPurpose.LOWER, ActionPurpose.RESTORE
Row = tuple[str, ActionPurpose, int | None, int | None, int | None]

# The documented table: a schedule 5 -> 8 at 09:00 -> 3 at 14:00, given back at 20:00. Baseline: minimum 2, maximum 20,
# desired 5 (EC2) or 5 running (Application Auto Scaling). Rows: start, purpose, minimum, maximum, desired.
TABLE: dict[tuple[ScalingApi, bool, bool], list[Row]] = {
    (EC2, False, False): [
        ("09:00", RAISE, 8, None, 8),
        ("14:00", LOWER, 3, None, 3),
        ("20:00", RESTORE, 2, 20, 5),
    ],
    (EC2, True, False): [
        ("09:00", RAISE, 8, None, None),
        ("14:00", LOWER, 3, None, None),
        ("20:00", RESTORE, 2, 20, None),
    ],
    (EC2, False, True): [
        ("09:00", RAISE, 8, None, 8),
        ("14:00", LOWER, 3, None, 3),
        ("20:00", RESTORE, 2, 20, 5),
    ],
    (EC2, True, True): [
        ("09:00", RAISE, 8, None, None),
        ("14:00", LOWER, 3, None, None),
        ("20:00", RESTORE, 2, 20, None),
    ],
    (APPLICATION, False, False): [
        ("09:00", RAISE, 8, 8, None),
        ("14:00", LOWER, 3, 3, None),
        ("20:00", RESTORE, 5, 5, None),
        ("20:05", RESTORE, 2, 20, None),
    ],
    (APPLICATION, True, False): [
        ("09:00", RAISE, 8, 20, None),
        ("14:00", LOWER, 3, 20, None),
        ("20:00", RESTORE, 2, 20, None),
    ],
    (APPLICATION, False, True): [
        ("09:00", RAISE, 8, 20, None),
        ("14:00", LOWER, 3, 3, None),
        ("14:05", LOWER, 3, 20, None),
        ("20:00", RESTORE, 5, 5, None),
        ("20:05", RESTORE, 2, 20, None),
    ],
    (APPLICATION, True, True): [
        ("09:00", RAISE, 8, 20, None),
        ("14:00", LOWER, 3, 20, None),
        ("20:00", RESTORE, 2, 20, None),
    ],
} | {
    (KEDA, reactive, predictive): [
        ("09:00", RAISE, 8, None, None),
        ("14:00", LOWER, 3, None, None),
        ("20:00", RESTORE, 2, 20, None),
    ]
    for reactive in (False, True)
    for predictive in (False, True)
}


def baseline_of(api: ScalingApi) -> Baseline:
    if api is EC2:
        return BASELINE
    return replace(BASELINE, setting=CapacitySetting(min_instances=2, max_instances=20), running_instances=5)


def actions(
    made: CapacitySchedule,
    *,
    api: ScalingApi = EC2,
    reactive: bool = False,
    predictive: bool = False,
    baseline: Baseline | None = None,
    current: int = 5,
    present: CapacitySetting | None = None,
) -> tuple[Action, ...]:
    return actions_for(
        FLEET,
        made,
        deployment=DEPLOYMENT,
        api=api,
        has_reactive_policy=reactive,
        has_predictive_policy=predictive,
        baseline=baseline or baseline_of(api),
        bounds=BOUNDS,
        current_instances=current,
        requirement=requirement(10, 20, 30, 80, 70, 30, 30, 30, 25),  # 06:00 to 14:00, demand ten times that
        present=present,
    )


def rows(made: tuple[Action, ...]) -> list[Row]:
    return [
        (
            f"{item.starts_at_utc:%H:%M}",
            item.purpose,
            item.setting.min_instances,
            item.setting.max_instances,
            item.setting.desired_instances,
        )
        for item in made
    ]


def test_the_decision_table_has_a_row_for_every_api_and_policy() -> None:
    assert len(TABLE) == len(ScalingApi) * 2 * 2 == 12


@pytest.mark.parametrize(("key", "expected"), TABLE.items())
def test_what_actions_set_follows_the_decision_table(key: tuple[ScalingApi, bool, bool], expected: list[Row]) -> None:
    api, reactive, predictive = key
    made = actions(plan(("09:00", 8), ("14:00", 3)), api=api, reactive=reactive, predictive=predictive)
    assert rows(made) == expected


@pytest.mark.parametrize("key", TABLE)
def test_no_action_asks_for_a_maximum_below_its_minimum_or_desired(key: tuple[ScalingApi, bool, bool]) -> None:
    api, reactive, predictive = key
    needed = 20 if api is KEDA else 45  # no step of a plan for KEDA is above the owner's maximum
    for item in actions(plan(("09:00", needed), ("14:00", 3)), api=api, reactive=reactive, predictive=predictive):
        setting = item.setting
        most = setting.max_instances if setting.max_instances is not None else 20
        assert (setting.min_instances or 0) <= (setting.desired_instances or setting.min_instances or 0) <= most


def test_where_a_step_needs_more_than_the_baselines_maximum_every_step_names_it() -> None:
    made = actions(plan(("09:00", 45), ("14:00", 3)))
    assert rows(made) == [
        ("09:00", RAISE, 45, 45, 45),
        ("14:00", LOWER, 3, 45, 3),
        ("20:00", RESTORE, 2, 20, 5),
    ]


def test_a_release_that_the_next_step_would_overtake_is_left_out() -> None:
    made = actions(plan(("14:00", 3), ("14:04", 8)), api=APPLICATION, predictive=True)
    assert rows(made)[:2] == [("14:00", LOWER, 3, 3, None), ("14:04", RAISE, 8, 20, None)]


def test_a_baseline_whose_instances_are_not_known_is_given_back_by_its_bounds_alone() -> None:
    baseline = replace(baseline_of(APPLICATION), running_instances=None)
    made = actions(plan(("09:00", 8)), api=APPLICATION, baseline=baseline)
    assert rows(made)[-1] == ("20:00", RESTORE, 2, 20, None)
    assert starts(made) == ["09:00", "20:00"]


def test_an_unknown_maximum_of_the_baseline_leaves_the_fleets_own_bound() -> None:
    baseline = replace(BASELINE, setting=CapacitySetting(min_instances=2, max_instances=None))
    made = actions(plan(("09:00", 8)), api=APPLICATION, reactive=True, baseline=baseline)
    assert rows(made)[0] == ("09:00", RAISE, 8, BOUNDS.max_instances, None)


def test_an_action_knows_the_largest_demand_while_it_holds() -> None:
    # from 09:00 to 14:00 the hours need 80, 70, 30, 30, 30 instances: demand ten times that
    made = actions(plan(("09:00", 8), ("14:00", 3)))
    assert [item.demand_per_second for item in made] == [800.0, 250.0, None]


def test_a_target_at_its_baseline_that_needs_no_step_needs_no_action() -> None:
    assert actions(plan(), present=BASELINE.setting) == ()


def test_a_target_left_away_from_its_baseline_is_given_back_even_without_a_step() -> None:
    raised = replace(BASELINE.setting, min_instances=8)
    assert rows(actions(plan(), present=raised)) == [("20:00", RESTORE, 2, 20, 5)]
    assert len(actions(plan())) == 1


def test_names_tell_deployment_fleet_and_start() -> None:
    assert actions(plan(("09:00", 8)))[0].name == "headroom-test-chat-large-20261118T0900Z"
