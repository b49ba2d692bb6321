"""Bills: the periods an AWS Data Export has delivered, and a period's lines as raw.billing_line.

Layout ("Understanding export delivery", AWS Data Exports user guide, read 2026-11), under `<prefix>/<export name>/`:
`metadata/BILLING_PERIOD=YYYY-MM/<export name>-Manifest.json` names the files of the delivery, which stand under
`data/BILLING_PERIOD=YYYY-MM/`, and comes after them. An export that creates new files with every delivery puts a folder
`<time>-<execution id>` below the period in both places; the newest manifest of a period is the one that counts.
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import ModuleType
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from headroom.config.sources import BillingExport
from headroom.extract import billing_cur2, billing_focus
from headroom.extract.billing_columns import BillBatch
from headroom.extract.clients import Clients
from headroom.extract.errors import BadExport, SourceError, answering, describe_failure, is_refusal
from headroom.lake.tables import TABLES

DOWNLOAD_ATTEMPTS = 3
BACKOFF_SECONDS = 2.0
ROWS_PER_BATCH = 65_536
_FORMATS: Final[dict[str, ModuleType]] = {"cur2": billing_cur2, "focus": billing_focus}
_PERIOD: Final = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportManifest:
    """One delivery of one billing period: `files` are keys in the export's bucket, in the manifest's order.

    `etags` are those of the files when the manifest was read, None for a file that was not there; together with
    `assembly_id`, AWS's id of the delivery, they tell whether anything changed.
    """

    period_start: date
    assembly_id: str
    files: tuple[str, ...]
    etags: tuple[str | None, ...]
    delivered_at_utc: datetime
    """When the manifest was written, by S3."""

    @property
    def fingerprint(self) -> str:
        """What to compare with the fingerprint of what was read before."""
        return ",".join([self.assembly_id, *(etag or "missing" for etag in self.etags)])


def list_periods(
    clients: Clients,
    export: BillingExport,
    *,
    on_bad: Callable[[str, BadExport], None] | None = None,
) -> list[ExportManifest]:
    """Return the newest delivery of every billing period, oldest period first; empty before the first delivery.

    A manifest that cannot be read is told to `on_bad` with its period (2026-11) and left out; without `on_bad` it
    raises BadExport. SourceError when S3 does not answer.
    """
    client = clients.client("s3", region=export.region, account=export.account)
    newest: dict[str, tuple[datetime, str]] = {}
    suffix = f"/{export.name}-Manifest.json"
    for item in _list(client, export, f"{export.root}metadata/"):
        if item["Key"].endswith(suffix):
            period = _period_of(export, item["Key"])
            newest[period] = max(
                newest.get(period, (datetime.min.replace(tzinfo=UTC), "")), (item["LastModified"], item["Key"])
            )
    manifests = []
    for period, (delivered_at_utc, key) in sorted(newest.items()):
        etags = {
            item["Key"]: item["ETag"].strip('"')
            for item in _list(client, export, f"{export.root}data/BILLING_PERIOD={period}/")
        }
        try:
            manifests.append(_manifest(client, export, key, period, etags=etags, delivered_at_utc=delivered_at_utc))
        except BadExport as error:
            if on_bad is None:
                raise
            on_bad(period, error)
    return manifests


def read_period(clients: Clients, export: BillingExport, manifest: ExportManifest) -> pa.Table:
    """Return the period's lines, as `read_period_batches` does, in one table."""
    batches = list(read_period_batches(clients, export, manifest))
    return pa.concat_tables(batches) if batches else TABLES["billing_line"].schema.empty_table()


def read_period_batches(
    clients: Clients,
    export: BillingExport,
    manifest: ExportManifest,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[pa.Table]:
    """Yield the period's lines as raw.billing_line tables of at most ROWS_PER_BATCH lines of the export.

    One file at a time is kept on disk and one batch in memory, so a bill of any size can be read; only the columns that
    are used are decoded. BadExport when a file is missing, truncated, or has a column missing or of another type;
    SourceError when S3 does not answer after retries. `pause` takes seconds and is called between attempts.
    """
    client = clients.client("s3", region=export.region, account=export.account)
    source = _FORMATS[export.format]
    for key, etag in zip(manifest.files, manifest.etags, strict=True):
        name = f"s3://{export.bucket}/{key}"
        if etag is None:
            raise BadExport(f"{name}: named by the manifest of {manifest.period_start:%Y-%m}, but not there")
        if not key.endswith(".parquet"):
            raise BadExport(f"{name}: expected Parquet; choose Parquet as the export's format")
        with tempfile.TemporaryFile() as file:
            _download(client, export, key, etag, file=file, pause=pause)
            try:
                yield from _read_file(file, name, source)
            except BadExport as error:
                error.key = key
                raise


def fetch_file(clients: Clients, export: BillingExport, key: str) -> bytes:
    """Return a file of the export as it is, to be kept in quarantine; SourceError when it cannot be fetched."""
    client = clients.client("s3", region=export.region, account=export.account)
    with answering(f"S3 GetObject of s3://{export.bucket}/{key}"):
        content: bytes = client.get_object(Bucket=export.bucket, Key=key)["Body"].read()
    return content


def _read_file(file: IO[bytes], name: str, source: ModuleType) -> Iterator[pa.Table]:
    try:
        parquet = pq.ParquetFile(file)
        columns = [column for column in parquet.schema_arrow.names if source.is_used(column)]
        batches = parquet.iter_batches(batch_size=ROWS_PER_BATCH, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(name, error) from error
        if batch is None:
            return
        yield source.convert(BillBatch(pa.Table.from_batches([batch]), file=name))


def _damaged(name: str, error: Exception) -> BadExport:
    said = " ".join(str(error).split())
    return BadExport(f"{name}: cannot be read as Parquet, truncated or damaged: {said}")


def _download(
    client: Any,  # noqa: ANN401, boto3 makes client classes at run time
    export: BillingExport,
    key: str,
    etag: str,
    *,
    file: IO[bytes],
    pause: Callable[[float], None],
) -> None:
    name = f"s3://{export.bucket}/{key}"
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        try:
            # IfMatch: an export that overwrites its files may do so while we read.
            answer = client.get_object(Bucket=export.bucket, Key=key, IfMatch=f'"{etag}"')
            file.seek(0)
            file.truncate()
            shutil.copyfileobj(answer["Body"], file, length=1024 * 1024)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
                message = f"{name}: was replaced while the delivery was being read; the next run reads the new one"
                raise SourceError(message) from error
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise BadExport(f"{name}: named by the manifest, but not there") from error
            if attempt == DOWNLOAD_ATTEMPTS or is_refusal(error):
                raise SourceError(f"{name}: cannot be fetched: {describe_failure(error)}") from error
            pause(BACKOFF_SECONDS * 2 ** (attempt - 1))
        else:
            file.seek(0)
            return


def _list(client: Any, export: BillingExport, prefix: str) -> list[dict[str, Any]]:  # noqa: ANN401, as above
    with answering(f"S3 ListObjectsV2 of s3://{export.bucket}/{prefix}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=export.bucket, Prefix=prefix)
        return [item for page in pages for item in page.get("Contents", ())]


def _period_of(export: BillingExport, key: str) -> str:
    matched = _PERIOD.search(key)
    if matched is None or not 1 <= int(matched[2]) <= 12:
        raise BadExport(f"s3://{export.bucket}/{key}: expected a folder BILLING_PERIOD=YYYY-MM in the path")
    return f"{matched[1]}-{matched[2]}"


def _manifest(
    client: Any,  # noqa: ANN401, as above
    export: BillingExport,
    key: str,
    period: str,
    *,
    etags: dict[str, str],
    delivered_at_utc: datetime,
) -> ExportManifest:
    name = f"s3://{export.bucket}/{key}"
    with answering(f"S3 GetObject of {name}"):
        text = client.get_object(Bucket=export.bucket, Key=key)["Body"].read()
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BadExport(f"{name}: expected JSON, found {text[:80]!r}: {error}") from error
    assembly_id = content.get("executionId") if isinstance(content, dict) else None
    if not isinstance(assembly_id, str) or not assembly_id:
        raise BadExport(f"{name}: executionId: expected the delivery's id, found {assembly_id!r}")
    locations = content.get("dataFiles")
    if not isinstance(locations, list) or not all(isinstance(location, str) for location in locations):
        raise BadExport(f"{name}: dataFiles: expected a list of s3:// addresses, found {locations!r}")
    files = tuple(_key_of(export, name, location) for location in locations)
    return ExportManifest(
        period_start=date.fromisoformat(f"{period}-01"),
        assembly_id=assembly_id,
        files=files,
        etags=tuple(etags.get(file) for file in files),
        delivered_at_utc=delivered_at_utc,
    )


def _key_of(export: BillingExport, manifest: str, location: str) -> str:
    root = f"s3://{export.bucket}/"
    if location.startswith("s3://") and not location.startswith(root):
        raise BadExport(f"{manifest}: dataFiles: expected files in {root}, found {location}")
    key = location.removeprefix(root)
    if not key.startswith(f"{export.root}data/"):
        raise BadExport(f"{manifest}: dataFiles: expected files below {root}{export.root}data/, found {location}")
    return key
