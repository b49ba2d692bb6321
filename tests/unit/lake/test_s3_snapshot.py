"""Objects that another task replaces while DuckDB reads them."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from headroom.lake import s3_snapshot
from headroom.lake.s3_snapshot import S3Snapshot

PATHS = ("s3://lake/a.parquet", "s3://lake/b.parquet")
WRITTEN = datetime(2026, 11, 18, 5, tzinfo=UTC)
"""Of every version: S3 tells times by the second, so two versions may share one."""


class _Bucket:
    """S3 with one bucket, as a boto3 client: refuses what is absent, and ranges of a version that is gone."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.before_answer: Callable[[int], None] = lambda _: None

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", IfMatch: str = "") -> dict[str, Any]:  # noqa: N803, boto3's names
        assert Bucket == "lake"
        self.asked.append(Range or "whole")
        self.before_answer(len(self.asked))
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        content = self.objects[Key]
        etag = f'"{hash(content)}"'
        if IfMatch and IfMatch != etag:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        if Range:
            start, end = (int(text) for text in Range.removeprefix("bytes=").split("-"))
            content = content[start : end + 1]
        return {"Body": io.BytesIO(content), "ContentLength": len(content), "ETag": etag, "LastModified": WRITTEN}

    def write(self, value: int, *, rows: int = 3) -> None:
        """Replace both objects: every row has the value and its hundredfold, behind a column as wide as the value."""
        for key in ("a.parquet", "b.parquet"):
            data = io.BytesIO()
            columns = {"wide": ["x" * value] * rows, "value": [value] * rows, "hundredfold": [value * 100] * rows}
            pq.write_table(pa.table(columns), data)
            self.objects[key] = data.getvalue()


@pytest.fixture
def bucket() -> _Bucket:
    bucket = _Bucket()
    bucket.write(1)
    return bucket


def rows_of(bucket: _Bucket) -> set[tuple[int, int, int]]:
    listed = ", ".join(f"'{path}'" for path in PATHS)
    with duckdb.connect(config={"threads": 1}) as session:
        session.execute("set enable_external_file_cache = false")
        session.register_filesystem(S3Snapshot(bucket))
        session.execute(f"create temp view seen as select * from read_parquet([{listed}], union_by_name = true)")  # noqa: S608, paths of this test
        query = "select value, hundredfold, count(*) from seen where value > 0 group by all"
        return set(session.execute(query).fetchall())


def test_each_object_is_asked_for_once_however_often_duckdb_opens_it(bucket: _Bucket) -> None:
    assert rows_of(bucket) == {(1, 100, 6)}
    assert bucket.asked == ["whole", "whole"]


@pytest.mark.parametrize("request_number", [1, 2])
@pytest.mark.parametrize("rows", [3, 500])
def test_an_object_replaced_meanwhile_is_seen_whole_old_or_new(bucket: _Bucket, request_number: int, rows: int) -> None:
    bucket.before_answer = lambda number: bucket.write(7, rows=rows) if number == request_number else None
    whole_versions = {(1, 100, 3), (7, 700, rows), (7, 700, 2 * rows)}
    assert rows_of(bucket) <= whole_versions


def test_a_large_object_replaced_between_two_ranges_fails_the_query(
    bucket: _Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_snapshot, "MOST_BYTES_WHOLE", 100)
    assert rows_of(bucket) == {(1, 100, 6)}
    requests = len(bucket.asked)
    for number in range(3, requests + 1):  # after both versions were seen, before each range in turn
        bucket.write(1)
        bucket.asked.clear()
        bucket.before_answer = lambda asked, number=number: bucket.write(7, rows=500) if asked == number else None
        with pytest.raises(duckdb.Error, match="replaced or removed while it was read"):
            rows_of(bucket)
    bucket.before_answer = lambda _: None
    assert rows_of(bucket) == {(7, 700, 1000)}


def test_what_is_kept_for_a_query_is_bounded(bucket: _Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_snapshot, "MOST_BYTES_KEPT", len(bucket.objects["a.parquet"]))
    assert rows_of(bucket) == {(1, 100, 6)}
    assert bucket.asked[:2] == ["whole", "whole"]
    assert all(asked.startswith("bytes=") for asked in bucket.asked[2:])
    assert len(bucket.asked) > 2


def test_an_object_that_is_not_there_is_no_file(bucket: _Bucket) -> None:
    del bucket.objects["b.parquet"]
    with pytest.raises(duckdb.Error, match=r"b\.parquet"):
        rows_of(bucket)


def test_a_snapshot_writes_nothing(bucket: _Bucket) -> None:
    with pytest.raises(ValueError, match="read only"):
        S3Snapshot(bucket).open(PATHS[0], "wb")
