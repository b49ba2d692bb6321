"""Several writers of one push at the same moment, in memory, on a disk and in S3: no event is lost, no number twice."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.unit.actuation.fake_cloud import MemoryStore
from tests.unit.actuation.planning import NOW, at

from headroom.actuation.ledger import Ledger, LedgerStore
from headroom.actuation.push_ids import push_id_for
from headroom.domain.ledger import LedgerState
from headroom.domain.window import Window
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage, open_storage
from headroom.pipelines.ledger_events import ledger_rows

PUSH = push_id_for("chat-large", moment_utc=at(6), content=["plan"])
FIRST_TRY = (LedgerState.INTENDED, LedgerState.PARTIALLY_APPLIED, LedgerState.FAILED)
SECOND_TRY = (LedgerState.INTENDED, LedgerState.APPLIED, LedgerState.VERIFIED)


@pytest.fixture(params=["memory", "disk", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerStore]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "disk":
        yield Lake(LocalStorage(tmp_path))
    else:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        bucket = f"ledger-{uuid.uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        yield Lake(open_storage(f"s3://{bucket}/lake"))
        server.stop()


def told(store: LedgerStore) -> list[tuple[int, LedgerState, Any]]:
    return [(event.sequence, event.state, event.detail.get("by")) for event in Ledger(store).events(PUSH)]


def test_two_writers_that_counted_the_same_events_get_numbers_of_their_own(store: LedgerStore) -> None:
    first, second = Ledger(store).keeping_listings(), Ledger(store).keeping_listings()
    assert first.events(PUSH) == second.events(PUSH) == ()  # both have looked: the next is number 1
    first.append(PUSH, LedgerState.REFUSED, at_utc=NOW, detail={"by": "first"})
    second.append(PUSH, LedgerState.PLANNED, at_utc=NOW, detail={"by": "second"})

    assert told(store) == [(1, LedgerState.PLANNED, "second"), (2, LedgerState.REFUSED, "first")]
    # the mart's key is push, sequence and action: two rows of one sequence would keep the day from being settled
    rows = ledger_rows(Ledger(store).events_in("chat-large", Window.day_of(NOW)))
    assert len({(row["push_id"], row["sequence"], row["action_name"]) for row in rows}) == len(rows) == 2
    Ledger(store).append(PUSH, LedgerState.APPROVED, at_utc=NOW, detail={"by": "third"})
    assert [sequence for sequence, _, _ in told(store)] == [1, 2, 3]


def test_of_writers_at_once_no_event_is_lost_and_every_reader_counts_alike(store: LedgerStore) -> None:
    writers = 6
    gate = threading.Barrier(writers)

    def write(number: int) -> None:
        ledger = Ledger(store).keeping_listings()
        ledger.states(PUSH)
        gate.wait(timeout=30)
        for state in FIRST_TRY if number % 2 else SECOND_TRY:
            ledger.append(PUSH, state, at_utc=NOW, detail={"by": number})

    with ThreadPoolExecutor(max_workers=writers) as pool:
        list(pool.map(write, range(writers)))

    found = told(store)
    assert [sequence for sequence, _, _ in found] == list(range(1, 3 * writers + 1))
    assert {(state, by) for _, state, by in found} == {
        (state, number) for number in range(writers) for state in (FIRST_TRY if number % 2 else SECOND_TRY)
    }
    for number in range(writers):  # each one's events stand in the order in which it wrote them
        own = [state for _, state, by in found if by == number]
        assert own == list(FIRST_TRY if number % 2 else SECOND_TRY)
    assert told(store) == found


def test_an_intent_that_took_over_comes_after_all_that_was_written_before_it(store: LedgerStore) -> None:
    """Else a push whose second try dies in the middle would count as ended by its first."""
    first, second = Ledger(store), Ledger(store).keeping_listings()
    first.append(PUSH, LedgerState.INTENDED, at_utc=NOW, detail={"by": "first"})
    assert second.intents("chat-large", now_utc=NOW).half_done == (PUSH,)
    first.append(PUSH, LedgerState.APPLIED, at_utc=NOW, detail={"by": "first"})
    first.append(PUSH, LedgerState.VERIFIED, at_utc=NOW, detail={"by": "first"})
    second.append(PUSH, LedgerState.INTENDED, at_utc=NOW, detail={"by": "second"})

    assert told(store)[-1] == (4, LedgerState.INTENDED, "second")
    assert Ledger(store).intents("chat-large", now_utc=NOW).half_done == (PUSH,)


def test_of_equal_numbers_an_intent_counts_as_the_later_one(store: LedgerStore) -> None:
    """A ledger that was written so: its push may be unfinished, and the next one looks after it."""
    folder = f"ledger/fleet=chat-large/push={PUSH}"
    for name in ("0001-intended", "0002-verified", "0002-intended"):
        number, _, state = name.partition("-")
        event = {"push_id": PUSH, "sequence": int(number), "fleet_id": "chat-large", "state": state, "detail": {}}
        assert store.write_json_once(f"{folder}/{name}.json", {**event, "at_utc": NOW.isoformat()})
    assert Ledger(store).states(PUSH) == (LedgerState.INTENDED, LedgerState.VERIFIED, LedgerState.INTENDED)
    assert Ledger(store).intents("chat-large", now_utc=NOW).half_done == (PUSH,)
