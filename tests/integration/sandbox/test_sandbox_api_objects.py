"""S3 of the sandbox: its own quick answers to everyday calls, and moto's to the others, are about the same objects."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pyarrow.fs import FileSelector, S3FileSystem
from tests.integration.sandbox.conftest import ServedSandbox

from headroom.sandbox.seeding import LAKE_BUCKET

pytestmark = pytest.mark.integration
ODD_KEY = "objects/a b+c/ü&<1>=%41.json"


@pytest.fixture
def s3(sandbox: ServedSandbox) -> Any:
    return sandbox.control.client("s3")


def put(s3: Any, key: str, content: bytes, **options: str) -> Any:
    return s3.put_object(Bucket=LAKE_BUCKET, Key=key, Body=content, **options)


def get(s3: Any, key: str, **options: str) -> bytes:
    content: bytes = s3.get_object(Bucket=LAKE_BUCKET, Key=key, **options)["Body"].read()
    return content


def status_of(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(Bucket=LAKE_BUCKET, **arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_an_object_comes_back_as_it_was_put_and_as_it_was_replaced(s3: Any, sandbox: ServedSandbox) -> None:
    for content in (b"first", b"", bytes(range(256)) * 5000):
        tag = put(s3, ODD_KEY, content)["ETag"]
        head = s3.head_object(Bucket=LAKE_BUCKET, Key=ODD_KEY)
        assert get(s3, ODD_KEY) == content
        assert (head["ContentLength"], head["ETag"]) == (len(content), tag)
        assert head["LastModified"] == sandbox.now.replace(microsecond=0)


def test_ranges_are_what_s3_gives(s3: Any) -> None:
    put(s3, "objects/range", b"0123456789")
    assert get(s3, "objects/range", Range="bytes=2-4") == b"234"
    assert get(s3, "objects/range", Range="bytes=7-") == b"789"
    assert get(s3, "objects/range", Range="bytes=-3") == b"789"
    assert get(s3, "objects/range", Range="bytes=8-99") == b"89"
    assert status_of(s3.get_object, Key="objects/range", Range="bytes=10-12")[0] == 416


def test_a_put_that_must_create_refuses_what_is_there(s3: Any) -> None:
    put(s3, "objects/once", b"one", IfNoneMatch="*")
    assert status_of(s3.put_object, Key="objects/once", Body=b"two", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert get(s3, "objects/once") == b"one"


def test_what_is_not_there_is_told_so(s3: Any) -> None:
    assert status_of(s3.get_object, Key="objects/none") == (404, "NoSuchKey")
    assert status_of(s3.head_object, Key="objects/none")[0] == 404
    put(s3, "objects/gone", b"x")
    s3.delete_object(Bucket=LAKE_BUCKET, Key="objects/gone")
    s3.delete_object(Bucket=LAKE_BUCKET, Key="objects/gone")
    assert status_of(s3.get_object, Key="objects/gone") == (404, "NoSuchKey")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="no-such-bucket", Key="x", Body=b"")


def test_a_listing_has_every_key_in_order_over_all_pages(s3: Any) -> None:
    keys = sorted([f"list/{number:02d}" for number in range(7)] + ["list/a b+ü&<", "list/a/b"])
    for key in keys:
        put(s3, key, key.encode())
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=LAKE_BUCKET, Prefix="list/", PaginationConfig={"PageSize": 4}
    )
    found = [item for page in pages for item in page["Contents"]]
    assert [item["Key"] for item in found] == keys
    assert [item["Size"] for item in found] == [len(key.encode()) for key in keys]
    assert isinstance(found[0]["LastModified"], datetime)
    assert found[0]["LastModified"].astimezone(UTC).year == 2026


def test_other_clients_and_calls_see_the_same_objects(s3: Any, sandbox: ServedSandbox) -> None:
    put(s3, "both/one", b"1")
    s3.copy_object(Bucket=LAKE_BUCKET, Key="both/two", CopySource=f"{LAKE_BUCKET}/both/one")
    assert get(s3, "both/two") == b"1"
    s3.put_object(Bucket=LAKE_BUCKET, Key="both/three", Body=b"3", Metadata={"a": "b"})
    assert s3.head_object(Bucket=LAKE_BUCKET, Key="both/three")["ContentLength"] == 1
    files = S3FileSystem(
        access_key="sandbox",
        secret_key="sandbox",
        region="us-east-1",
        scheme="http",
        endpoint_override=sandbox.control.url.removeprefix("http://"),
    )
    assert files.open_input_file(f"{LAKE_BUCKET}/both/one").read() == b"1"
    listed = files.get_file_info(FileSelector(f"{LAKE_BUCKET}/both"))
    assert sorted(item.base_name for item in listed) == ["one", "three", "two"]
