"""A small fleet, plans for it, and the rules that production takes from headroom.scheduling, written out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.unit.actuation.fake_cloud import FakeApplicationAutoScaling, FakeAutoScaling, FakeTarget, MemoryStore

from headroom.actuation.application_auto_scaling import ScalableTarget
from headroom.actuation.ec2_auto_scaling import Ec2AutoScalingGroup
from headroom.actuation.lock import Locks
from headroom.actuation.request import PushRequest
from headroom.actuation.shown import Purpose, Shown, shown_of
from headroom.domain.fleet import Bounds, DemandSource, Fleet, InstanceOption, MetricReference, Mode, Target, TargetKind
from headroom.domain.scaling import (
    Action,
    ActionDiff,
    ActionPurpose,
    CapacitySetting,
    PresentAction,
    ScalingApi,
    TargetState,
    Verdict,
)
from headroom.domain.serving import Objective, Slots

WINDOW_END = datetime(2026, 11, 18, 6, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
BASELINE = CapacitySetting(min_instances=2, max_instances=20, desired_instances=2)
PREFIX = "headroom-test-chat-large-"


def fleet(
    mode: Mode = Mode.AUTO,
    *,
    kind: TargetKind = TargetKind.EC2_AUTO_SCALING_GROUP,
    name: str = "chat-large",
) -> Fleet:
    return Fleet(
        id="chat-large",
        account="123456789012",
        target=Target(kind=kind, name=name),
        demand=DemandSource(metric=MetricReference(namespace="App", name="Requests")),
        objective=Objective(latency_seconds=2.0),
        serving=Slots(service_seconds=0.4),
        instance_types=(InstanceOption(name="g5.12xlarge"),),
        lead_time_seconds=300.0,
        bounds=Bounds(min_instances=1, max_instances=30),
        mode=mode,
    )


def at(hour: float, *, day: int = 18) -> datetime:
    """Return `hour` o'clock of a day of November 2026; hours beyond 24 run on."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour)


def name_of(starts_at: datetime) -> str:
    return f"{PREFIX}{starts_at:%Y%m%dT%H%MZ}"


def is_ours(name: str) -> bool:
    return name.startswith(PREFIX)


def action(
    starts_at: datetime,
    low: int | None,
    high: int | None = 20,
    *,
    purpose: ActionPurpose = ActionPurpose.RAISE,
    desired: int | None = None,
) -> Action:
    return Action(
        name=name_of(starts_at),
        fleet_id="chat-large",
        starts_at_utc=starts_at,
        setting=CapacitySetting(min_instances=low, max_instances=high, desired_instances=desired),
        purpose=purpose,
        need_at_utc=starts_at,
    )


def plan(*raises: tuple[float, int], restore_hour: float, baseline: CapacitySetting = BASELINE) -> tuple[Action, ...]:
    """Return actions that raise the minimum at the hours given, and a restore of the baseline."""
    restore = action(
        at(restore_hour),
        baseline.min_instances,
        baseline.max_instances,
        purpose=ActionPurpose.RESTORE,
    )
    return (*(action(at(hour), low, baseline.max_instances) for hour, low in raises), restore)


def diff_actions(wanted: Sequence[Action], state: TargetState) -> ActionDiff:
    present = {item.name: item for item in state.actions}
    foreign = tuple(item for item in state.actions if not is_ours(item.name))
    taken = {item.starts_at_utc for item in foreign} if state.api is ScalingApi.EC2_AUTO_SCALING else set()
    create, replace, keep, refused = [], [], [], []
    for item in wanted:
        if item.starts_at_utc <= state.read_at_utc:
            refused.append((item, "its start is past"))
        elif item.starts_at_utc in taken:
            refused.append((item, "another's action starts then"))
        elif item.name not in present:
            create.append(item)
        else:
            is_same = (
                PresentAction(
                    name=item.name,
                    starts_at_utc=item.starts_at_utc,
                    setting=item.setting,
                )
                == present[item.name]
            )
            (keep if is_same else replace).append(item)
    names = {item.name for item in wanted}
    delete = tuple(item for item in state.actions if is_ours(item.name) and item.name not in names)
    return ActionDiff(
        create=tuple(create),
        replace=tuple(replace),
        delete=delete,
        keep=tuple(keep),
        foreign=foreign,
        refused=tuple(refused),
    )


def all_clear(_state: TargetState, _diff: ActionDiff) -> tuple[Verdict, ...]:
    return (Verdict(rule="bounds", is_passed=True, reason="inside the bounds"),)


def request(
    wanted: tuple[Action, ...],
    *,
    mode: Mode = Mode.AUTO,
    window_end: datetime = WINDOW_END,
    guardrails: object = all_clear,
    approved_by: str | None = None,
    rejected_by: str | None = None,
    answer_note: str = "",
    shown: Shown | None = None,
    planned_usd_per_day: float | None = None,
) -> PushRequest:
    return PushRequest(
        fleet=fleet(mode),
        window_end_utc=window_end,
        wanted=wanted,
        diff=diff_actions,
        is_ours=is_ours,
        guardrails=guardrails,  # type: ignore[arg-type]
        plan_id="plan-1",
        approved_by=approved_by,
        rejected_by=rejected_by,
        answer_note=answer_note,
        shown=shown,
        planned_usd_per_day=planned_usd_per_day,
    )


def approved(asked: PushRequest, target: FakeTarget) -> PushRequest:
    """Return a request whose approver was shown what would be written to the target as it stands now."""
    state = ec2(target).read(now_utc=target.now)
    shown = shown_of(state, asked.diff(asked.wanted, state), purpose=Purpose.PLAN)
    return replace(asked, shown=shown)


def group(*, now: datetime = NOW, low: int = 2, high: int = 20, desired: int = 2) -> FakeTarget:
    return FakeTarget(now=now, sizes={"MinSize": low, "MaxSize": high, "DesiredCapacity": desired})


def ec2(target: FakeTarget) -> Ec2AutoScalingGroup:
    return Ec2AutoScalingGroup("chat-large", "chat-large", FakeAutoScaling(target))


def ecs(target: FakeTarget) -> ScalableTarget:
    return ScalableTarget(
        fleet_id="chat-large",
        service_namespace="ecs",
        resource_id="service/chat/large",
        scalable_dimension="ecs:service:DesiredCount",
        client=FakeApplicationAutoScaling(target, resource_id="service/chat/large"),
        read_desired=lambda: target.sizes["DesiredCapacity"],
    )


def locks(store: MemoryStore, target: FakeTarget) -> Locks:
    return Locks(store=store, clock=lambda: target.now)


def ours_at(target: FakeTarget) -> dict[str, int]:
    """Return the minimum each of our actions sets, by its time as HHMM of its name's end."""
    return {name[-6:-1]: item["sizes"]["MinSize"] for name, item in sorted(target.actions.items()) if is_ours(name)}


def add_foreign(target: FakeTarget, starts_at: datetime, *, low: int | None = None, high: int | None = None) -> str:
    name = f"owner-{starts_at:%d%H%M}"
    target.actions[name] = {"start": starts_at, "sizes": {"MinSize": low, "MaxSize": high}}
    return name
