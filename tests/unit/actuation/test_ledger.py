"""The ledger: create-once files by push, found by their names, never rewritten."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.actuation.fake_cloud import MemoryStore, minutes
from tests.unit.actuation.planning import NOW, add_foreign, at, ec2, group, is_ours

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger, is_unfinished
from headroom.actuation.memory import first_memory, memory_from
from headroom.actuation.push_ids import fleet_of, moment_of, push_id_for
from headroom.domain.ledger import LedgerState
from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage

PUSH = push_id_for("chat-large", moment_utc=at(6), content=["plan"])


def test_a_push_id_tells_its_fleet_and_moment() -> None:
    assert PUSH.startswith("chat-large-20261118T0600Z-")
    assert fleet_of(PUSH) == "chat-large"
    assert moment_of(PUSH) == at(6)
    with pytest.raises(ActuationError, match="'chat-large' is no push id"):
        fleet_of("chat-large")


def test_events_come_back_in_order_as_they_were_written() -> None:
    ledger = Ledger(MemoryStore())
    ledger.append(PUSH, LedgerState.PLANNED, at_utc=NOW, detail={"a": 1})
    ledger.append(PUSH, LedgerState.APPROVED, at_utc=NOW, detail={"by": "ada"})
    assert [(event.sequence, event.state.value, event.detail) for event in ledger.events(PUSH)] == [
        (1, "planned", {"a": 1}),
        (2, "approved", {"by": "ada"}),
    ]
    assert {(event.fleet_id, event.at_utc) for event in ledger.events(PUSH)} == {("chat-large", NOW)}


def test_an_event_said_already_is_not_said_again() -> None:
    ledger = Ledger(MemoryStore())
    assert ledger.append_once(PUSH, LedgerState.REFUSED, at_utc=NOW, detail={"reasons": ["old data"]})
    assert not ledger.append_once(PUSH, LedgerState.REFUSED, at_utc=NOW, detail={"reasons": ["old data"]})
    assert ledger.append_once(PUSH, LedgerState.REFUSED, at_utc=NOW, detail={"reasons": ["kill switch"]})
    assert ledger.append_once(PUSH, LedgerState.RECOMMENDED, at_utc=NOW, detail={})
    assert len(ledger.events(PUSH)) == 3


def test_two_writers_never_overwrite_each_other() -> None:
    class Racing(MemoryStore):
        """Another run writes the same file just before ours."""

        def write_json_once(self, path: str, obj: object) -> bool:
            if not self.files:
                super().write_json_once(path, obj)
            return super().write_json_once(path, obj)

    ledger = Ledger(Racing())
    assert ledger.append(PUSH, LedgerState.PLANNED, at_utc=NOW, detail={}).sequence == 2
    assert len(ledger.events(PUSH)) == 2


def test_pushes_of_a_fleet_whose_id_begins_like_anothers_stay_apart() -> None:
    ledger = Ledger(MemoryStore())
    other = push_id_for("chat", moment_utc=at(6), content=["plan"])
    later = push_id_for("chat-large", moment_utc=at(7), content=["plan"])
    for push_id in (later, other, PUSH):
        ledger.append(push_id, LedgerState.PLANNED, at_utc=NOW, detail={})
    assert ledger.pushes("chat-large") == (PUSH, later)
    assert ledger.pushes("chat") == (other,)
    assert ledger.pushes("rerank") == ()


def test_the_memory_survives_any_pause() -> None:
    cloud = group()
    add_foreign(cloud, at(10), low=3)
    memory = first_memory(ec2(cloud).read(now_utc=NOW))
    assert memory_from("chat-large", memory.record()) == memory
    ledger = Ledger(MemoryStore())
    assert ledger.memory("chat-large", now_utc=NOW) is None
    assert ledger.baseline("chat-large", now_utc=NOW) is None
    ledger.append(PUSH, LedgerState.BASELINE_CAPTURED, at_utc=NOW, detail={}, memory=memory)
    for pause in (timedelta(0), timedelta(days=1), timedelta(days=400)):
        assert ledger.memory("chat-large", now_utc=NOW + pause) == memory
        assert ledger.baseline("chat-large", now_utc=NOW + pause) == memory.baseline


def test_the_newest_memory_is_the_one_with_the_highest_revision_not_the_latest_window() -> None:
    state = ec2(group()).read(now_utc=NOW)
    ledger = Ledger(MemoryStore())
    first = first_memory(state)
    later_window = push_id_for("chat-large", moment_utc=at(6.5), content=["confirmation"])
    ledger.append(later_window, LedgerState.CONFIRMED, at_utc=NOW, detail={}, memory=first)
    ledger.append(
        PUSH, LedgerState.INTENDED, at_utc=NOW + minutes(40), detail={}, memory=first.seen(state, is_ours=is_ours)
    )
    found = ledger.memory("chat-large", now_utc=NOW + minutes(40))
    assert found is not None
    assert found.revision == 2


def test_what_was_known_then_is_not_what_was_learnt_later() -> None:
    state = ec2(group()).read(now_utc=NOW)
    ledger = Ledger(MemoryStore())
    assert ledger.memory("chat-large", now_utc=NOW) is None
    ledger.append(PUSH, LedgerState.INTENDED, at_utc=NOW + minutes(40), detail={}, memory=first_memory(state))
    assert ledger.memory("chat-large", now_utc=NOW) is None
    assert ledger.baseline("chat-large", now_utc=NOW + minutes(40)) is not None


def test_looking_for_the_memory_reads_a_handful_of_files_however_long_the_ledger() -> None:
    store = MemoryStore()
    ledger = Ledger(store)
    memory = first_memory(ec2(group()).read(now_utc=NOW))
    for hour in range(100):
        push_id = push_id_for("chat-large", moment_utc=at(6 - hour), content=[hour])
        ledger.append(push_id, LedgerState.INTENDED, at_utc=NOW, detail={}, memory=memory)
        ledger.append(push_id, LedgerState.VERIFIED, at_utc=NOW, detail={}, memory=memory)
    store.reads = 0
    ledger.memory("chat-large", now_utc=NOW)
    # The newest hour and the three before it: nothing older can be newer.
    assert store.reads == 4


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], False),
        (["planned", "refused"], False),
        (["failed"], False),
        (["intended"], True),
        (["intended", "applied"], True),
        (["intended", "partially_applied", "verification_failed"], True),
        (["intended", "failed"], True),
        (["intended", "applied", "verified"], False),
        (["intended", "applied", "verified", "planned"], False),
        (["intended", "failed", "repaired"], False),
        (["intended", "applied", "verified", "intended"], True),
        (["rollback_intended", "applied"], True),
        (["rollback_intended", "applied", "rolled_back"], False),
    ],
)
def test_a_push_is_unfinished_until_a_good_end(states: list[str], expected: bool) -> None:  # noqa: FBT001, a table
    assert is_unfinished(map(LedgerState, states)) is expected


def test_it_lives_in_the_lake(tmp_path: Path) -> None:
    ledger = Ledger(Lake(LocalStorage(tmp_path)))
    ledger.append(PUSH, LedgerState.PLANNED, at_utc=NOW, detail={"a": 1})
    (file,) = tmp_path.rglob("*.json")
    assert file.relative_to(tmp_path).as_posix() == f"ledger/fleet=chat-large/push={PUSH}/0001-planned.json"
    assert ledger.events(PUSH)[0].detail == {"a": 1}
    assert ledger.pushes("chat-large") == (PUSH,)


@pytest.mark.parametrize(
    "content",
    [[], None, "text", {}, {"push_id": PUSH}, {"detail": {"memory": []}, "at_utc": "2026-11-18T05:00:00+00:00"}],
)
def test_a_file_that_is_no_event_is_named(content: object) -> None:
    store = MemoryStore()
    path = f"ledger/fleet=chat-large/push={PUSH}/0001-intended.json"
    store.write_json_once(path, content)
    with pytest.raises(ActuationError, match=f"^{path}: expected an event of the ledger"):
        Ledger(store).memory("chat-large", now_utc=NOW)
    with pytest.raises(ActuationError, match=f"^{path}: expected an event of the ledger"):
        Ledger(store).events(PUSH)


def test_a_memory_that_cannot_be_read_is_named() -> None:
    store = MemoryStore()
    Ledger(store).append(PUSH, LedgerState.INTENDED, at_utc=NOW, detail={"memory": {"revision": 1}})
    with pytest.raises(ActuationError, match=r"0001-intended\.json: expected an event of the ledger"):
        Ledger(store).memory("chat-large", now_utc=NOW)


def test_a_state_nobody_knows_is_named() -> None:
    store = MemoryStore()
    path = f"ledger/fleet=chat-large/push={PUSH}/0001-nonsense.json"
    store.write_json_once(path, {})
    with pytest.raises(ActuationError, match=f"^{path}: expected an event of the ledger"):
        Ledger(store).memory("chat-large", now_utc=NOW)


class CountingStore(MemoryStore):
    """Counts what a store in S3 would be asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = 0
        self.read: list[str] = []

    @property
    def storage(self) -> "CountingStore":
        return self

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        self.listed += 1
        return super().list(folder, name_prefix=name_prefix)

    def read_json(self, path: str) -> object:
        self.read.append(path.rsplit("/", 1)[-1])
        return super().read_json(path)


def test_during_one_push_a_fleets_folders_are_listed_once_and_own_events_are_known() -> None:
    store = CountingStore()
    first = first_memory(ec2(group()).read(now_utc=NOW))
    Ledger(store).append(PUSH, LedgerState.INTENDED, at_utc=NOW, detail={}, memory=first)
    ledger = Ledger(store).keeping_listings()
    store.listed = 0

    ledger.append(PUSH, LedgerState.APPLIED, at_utc=NOW, detail={})
    assert ledger.intents("chat-large", now_utc=NOW).half_done == (PUSH,)
    ledger.append(PUSH, LedgerState.VERIFIED, at_utc=NOW, detail={})

    assert ledger.states(PUSH) == (LedgerState.INTENDED, LedgerState.APPLIED, LedgerState.VERIFIED)
    assert ledger.intents("chat-large", now_utc=NOW).half_done == ()
    assert ledger.memory("chat-large", now_utc=NOW) == first
    assert store.listed == 3  # the push's own, today's, yesterday's
    assert [event.sequence for event in Ledger(store).events(PUSH)] == [1, 2, 3]


def test_events_of_a_day_are_found_without_reading_those_of_all_pushes_before() -> None:
    store = CountingStore()
    ledger = Ledger(store)
    long_ago = push_id_for("chat-large", moment_utc=at(6) - timedelta(days=9), content=["old"])
    for state in (LedgerState.INTENDED, LedgerState.APPLIED, LedgerState.VERIFIED):
        ledger.append(long_ago, state, at_utc=at(6) - timedelta(days=9), detail={})
    ledger.append(long_ago, LedgerState.ROLLED_BACK, at_utc=NOW, detail={})
    ledger.append(PUSH, LedgerState.INTENDED, at_utc=NOW, detail={})
    store.read.clear()

    found = list(ledger.events_in("chat-large", Window.day_of(NOW)))

    assert [(event.push_id, event.state) for event in found] == [
        (long_ago, LedgerState.ROLLED_BACK),
        (PUSH, LedgerState.INTENDED),
    ]
    assert store.read == ["0004-rolled_back.json", "0001-intended.json"]
