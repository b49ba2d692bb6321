"""In which order a diff is written: the restore first, deletes last, except what is in the way."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from tests.unit.actuation.fake_cloud import allowed
from tests.unit.actuation.planning import BASELINE, NOW, action, at, diff_actions, name_of

from headroom.actuation.apply import apply_diff
from headroom.actuation.target import ActionFailure, ApplyResult, BeforeCall, WriteCall
from headroom.domain.scaling import Action, ActionDiff, ActionPurpose, PresentAction, ScalingApi, TargetState


class Recorder:
    """A target that takes everything but the names it is told to refuse, and remembers the order."""

    api: ClassVar[ScalingApi] = ScalingApi.EC2_AUTO_SCALING
    fleet_id = "chat-large"

    def __init__(self, *, refuse: Sequence[datetime] = (), max_actions: int = 125) -> None:
        self.max_actions = max_actions
        self.refused = {name_of(start) for start in refuse}
        self.calls: list[tuple[str, list[str]]] = []

    def read(self, *, now_utc: datetime) -> TargetState:
        raise NotImplementedError

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:  # noqa: ARG002
        return self._take("put", [item.name for item in actions])

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:  # noqa: ARG002
        return self._take("delete", list(names))

    def _take(self, kind: str, names: list[str]) -> ApplyResult:
        self.calls.append((kind, [name[-8:-1] for name in names]))
        return ApplyResult(
            applied=tuple(name for name in names if name not in self.refused),
            failures=tuple(ActionFailure(name=name, reason="refused") for name in names if name in self.refused),
            calls=(WriteCall(operation=kind, names=tuple(names), request_id=""),),
        )


def standing(*hours: float) -> TargetState:
    return TargetState(
        fleet_id="chat-large",
        api=ScalingApi.EC2_AUTO_SCALING,
        read_at_utc=NOW,
        setting=BASELINE,
        current_instances=2,
        actions=tuple(
            PresentAction(name=name_of(at(hour)), starts_at_utc=at(hour), setting=action(at(hour), 5).setting)
            for hour in hours
        ),
        has_reactive_policy=False,
        has_predictive_policy=False,
        is_scheduled_scaling_suspended=False,
    )


def restore(hour: float) -> Action:
    return action(at(hour), 2, purpose=ActionPurpose.RESTORE)


def test_the_restore_stands_first_and_the_old_goes_last() -> None:
    state = standing(9, 30)
    diff = diff_actions((action(at(10), 8), action(at(8), 6), restore(31)), state)
    target = Recorder()
    result = apply_diff(target, diff, state, before_call=allowed)
    assert target.calls == [("put", ["19T0700"]), ("put", ["18T0800", "18T1000"]), ("delete", ["18T0900", "19T0600"])]
    assert result.write_calls == 3
    assert len(result.applied) == 5


def test_where_giving_back_takes_two_actions_the_last_of_them_is_put_first() -> None:
    target = Recorder()
    apply_diff(
        target,
        diff_actions((action(at(9), 8), restore(30), restore(30.5)), standing()),
        standing(),
        before_call=allowed,
    )
    assert target.calls == [("put", ["19T0630", "19T0600"]), ("put", ["18T0900"])]


def test_without_its_restore_nothing_else_is_put_and_nothing_old_goes() -> None:
    state = standing(9, 30)
    target = Recorder(refuse=[at(31)])
    result = apply_diff(target, diff_actions((action(at(10), 8), restore(31)), state), state, before_call=allowed)
    assert target.calls == [("put", ["19T0700"])]
    assert [failure.reason for failure in result.failures] == ["refused"] + 3 * [
        "not tried: an action that had to stand first was not taken",
    ]


def test_while_a_new_action_is_missing_nothing_old_goes() -> None:
    state = standing(9, 30)
    target = Recorder(refuse=[at(10)])
    apply_diff(target, diff_actions((action(at(10), 8), restore(31)), state), state, before_call=allowed)
    assert [kind for kind, _names in target.calls] == ["put", "put"]


def test_where_the_quota_is_full_the_farthest_old_ones_make_room_the_old_restore_last() -> None:
    # Room for 4, of which 3 are taken: 3 new ones need 2 places made: 12:00 and 09:00, not the restore of 06:00.
    state = standing(9, 12, 30)
    target = Recorder(max_actions=4)
    apply_diff(
        target, diff_actions((action(at(10), 8), action(at(11), 7), restore(31)), state), state, before_call=allowed
    )
    assert target.calls[0] == ("delete", ["18T1200", "18T0900"])
    assert target.calls[-1] == ("delete", ["19T0600"])


def test_an_old_action_with_another_name_at_a_wanted_start_makes_way() -> None:
    state = standing(9, 30)
    other_name = PresentAction(name="old-spelling", starts_at_utc=at(10), setting=BASELINE)
    diff = ActionDiff(create=(action(at(10), 8),), replace=(), delete=(other_name,), keep=(restore(30),), foreign=())
    target = Recorder()
    apply_diff(target, diff, state, before_call=allowed)
    assert [kind for kind, _names in target.calls] == ["delete", "put"]


def test_when_all_of_ours_goes_the_restore_goes_last_and_alone() -> None:
    state = standing(9, 12, 30)
    target = Recorder()
    apply_diff(target, diff_actions((), state), state, before_call=allowed)
    assert target.calls == [("delete", ["18T0900", "18T1200"]), ("delete", ["19T0600"])]


def test_when_an_earlier_one_will_not_go_the_restore_stays() -> None:
    state = standing(9, 12, 30)
    target = Recorder(refuse=[at(12)])
    result = apply_diff(target, diff_actions((), state), state, before_call=allowed)
    assert target.calls == [("delete", ["18T0900", "18T1200"])]
    assert result.failures[-1] == ActionFailure(name=name_of(at(30)), reason="not tried: it must be the last to go")


def test_an_empty_diff_makes_no_call() -> None:
    target = Recorder()
    assert apply_diff(target, diff_actions((), standing()), standing(), before_call=allowed) == ApplyResult()
    assert target.calls == []
