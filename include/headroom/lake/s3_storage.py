"""Storage in S3: every write is one PutObject, so a reader sees the old object or the new one, never half.

DuckDB reads through headroom.lake.s3_snapshot: its own S3 client would have to be downloaded at run time.
"""

from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from headroom.lake.paths import checked_path
from headroom.lake.s3_snapshot import ABSENT_CODES, S3Snapshot, error_code
from headroom.lake.storage import check_size

_TAKEN_CODES: Final = frozenset({"412", "PreconditionFailed"})
_CONFLICT_CODES: Final = frozenset({"409", "ConditionalRequestConflict"})
"""S3's answer to conditional writes that it cannot order: "retry the upload" (PutObject, API reference, 2026-11)."""
_MOST_CONFLICTS: Final = 5
_CONFIG: Final = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})


class S3Storage:
    """Files under s3://bucket/prefix; `client` is a boto3 S3 client, made from the environment when not given."""

    def __init__(self, bucket: str, prefix: str = "", *, client: Any = None) -> None:  # noqa: ANN401, boto3 clients have no type
        self.bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = client if client is not None else boto3.client("s3", config=_CONFIG)

    def read_bytes(self, path: str, *, most_bytes: int | None = None) -> bytes:
        """Return the object's content, if no larger than `most_bytes`; FileNotFoundError when it is not there."""
        try:
            response = self._client.get_object(Bucket=self.bucket, Key=self._key(path))
        except ClientError as error:
            if error_code(error) in ABSENT_CODES:
                raise FileNotFoundError(self.url(path)) from error
            raise
        check_size(path, response["ContentLength"], most_bytes=most_bytes)
        body: bytes = response["Body"].read()
        return body

    def write_bytes(self, path: str, data: bytes) -> None:
        """Replace the object in one request."""
        self._client.put_object(Bucket=self.bucket, Key=self._key(path), Body=data)

    def write_bytes_if_absent(self, path: str, data: bytes) -> bool:
        """Create the object if S3 itself finds none there; of two racing writers one gets False."""
        for attempt in range(1, _MOST_CONFLICTS + 1):
            try:
                self._client.put_object(Bucket=self.bucket, Key=self._key(path), Body=data, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) in _TAKEN_CODES:
                    return False
                if error_code(error) not in _CONFLICT_CODES or attempt == _MOST_CONFLICTS:
                    raise
            else:
                return True
        raise AssertionError("the last attempt returns or raises")

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        """Return, sorted, every object below `folder` whose first name after it starts with `name_prefix`."""
        return sorted(self._objects(folder, name_prefix))

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of every object below `folder`, as the listing tells them."""
        return dict(sorted(self._objects(folder, "").items()))

    def _objects(self, folder: str, name_prefix: str) -> dict[str, int]:
        start = f"{self._key(folder)}/" if folder else self._prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket,
            Prefix=f"{start}{name_prefix}",
        )
        return {
            item["Key"].removeprefix(self._prefix): int(item["Size"])
            for page in pages
            for item in page.get("Contents", [])
            if not item["Key"].endswith("/")
        }

    def exists(self, path: str) -> bool:
        """Whether the object is there."""
        try:
            self._client.head_object(Bucket=self.bucket, Key=self._key(path))
        except ClientError as error:
            if error_code(error) in ABSENT_CODES:
                return False
            raise
        return True

    def delete(self, path: str) -> None:
        """Remove the object; S3 takes a missing one for removed."""
        self._client.delete_object(Bucket=self.bucket, Key=self._key(path))

    def url(self, path: str) -> str:
        """Return s3://bucket/key."""
        return f"s3://{self.bucket}/{self._key(path)}"

    def filesystem(self) -> S3Snapshot:
        """Return a new snapshot of the bucket: each object in the version that is first asked for."""
        return S3Snapshot(self._client)

    def _key(self, path: str) -> str:
        return f"{self._prefix}{checked_path(path)}"
