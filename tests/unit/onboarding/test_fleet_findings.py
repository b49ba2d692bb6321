from tests.unit.onboarding.small_account import fleet, state

from headroom.domain.fleet import Bounds, Mode, Target, TargetKind
from headroom.domain.guardrail_settings import GuardrailSettings
from headroom.domain.scaling import CapacitySetting, ScalingApi
from headroom.onboarding.findings import Finding, Level, Topic
from headroom.onboarding.fleet_findings import target_findings, unreadable_target_finding


def of(topic: Topic, findings: list[Finding]) -> list[Finding]:
    return [item for item in findings if item.topic is topic]


def test_a_target_with_nothing_amiss_gives_nothing_but_order() -> None:
    found = target_findings(fleet(), state(), deployment="prod")
    assert [item.level for item in found] == [Level.OK, Level.OK]
    assert found[0].message == "its target stands at min 2, max 20, now 8"


def test_a_bound_above_the_targets_own_maximum_is_warned_of() -> None:
    wide = fleet(bounds=Bounds(min_instances=2, max_instances=21))
    (found,) = of(Topic.TARGETS, target_findings(wide, state(), deployment="prod"))
    assert found.level is Level.WARNING
    assert "bounds.max_instances is 21" in found.message


def test_suspended_scheduled_actions_are_a_problem_once_the_mode_writes() -> None:
    suspended = state(is_scheduled_scaling_suspended=True)
    for mode, level in ((Mode.AUTO, Level.PROBLEM), (Mode.RECOMMEND, Level.WARNING)):
        (found,) = of(Topic.SUSPENDED, target_findings(fleet(mode=mode), suspended, deployment="prod"))
        assert found.level is level
        assert "resume-processes --auto-scaling-group-name chat-a10g" in found.remedy


def test_a_suspended_scalable_target_is_resumed_by_another_command() -> None:
    service = fleet(target=Target(kind=TargetKind.ECS_SERVICE, name="search/embed"))
    found = target_findings(service, state(is_scheduled_scaling_suspended=True), deployment="prod")
    assert "register-scalable-target" in of(Topic.SUSPENDED, found)[0].remedy


def test_a_predictive_policy_is_warned_of() -> None:
    (found,) = of(Topic.PREDICTIVE, target_findings(fleet(), state(has_predictive_policy=True), deployment="prod"))
    assert found.level is Level.WARNING
    assert "ForecastOnly" in found.remedy


def test_the_owners_scheduled_actions_are_named_and_left_alone() -> None:
    found = target_findings(fleet(), state("nightly", "a", "b", "c"), deployment="prod")
    (foreign,) = of(Topic.OTHER_SCHEDULES, found)
    assert foreign.level is Level.WARNING
    assert foreign.message == "4 scheduled actions that are not ours stand here: a, b, c and 1 more"


def test_our_own_actions_are_no_finding() -> None:
    found = target_findings(fleet(), state("headroom-prod-chat-20261118T0700Z"), deployment="prod")
    assert [item.level for item in found] == [Level.OK, Level.OK]


def test_another_deployment_of_ours_is_a_problem_and_no_owners_schedule() -> None:
    found = target_findings(fleet(), state("headroom-test-chat-20261118T0700Z"), deployment="prod")
    (other,) = of(Topic.DEPLOYMENT, found)
    assert other.level is Level.PROBLEM
    assert "deployment 'test' for its fleet 'chat'" in other.message
    assert of(Topic.OTHER_SCHEDULES, found) == []


def test_another_fleet_of_this_deployment_is_told_apart() -> None:
    found = target_findings(fleet(), state("headroom-prod-chat-large-20261118T0700Z"), deployment="prod")
    assert "deployment 'prod' for its fleet 'chat-large'" in of(Topic.DEPLOYMENT, found)[0].message


def test_a_name_that_only_begins_like_ours_is_its_owners() -> None:
    found = target_findings(fleet(), state("headroom-for-black-friday"), deployment="prod")
    assert of(Topic.DEPLOYMENT, found) == []
    assert len(of(Topic.OTHER_SCHEDULES, found)) == 1


def test_room_for_fewer_than_48_actions_is_warned_of() -> None:
    # 125 less 10 kept free less 68 of the owner's leaves 47; one less of them leaves 48.
    crowded = state(*(f"owner-{number}" for number in range(68)))
    (found,) = of(Topic.QUOTAS, target_findings(fleet(), crowded, deployment="prod"))
    assert found.level is Level.WARNING
    assert found.message.startswith("47 of the 125 scheduled actions")
    enough = state(*(f"owner-{number}" for number in range(67)))
    assert of(Topic.QUOTAS, target_findings(fleet(), enough, deployment="prod"))[0].level is Level.OK


def test_what_is_kept_free_is_what_is_configured_for_all_fleets_or_for_the_one() -> None:
    # 125 less 68 of the owner's leaves 57: with 5 kept free 52, with the fleet's own 40 only 17.
    crowded, common = state(*(f"owner-{number}" for number in range(68))), GuardrailSettings(reserved_actions=5)
    (found,) = of(Topic.QUOTAS, target_findings(fleet(), crowded, deployment="prod", guardrails=common))
    assert (found.level, found.message.partition(" of")[0]) == (Level.OK, "52")
    careful = fleet(guardrails=GuardrailSettings(reserved_actions=40))
    (found,) = of(Topic.QUOTAS, target_findings(careful, crowded, deployment="prod", guardrails=common))
    assert (found.level, found.message.partition(" of")[0]) == (Level.WARNING, "17")
    assert "40 are kept free" in found.remedy


def test_a_scalable_target_has_room_for_200() -> None:
    registered = state(
        api=ScalingApi.APPLICATION_AUTO_SCALING, setting=CapacitySetting(min_instances=2, max_instances=20)
    )
    (found,) = of(Topic.QUOTAS, target_findings(fleet(), registered, deployment="prod"))
    assert found.message.startswith("190 of the 200 scheduled actions")


def test_a_scaled_object_is_told_by_its_own_words() -> None:
    deployment = fleet(
        target=Target(kind=TargetKind.KUBERNETES_DEPLOYMENT, name="serving/chat"),
        bounds=Bounds(min_instances=2, max_instances=30),
        mode=Mode.AUTO,
    )
    stands = state(
        api=ScalingApi.KEDA,
        setting=CapacitySetting(min_instances=2, max_instances=20),
        is_scheduled_scaling_suspended=True,
    )
    found = target_findings(deployment, stands, deployment="prod")
    (bounds,) = of(Topic.TARGETS, found)
    assert bounds.message.startswith("bounds.max_instances is 30, above its maxReplicaCount (min 2, max 20,")
    assert "a push never does" in bounds.remedy
    assert "autoscaling.keda.sh/paused" in of(Topic.SUSPENDED, found)[0].remedy
    assert (
        of(Topic.QUOTAS, found)[0].message
        == "50 of the 60 scheduled actions that a ScaledObject may have are left for us"
    )
    unread = unreadable_target_finding(deployment, "manifest /chat.yaml is not there")
    assert "target.manifest" in unread.remedy


def test_a_target_that_cannot_be_read_is_a_problem_with_the_cause() -> None:
    found = unreadable_target_finding(fleet(), "group 'chat-a10g' is not there")
    assert (found.level, found.topic) == (Level.PROBLEM, Topic.TARGETS)
    assert "is not there" in found.message
