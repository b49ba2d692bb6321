"""What a cluster makes of a pushed manifest: the largest of active triggers and minReplicaCount, minute by minute."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.actuation.fake_cloud import minutes
from tests.unit.actuation.keda_cluster import Cluster, play
from tests.unit.actuation.manifest_desk import WANTED, Desk, floors
from tests.unit.actuation.planning import at
from tests.unit.actuation.test_keda_manifest import OWNERS


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class TestInACluster:
    """KEDA's rule, the largest of active triggers and minReplicaCount, played minute by minute."""

    def played(self, desk: Desk, cluster: Cluster, *, begin: float = 6, end: float = 33) -> dict[datetime, int]:
        return dict(play(desk.file.read_bytes(), cluster, begin=at(begin), end=at(end)))

    def test_capacity_goes_up_before_the_peak_and_down_after_it(self, desk: Desk) -> None:
        desk.push(WANTED)
        seen = self.played(desk, Cluster(2), end=13)
        assert seen[at(8) - minutes(1)] == 4  # the owner's own office hours, 08:00 in Berlin, are from 07:00 on
        assert seen[at(9) - minutes(1)] == 4
        assert seen[at(9)] == 8  # ours, in the minute of its start
        assert {seen[at(9) + minutes(number)] for number in range(180)} == {8}
        # The last look that finds 8 is that of 12:00, and for five minutes the largest recommendation holds.
        assert seen[at(12) + minutes(4)] == 8
        assert seen[at(12) + minutes(5)] == 4

    def test_with_headroom_gone_the_fleet_is_at_its_baseline_when_the_last_trigger_has_ended(self, desk: Desk) -> None:
        desk.push(WANTED)
        seen = self.played(desk, Cluster(2))
        assert seen[at(30) - minutes(1)] == 7
        # 06:00 is 07:00 in Berlin: nothing but the minimum
        assert {count for moment, count in seen.items() if at(30) + minutes(5) <= moment < at(31)} == {2}

    def test_between_two_triggers_there_is_no_minute_without_one(self, desk: Desk) -> None:
        desk.push(floors((9, 8), (10, 8), (11, 12), restore_hour=12))
        seen = self.played(desk, Cluster(2), begin=9, end=12)
        assert [seen[at(9) + minutes(number)] for number in range(180)] == [8] * 120 + [12] * 60

    def test_the_owners_reactive_trigger_goes_on_above_our_floor(self, desk: Desk) -> None:
        desk.push(WANTED)
        assert self.played(desk, Cluster(2, reactive=15), begin=9, end=10)[at(9.5)] == 15
        assert self.played(desk, Cluster(2, reactive=3), begin=9, end=10)[at(9.5)] == 8

    def test_what_we_say_is_in_force_is_what_the_cluster_holds(self, desk: Desk) -> None:
        desk.write(OWNERS.replace(b'desiredReplicas: "4"', b'desiredReplicas: "1"'))
        desk.push(WANTED)
        seen = self.played(desk, Cluster(2))
        for half_hour in range(54):
            desk.now = at(6) + half_hour * timedelta(minutes=30) + minutes(10)
            assert desk.state().current_instances == seen[desk.now]

    def test_a_year_later_a_manifest_that_nobody_wrote_since_holds_again(self, desk: Desk) -> None:
        desk.push(WANTED)
        year = timedelta(days=365)
        seen = dict(play(desk.file.read_bytes(), Cluster(2), begin=at(8) + year, end=at(10) + year))
        assert seen[at(9.5) + year] == 8
        # Any push of those days takes them out: they have ended.
        desk.now = at(8) + year
        desk.push(floors((3 * 24 * 365, 3), restore_hour=3 * 24 * 365 + 1), window_end=desk.now - minutes(5))
        assert not any(name.startswith("2026") for name, *_ in desk.triggers())
