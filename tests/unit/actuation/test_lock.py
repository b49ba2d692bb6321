"""The fleet's lock: one holder at a time, an end by the cloud's clock, and a holder that notices it is one no more."""

import os
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actuation.fake_cloud import Killed, MemoryStore, minutes
from tests.unit.actuation.planning import NOW

from headroom.actuation.errors import ActuationError
from headroom.actuation.lock import EXPIRES_AFTER, KEPT_FENCES, LONGEST_CALL, WRITING_LASTS, LockError, Locks
from headroom.config.settings import PACKAGE_ROOT
from headroom.extract.clients import CONNECT_TIMEOUT_SECONDS, MAX_ATTEMPTS, READ_TIMEOUT_SECONDS
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage

FIRST = "locks/fleet=chat/00000001.json"
LONGEST_BACKOFF_SECONDS = 20


@dataclass
class Hands:
    """Two clocks that a test turns by hand: the cloud's, and this machine's count of seconds."""

    store: Any = field(default_factory=MemoryStore)
    now: datetime = NOW
    seconds: float = 100.0

    @property
    def locks(self) -> Locks:
        return Locks(store=self.store, clock=lambda: self.now, seconds=lambda: self.seconds)

    def dies_holding(self, push_id: str = "push-1") -> None:
        try:
            with self.locks.look("chat").hold(push_id):
                self.store.is_dead = True
        except Killed:
            self.store.is_dead = False


@pytest.fixture(params=["memory", "disk"])
def hands(request: pytest.FixtureRequest, tmp_path: Path) -> Hands:
    return Hands(MemoryStore() if request.param == "memory" else Lake(LocalStorage(tmp_path)))


def test_the_longest_call_is_what_the_clients_allow_and_the_next_hours_run_finds_the_lock_free() -> None:
    # 5 attempts of 5 s to connect and 30 s to read, and 4 waits between them of at most 20 s: 175 + 80 = 255 s.
    calls = MAX_ATTEMPTS * (CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS)
    assert timedelta(seconds=calls + (MAX_ATTEMPTS - 1) * LONGEST_BACKOFF_SECONDS) <= LONGEST_CALL
    assert WRITING_LASTS + LONGEST_CALL <= EXPIRES_AFTER < timedelta(hours=1)


def test_fences_count_up_and_a_released_lock_is_free(hands: Hands) -> None:
    for fence in (1, 2, 3):
        seen = hands.locks.look("chat")
        assert (seen.newest, seen.held_reason) == (fence - 1, None)
        with seen.hold("push-1") as held:
            assert held.fence == fence
            held.before_call()


def test_another_fleets_lock_is_another(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1"):
        assert hands.locks.look("chat-large").held_reason is None
        assert hands.locks.look("cha").held_reason is None


def test_while_it_is_held_nobody_else_gets_it_and_who_has_it_is_named(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as held:
        seen = hands.locks.look("chat")
        assert seen.held_reason == f"push-1 holds the fleet's lock until 2026-11-18 06:20:00Z at the latest ({FIRST})"
        with pytest.raises(LockError, match="push-1 holds"), seen.hold("push-2"):
            pytest.fail("two had the lock")
        held.before_call()


def test_an_exception_releases_it(hands: Hands) -> None:
    with pytest.raises(ZeroDivisionError), hands.locks.look("chat").hold("push-1"):
        raise ZeroDivisionError
    assert hands.locks.look("chat").held_reason is None


def test_whoever_looked_before_another_had_it_does_not_get_it_any_more(hands: Hands) -> None:
    seen = hands.locks.look("chat")
    with hands.locks.look("chat").hold("push-1"):
        pass
    with pytest.raises(LockError, match="another push or rollback took the fleet's lock"), seen.hold("push-2"):
        pytest.fail("what was read since looking may be outdated")


def test_a_dead_ones_lock_is_over_after_fifteen_minutes_of_the_clouds_clock() -> None:
    hands = Hands()
    hands.dies_holding()
    hands.now = NOW + EXPIRES_AFTER - timedelta(seconds=1)
    assert hands.locks.look("chat").held_reason is not None
    hands.now = NOW + minutes(15)
    with hands.locks.look("chat").hold("push-2") as held:
        assert held.fence == 2


def test_a_slow_holder_makes_no_write_call_once_another_has_the_lock(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as slow:
        hands.now += EXPIRES_AFTER
        with hands.locks.look("chat").hold("push-2") as quick:
            with pytest.raises(LockError, match="stopped: fence 2 of the fleet's lock has taken the place of our 1"):
                slow.before_call()
            quick.before_call()
        with pytest.raises(LockError, match="fence 2"):
            slow.before_call()
    assert hands.locks.look("chat").held_reason is None


def test_what_a_dead_push_left_is_free_for_its_next_try_and_one_that_lives_all_the_same_stops(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as slow:
        again = hands.locks.look("chat", left_by="push-1")
        assert again.held_reason is None
        assert "push-1 holds" in str(hands.locks.look("chat", left_by="push-2").held_reason)
        with again.hold("push-1") as quick:
            quick.before_call()
            with pytest.raises(LockError, match="has taken the place of our 1"):
                slow.before_call()


def test_no_write_call_begins_so_late_that_it_might_outlast_the_lock(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as held:
        hands.seconds += 599
        held.before_call()
        hands.seconds += 1
        with pytest.raises(LockError, match="held for 10 minutes, no write call begins later"):
            held.before_call()
        held.check()  # it is still ours: how the push ended is for us to say


def test_a_person_may_end_a_dead_ones_lock_and_a_living_one_notices(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as held:
        hands.store.write_json_once(FIRST.replace(".json", "-released.json"), {})
        assert hands.locks.look("chat").held_reason is None
        with pytest.raises(LockError, match="ours, was released by another hand"):
            held.before_call()


def test_a_holder_whose_locks_were_deleted_stops(hands: Hands) -> None:
    with hands.locks.look("chat").hold("push-1") as held:
        hands.store.storage.delete(FIRST)
        with pytest.raises(LockError, match="fence 0 of the fleet's lock has taken the place of our 1"):
            held.before_call()


def test_a_lock_that_was_written_though_the_answer_was_lost_is_ours() -> None:
    class Forgetful(MemoryStore):
        def write_json_once(self, path: str, obj: object) -> bool:
            return super().write_json_once(path, obj) and "released" in path

    with Hands(Forgetful()).locks.look("chat").hold("push-1") as held:
        held.before_call()


def test_without_the_clouds_clock_nobody_takes_it_and_a_held_one_counts_as_held() -> None:
    def no_clock() -> datetime:
        raise ActuationError("STS did not answer")

    hands = Hands()
    blind = Locks(store=hands.store, clock=no_clock)
    with pytest.raises(LockError, match="without the cloud's clock: STS did not answer"), blind.look("chat").hold("p"):
        pytest.fail("when it ends would be unknown")
    hands.dies_holding()
    assert "whether that has expired is unknown: STS did not answer" in str(blind.look("chat").held_reason)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"push_id": "p", "expires_at_utc": "soon"}',
        '{"push_id": "p", "expires_at_utc": "2026-11-18T06:20"}',
    ],
)
def test_a_lock_that_cannot_be_read_counts_as_held_and_is_named(tmp_path: Path, content: str) -> None:
    hands = Hands(Lake(LocalStorage(tmp_path)))
    (tmp_path / FIRST).parent.mkdir(parents=True)
    (tmp_path / FIRST).write_text(content)
    assert f"{FIRST} cannot be read, so who holds the fleet's lock is unknown" in str(
        hands.locks.look("chat").held_reason
    )


def test_files_of_long_past_fences_go_and_an_old_look_cannot_take_their_place(hands: Hands) -> None:
    old = hands.locks.look("chat")
    for number in range(KEPT_FENCES + 2):
        with hands.locks.look("chat").hold(f"push-{number}"):
            pass
    assert len(hands.store.storage.list("locks/fleet=chat")) == 2 * KEPT_FENCES
    with pytest.raises(LockError, match="fence 12 of the fleet's lock"), old.hold("push-old"):
        pytest.fail("twelve others had it since")
    assert hands.locks.look("chat").newest == 12


def test_the_runbooks_commands_end_a_dead_ones_lock(tmp_path: Path) -> None:
    hands = Hands(Lake(LocalStorage(tmp_path)))
    for _fence in range(6):
        with hands.locks.look("chat-large").hold("push-1"):
            pass
    hands.locks.look("chat-large").hold("push-that-died").__enter__()
    section = (PACKAGE_ROOT.parents[1] / "docs" / "runbook.md").read_text().split("is refused by lock\n")[1]
    commands = section.split("```sh\n")[1].split("```")[0]
    environment = {"HEADROOM_LAKE": str(tmp_path), "PATH": os.environ["PATH"]}
    shown = subprocess.run(["sh", "-ec", commands], env=environment, check=True, capture_output=True, text=True).stdout
    assert '"push_id": "push-that-died"' in shown
    assert hands.locks.look("chat-large").held_reason is None
