"""What a ScaledObject cannot hold, and where its file is looked for."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.actuation.fake_cloud import allowed
from tests.unit.actuation.keda_cluster import admit
from tests.unit.actuation.manifest_desk import FLEET, RESTORE, WANTED, Desk, floors
from tests.unit.actuation.planning import NOW, action, at
from tests.unit.actuation.test_keda_manifest import OWNERS

from headroom.actuation.errors import ActuationError
from headroom.actuation.kubernetes_deployment import MAX_ACTIONS, manifest_path
from headroom.actuation.registry import target_for
from headroom.domain.fleet import Target, TargetKind
from headroom.domain.scaling import Action, ScalingApi
from headroom.lake.storage import LocalStorage
from headroom.scheduling import SCHEDULED_ACTIONS_PER_TARGET


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class TestWhatTheScaledObjectCannotHold:
    def refusals(self, desk: Desk, *actions: Action) -> list[str]:
        result = desk.target.put_actions(actions, before_call=allowed)
        assert result.applied == ()
        assert (desk.file.read_bytes(), result.write_calls) == (OWNERS, 0)
        return [failure.reason for failure in result.failures]

    def test_a_restore_of_anything_but_the_owners_counts(self, desk: Desk) -> None:
        (reason,) = self.refusals(desk, action(at(20), 3, 20, purpose=RESTORE))
        assert "it would give back 3 to 20 replicas, but the manifest has the owner's 2 to 20" in reason
        (reason,) = self.refusals(desk, action(at(20), 2, 25, purpose=RESTORE))
        assert "never changes" in reason

    def test_more_than_the_owners_maximum(self, desk: Desk) -> None:
        (reason,) = self.refusals(desk, action(at(9), 21, None))
        assert reason == "it asks for 21 replicas, above the owner's maxReplicaCount 20"

    def test_a_desired_count_and_a_name_that_says_another_time(self, desk: Desk) -> None:
        (reason,) = self.refusals(desk, action(at(9), 8, None, desired=8))
        assert reason == "a ScaledObject takes a minimum, and no desired count beside it"
        (reason,) = self.refusals(desk, replace(action(at(9), 8, None), starts_at_utc=at(10)))
        assert reason == "its name does not say that it starts at 2026-11-18 10:00Z"

    def test_more_than_its_limit_the_owners_crons_included(self, desk: Desk) -> None:
        most = SCHEDULED_ACTIONS_PER_TARGET[ScalingApi.KEDA]
        assert most == MAX_ACTIONS == 60
        full = [action(at(7 + number / 2), 3, None) for number in range(most)]
        assert set(self.refusals(desk, *full)) == {
            "the manifest would hold 1 scheduled actions above the 60 it may have"
        }
        fits = [*full[:-2], action(at(40), 2, purpose=RESTORE)]
        assert desk.target.put_actions(fits, before_call=allowed).failures == ()

    def test_nothing_is_written_once_the_lock_is_lost(self, desk: Desk) -> None:
        def lost() -> None:
            raise ActuationError("the lock is another's")

        result = desk.target.put_actions(WANTED, before_call=lost)
        assert {failure.reason for failure in result.failures} == {"the lock is another's"}
        assert (desk.file.read_bytes(), result.write_calls) == (OWNERS, 0)


class TestWhereTheManifestIs:
    def test_without_one_in_the_configuration_it_is_kept_in_the_lake_and_made_at_the_first_push(
        self, tmp_path: Path
    ) -> None:
        lake = LocalStorage(tmp_path)
        target = target_for(FLEET, None, lake)  # type: ignore[arg-type], no cloud is asked
        state = target.read(now_utc=NOW)
        # The fleet's bounds, 1 to 30, are the owner's counts then.
        assert (state.setting.min_instances, state.setting.max_instances, state.actions) == (1, 30, ())
        assert not lake.exists(manifest_path("chat-large"))
        wanted = floors((9, 8), restore_hour=30, owned=(1, 30))
        assert target.put_actions(wanted, before_call=allowed).failures == ()
        document = admit(lake.read_bytes("kubernetes/chat-large/scaledobject.yaml"))
        assert document["metadata"]["namespace"] == "serving"
        assert [trigger["name"][-14:] for trigger in document["spec"]["triggers"]] == ["20261118T0900Z"]
        names = [item.name for item in wanted]
        assert target.delete_actions(names, before_call=allowed).applied == tuple(names)
        (placeholder,) = admit(lake.read_bytes(manifest_path("chat-large")))["spec"]["triggers"]
        assert placeholder["name"] == "headroom-keeps-minimum"

    def test_one_in_the_configuration_must_be_there(self, tmp_path: Path) -> None:
        target = Target(
            kind=TargetKind.KUBERNETES_DEPLOYMENT,
            name="serving/chat-large",
            manifest=str(tmp_path / "chat.yaml"),
        )
        made = target_for(replace(FLEET, target=target), None)  # type: ignore[arg-type], no cloud is asked
        with pytest.raises(ActuationError, match=r"chat.yaml is not there; put the ScaledObject"):
            made.read(now_utc=NOW)
        (tmp_path / "chat.yaml").write_bytes(OWNERS)
        assert made.read(now_utc=NOW).current_instances == 2

    def test_without_a_lake_there_is_none(self) -> None:
        with pytest.raises(ActuationError, match="its manifest is in the lake, which is not at hand"):
            target_for(FLEET, None)  # type: ignore[arg-type], no cloud is asked
