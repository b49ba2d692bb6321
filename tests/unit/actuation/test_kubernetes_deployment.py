"""Pushes to a Kubernetes Deployment by way of its manifest: the whole of push_fleet, with the scheduling's own diff."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.actuation.fake_cloud import Killed, MemoryStore, minutes
from tests.unit.actuation.keda_cluster import Cluster, admit, play
from tests.unit.actuation.manifest_desk import FLEET, LATER, WANTED, Desk, floors
from tests.unit.actuation.planning import NOW, PREFIX, all_clear, at, is_ours
from tests.unit.actuation.test_keda_manifest import OWNERS

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.errors import ActuationError
from headroom.actuation.keda_text import document_bytes
from headroom.actuation.kubernetes_deployment import MOST_BYTES
from headroom.actuation.ledger import is_unfinished
from headroom.actuation.lock import EXPIRES_AFTER
from headroom.actuation.outcome import PushState
from headroom.actuation.push import push_fleet
from headroom.actuation.request import PushRequest
from headroom.domain.fleet import Bounds, Mode
from headroom.domain.scaling import CapacitySetting, ScalingApi
from headroom.lake.storage import LocalStorage


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_manifest_says_what_stands_at_the_target(desk: Desk) -> None:
    state = desk.state()
    assert (state.api, state.read_at_utc, state.current_instances) == (ScalingApi.KEDA, NOW, 2)
    assert state.setting == state.owners_setting == CapacitySetting(min_instances=2, max_instances=20)
    assert (state.has_reactive_policy, state.has_predictive_policy) == (True, False)
    assert not state.is_scheduled_scaling_suspended
    (foreign,) = state.actions
    assert (foreign.name, foreign.starts_at_utc) == ("office-hours", None)
    assert foreign.recurrence == "4 replicas from 0 8 * * 1-5 to 0 18 * * 1-5 Europe/Berlin"


def test_a_pause_and_a_predicting_trigger_are_seen(desk: Desk) -> None:
    desk.edit('sync-wave: "2"', 'sync-wave: "2", autoscaling.keda.sh/paused: "true"')
    desk.edit("type: prometheus", "type: predictkube")
    state = desk.state()
    assert state.is_scheduled_scaling_suspended
    assert (state.has_reactive_policy, state.has_predictive_policy) == (False, True)


def test_a_push_is_written_read_back_and_verified_and_the_second_writes_nothing(desk: Desk) -> None:
    pushed = desk.push(WANTED)
    # The restore in one write of the file, the steps in another.
    assert (pushed.state, pushed.write_calls, pushed.reasons) == (PushState.VERIFIED, 2, ())
    assert desk.triggers() == [
        ("20261118T0900Z", "0 9 18 11 *", "1 12 18 11 *", "8"),
        ("20261118T1200Z", "0 12 18 11 *", "1 2 19 11 *", "4"),
        ("20261119T0200Z", "0 2 19 11 *", "0 6 19 11 *", "7"),
    ]
    present = {item.name: item.setting for item in desk.state().actions if is_ours(item.name)}
    assert present == {item.name: item.setting for item in WANTED}

    before, files = desk.file.read_bytes(), set(desk.store.files)
    second = desk.push(WANTED)
    assert (second.state, second.write_calls) == (PushState.UNCHANGED, 0)
    assert (desk.file.read_bytes(), set(desk.store.files)) == (before, files)


def test_a_later_plan_takes_the_place_of_the_earlier_and_what_has_ended_goes(desk: Desk) -> None:
    desk.push(WANTED)
    desk.now = at(12) + minutes(10)  # the first step has ended, the second is in force
    assert desk.state().current_instances == 4
    outcome = desk.push(floors((13, 6), restore_hour=36), window_end=at(12))
    assert outcome.state is PushState.VERIFIED
    assert desk.triggers() == [
        ("20261118T1200Z", "0 12 18 11 *", "1 13 18 11 *", "4"),
        ("20261118T1300Z", "0 13 18 11 *", "0 12 19 11 *", "6"),
    ]
    assert b'headroom/restores: \'[{"name": "headroom-test-chat-large-20261119T1200Z"' in desk.file.read_bytes()


def test_the_owners_part_is_never_touched(desk: Desk) -> None:
    before = admit(OWNERS)
    for wanted, window_end in ((WANTED, at(6)), (LATER, at(6.01)), ((), at(6.02))):
        assert desk.push(wanted, window_end=window_end).state is PushState.VERIFIED
        after = admit(desk.file.read_bytes())
        after["spec"]["triggers"] = [
            item for item in after["spec"]["triggers"] if not item.get("name", "").startswith(PREFIX)
        ]
        after["metadata"]["annotations"].pop("headroom/restores", None)
        assert after == before


def test_a_rollback_brings_back_what_stood_before(desk: Desk) -> None:
    desk.push(WANTED)
    before = desk.triggers()
    pushed = desk.push(LATER, window_end=at(6.01))
    assert desk.triggers() != before
    assert desk.roll_back(pushed.push_id).state is PushState.ROLLED_BACK
    assert desk.triggers() == before
    assert desk.roll_back(pushed.push_id).write_calls == 0


def test_rolling_back_the_first_push_while_it_is_in_force_ends_it_within_minutes(desk: Desk) -> None:
    pushed = desk.push(WANTED)
    desk.now = at(9.5)
    assert desk.state().current_instances == 8
    assert desk.roll_back(pushed.push_id).state is PushState.ROLLED_BACK
    # The step in force ends with the restore at the next possible minute, 09:32.
    assert desk.triggers() == [("20261118T0900Z", "0 9 18 11 *", "32 9 18 11 *", "8")]
    desk.now = at(10)
    assert desk.state().current_instances == 2


def test_an_owners_edit_is_found_whatever_of_ours_is_in_force_and_pauses_the_fleet(desk: Desk) -> None:
    desk.push(WANTED)
    desk.now = at(9.5)  # ours holds 8, and 8 is what the owner sets now
    desk.edit("minReplicaCount: 2", "minReplicaCount: 8")
    found = desk.push(floors((11, 9), restore_hour=33), window_end=at(9))
    assert found.state is PushState.PAUSED
    assert "the owner changed the target (min 8 matches neither the baseline" in found.reasons[0]
    assert admit(desk.file.read_bytes())["spec"]["minReplicaCount"] == 8
    # Of ours the restore alone is still to come, and gives back what the owner wants now.
    (restore,) = (item for item in desk.state().actions if is_ours(item.name))
    assert restore.setting == CapacitySetting(min_instances=8, max_instances=20)

    desk.now = at(10)
    confirm_baseline("chat-large", ledger=desk.ledger, now_utc=desk.now, confirmed_by="ana")
    again = desk.push(floors((11, 9), restore_hour=34, owned=(8, 20)), window_end=at(10) - minutes(1))
    assert again.state is PushState.VERIFIED


@pytest.mark.parametrize("hour", [6.2, 9.5])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_rollback_gives_back_what_the_owner_has_edited_since_and_leaves_it_for_the_next_push_to_find(
    desk: Desk, hour: float, *, is_first: bool
) -> None:
    if not is_first:
        desk.push(WANTED, window_end=at(5))
    push_id = desk.push(LATER).push_id
    desk.now = at(hour)  # before the first raise, and while it is in force
    desk.edit("minReplicaCount: 2", "minReplicaCount: 3")

    rolled_back = desk.roll_back(push_id)

    assert (rolled_back.state, rolled_back.failures) == (PushState.ROLLED_BACK, ())
    ends = [item for item in desk.state().actions if is_ours(item.name) and item.setting.max_instances is not None]
    assert {item.setting.min_instances for item in ends} <= {3}
    desk.now = at(10) + minutes(5)
    assert desk.state().setting.min_instances == (3 if is_first else 8)  # the earlier plan's raise of nine o'clock
    paused = desk.push(floors((11, 9), restore_hour=33, owned=(3, 20)), window_end=at(10))
    assert paused.state is PushState.PAUSED


def test_our_own_floor_is_never_taken_for_the_owners(desk: Desk) -> None:
    desk.push(WANTED)
    for hour in (9.5, 12.5, 26.5, 31):
        desk.now = at(hour)
        wanted = floors((hour + 1, 5), restore_hour=hour + 4)
        assert desk.push(wanted, window_end=at(hour) - minutes(5)).state is PushState.VERIFIED
    memory = desk.ledger.memory("chat-large", now_utc=desk.now)
    assert memory is not None
    assert memory.baseline.setting == CapacitySetting(min_instances=2, max_instances=20)
    assert memory.baseline.captured_at_utc == NOW


def test_a_lost_ledger_does_not_make_our_floor_the_baseline(desk: Desk) -> None:
    desk.push(WANTED)
    desk.now, desk.store = at(9.5), MemoryStore()
    refused = desk.push(floors((11, 9), restore_hour=33), window_end=at(9))
    assert refused.state is PushState.REFUSED
    assert "the ledger has no baseline for it" in refused.reasons[0]


def test_a_trigger_of_ours_that_somebody_changed_or_took_away_is_put_right(desk: Desk) -> None:
    desk.push(WANTED)
    before = desk.file.read_bytes()
    for change in (("desiredReplicas: '8'", "desiredReplicas: '19'"), ("end: 1 2 19 11 *", "end: 1 2 20 11 *")):
        desk.edit(*change)
        assert desk.push(WANTED).state is PushState.VERIFIED
        assert desk.file.read_bytes() == before
    document = admit(before)
    del document["spec"]["triggers"][3]
    desk.write(document_bytes(document))
    assert desk.push(WANTED).state is PushState.VERIFIED
    assert desk.file.read_bytes() == before


@pytest.mark.parametrize("is_written_first", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_any_write_the_manifest_is_whole_and_the_next_run_finishes(
    desk: Desk,
    number: int,
    is_written_first: bool,  # noqa: FBT001, a parameter
) -> None:
    desk.write(OWNERS.replace(b'desiredReplicas: "4"', b'desiredReplicas: "1"'))
    desk.push(WANTED)
    desk.storage.dies_at, desk.storage.is_written_first = number, is_written_first
    with pytest.raises(Killed):
        desk.push(LATER, window_end=at(6.01))
    assert sorted(file.name for file in desk.folder.iterdir()) == ["scaledobject.yaml"]
    last = admit(desk.file.read_bytes())["spec"]["triggers"][-1]
    assert last["metadata"]["end"] in ("0 6 19 11 *", "0 7 19 11 *")  # given back, as the old plan or the new says
    seen = [count for _, count in play(desk.file.read_bytes(), Cluster(2), begin=at(6), end=at(32))]
    assert (max(seen), seen[-1]) in ((8, 2), (9, 2))

    desk.now += EXPIRES_AFTER
    assert desk.push(LATER, window_end=at(6.01)).state in (PushState.VERIFIED, PushState.UNCHANGED)
    assert [item[3] for item in desk.triggers()] == ["9", "5", "6"]
    assert not any(is_unfinished(desk.ledger.states(push_id)) for push_id in desk.ledger.pushes("chat-large"))


def test_a_full_disk_is_a_failure_with_its_reason_and_the_old_manifest_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.push(WANTED)
    before = desk.file.read_bytes()

    def full(_self: LocalStorage, _path: str, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalStorage, "write_bytes", full)
    outcome = desk.push(LATER, window_end=at(6.01))
    assert outcome.state is PushState.FAILED
    assert any("cannot be written: [Errno 28] No space left" in reason for reason in outcome.reasons)
    assert desk.file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there; put the ScaledObject of serving/chat-large there"),
        (b"kind: Deployment", "kind: expected ScaledObject, found 'Deployment'"),
        (b"x" * (MOST_BYTES + 1), "expected at most 262,144"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named_with_the_file(desk: Desk, content: bytes | None, message: str) -> None:
    desk.file.unlink() if content is None else desk.write(content)
    with pytest.raises(ActuationError) as caught:
        desk.state()
    assert str(desk.file) in str(caught.value)
    assert message in str(caught.value)
    assert desk.push(WANTED).state is PushState.FAILED


def test_a_manifest_of_ours_that_was_lost_is_made_anew_with_the_same_bytes(desk: Desk) -> None:
    """So a backup holds none, and needs none."""
    desk.file.unlink()
    desk.bounds = Bounds(min_instances=2, max_instances=20)
    assert desk.push(WANTED).state is PushState.VERIFIED
    made = desk.file.read_bytes()
    desk.file.unlink()
    assert desk.push(WANTED).state is PushState.VERIFIED
    assert desk.file.read_bytes() == made


def test_a_fleet_in_recommend_leaves_the_manifest_alone(desk: Desk) -> None:
    asked = PushRequest(
        fleet=replace(FLEET, mode=Mode.RECOMMEND),
        window_end_utc=at(6),
        wanted=WANTED,
        diff=desk.diff,
        is_ours=is_ours,
        guardrails=all_clear,
    )
    outcome = push_fleet(asked, target=desk.target, ledger=desk.ledger, locks=desk.locks, now_utc=desk.now)
    assert (outcome.state, outcome.write_calls) == (PushState.RECOMMENDED, 0)
    assert outcome.diff is not None
    assert len(outcome.diff.create) == 4
    assert desk.file.read_bytes() == OWNERS
