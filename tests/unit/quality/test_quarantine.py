import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.quality import GateFailure, GateResult, quarantine, unreadable

PATH = "raw/metric_sample/hour=2026-11-18T05/chunk=07.parquet"
RESULT = GateResult(
    table="metric_sample",
    row_count=2,
    failures=(
        GateFailure(expectation="expect_a", column="value", reason="value is missing", unexpected_count=1),
        GateFailure(expectation="expect_b", column="metric", reason="metric is none we know", unexpected_count=2),
    ),
)


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    return Lake(LocalStorage(tmp_path))


def test_rejected_rows_are_kept_as_they_came_with_the_reasons_beside(lake: Lake) -> None:
    frame = pa.table({"value": ["not", "numbers"], "anything": [1, 2]})

    kept = quarantine(lake, PATH, frame, RESULT)

    assert kept == f"quarantine/{PATH}"
    assert pq.read_table(io.BytesIO(lake.storage.read_bytes(kept))).equals(frame)
    document = lake.read_json(f"{kept}.json")
    assert document["reason"] == "metric_sample: value is missing; metric is none we know"
    assert document["meant_for"] == PATH
    assert [failure["unexpected_count"] for failure in document["failures"]] == [1, 2]


def test_one_fleets_rows_are_kept_under_a_name_of_their_own(lake: Lake) -> None:
    assert quarantine(lake, f"{PATH}.chat", pa.table({"a": [1]}), RESULT) == f"quarantine/{PATH}.chat.parquet"


def test_an_unreadable_file_is_kept_byte_by_byte(lake: Lake) -> None:
    kept = quarantine(lake, PATH, b"PAR1 half a fi", unreadable("billing_line", "footer is missing"))

    assert lake.storage.read_bytes(kept) == b"PAR1 half a fi"
    assert lake.read_json(f"{kept}.json")["reason"] == "billing_line: the file is unreadable: footer is missing"


def test_no_view_of_the_lake_sees_what_is_in_quarantine(lake: Lake) -> None:
    quarantine(lake, PATH, pa.table({"a": [1]}), RESULT)

    assert lake.table_files("metric_sample") == []


def test_the_same_refusal_again_gives_the_same_files(lake: Lake) -> None:
    frame = pa.table({"a": [1]})
    quarantine(lake, PATH, frame, RESULT)
    before = {path: lake.storage.read_bytes(path) for path in lake.storage.list("quarantine")}
    quarantine(lake, PATH, frame, RESULT)

    assert {path: lake.storage.read_bytes(path) for path in lake.storage.list("quarantine")} == before
