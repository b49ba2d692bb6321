"""Delivers the sandbox's bills as AWS Data Exports does: Parquet and a manifest for each billing period and format.

Layout (AWS Data Exports user guide, "Understanding export delivery"), with existing files overwritten:

    <prefix>/<export>/data/BILLING_PERIOD=2026-11/<export>-00001.snappy.parquet
    <prefix>/<export>/metadata/BILLING_PERIOD=2026-11/<export>-Manifest.json

Bills are brought up to the last midnight (UTC) of the sandbox's clock. Every sandbox day delivers the current period
again as a whole under a new execution id, and for five days after its end the one before. The manifest goes last.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import pyarrow as pa

from headroom.config.sources import BillingExport
from headroom.domain.window import Window, floor_day
from headroom.sandbox.billing_lines import BillLines, bill_lines
from headroom.sandbox.exports_columns import parquet_bytes
from headroom.sandbox.exports_cur import cur_columns
from headroom.sandbox.exports_focus import focus_columns
from headroom.sandbox.world import World

PutObject = Callable[[str, str, bytes], None]
"""Writes an object: bucket, key, content."""

RESTATED: Final = timedelta(days=5)
"""How long after its end a period is still delivered."""

_COLUMNS: Final[dict[str, Callable[[BillLines, Window], dict[str, pa.Array]]]] = {
    "focus": focus_columns,
    "cur2": cur_columns,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One billing period of one export, as it was just written."""

    export_name: str
    period_start: date
    execution_id: str
    manifest_key: str
    data_keys: tuple[str, ...]
    row_count: int
    byte_count: int


class BillingExporter:
    """Writes what changed of the bills since it was last asked; the caller makes the exports' buckets first."""

    def __init__(self, world: World, put_object: PutObject) -> None:
        self._world = world
        self._put_object = put_object
        self._delivered_on: dict[date, datetime] = {}

    def deliver(self) -> tuple[Delivery, ...]:
        """Deliver every period that is due at the world's now; nothing within a sandbox day."""
        today = floor_day(self._world.now_utc)
        deliveries = []
        for period in billing_periods(Window(self._world.start_utc, today)):
            is_new = period.start_utc.date() not in self._delivered_on
            delivered_on = self._delivered_on.get(period.start_utc.date(), today)
            # One that ended between two calls has its last days still to come.
            is_open = delivered_on < min(today, period.end_utc + RESTATED)
            if is_new or is_open:
                deliveries += self._deliver_period(period, today)
                self._delivered_on[period.start_utc.date()] = today
        return tuple(deliveries)

    def _deliver_period(self, period: Window, today: datetime) -> list[Delivery]:
        covered = Window(max(period.start_utc, self._world.start_utc), min(period.end_utc, today))
        lines = bill_lines(self._world, covered)
        return [self._deliver_export(export, period, today, lines) for export in self._world.scenario.exports]

    def _deliver_export(self, export: BillingExport, period: Window, today: datetime, lines: BillLines) -> Delivery:
        columns = _COLUMNS[export.format](lines, period)
        folder = f"BILLING_PERIOD={period.start_utc:%Y-%m}"
        key = f"{export.root}data/{folder}/{export.export_name}-00001.snappy.parquet"
        manifest_key = f"{export.root}metadata/{folder}/{export.export_name}-Manifest.json"
        name = f"{self._world.seed}/{export.root}/{period.start_utc.isoformat()}/{today.isoformat()}"
        execution_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        content = parquet_bytes(columns)
        self._put_object(export.bucket, key, content)
        manifest = {
            "executionId": execution_id,
            "exportName": export.export_name,
            "account": self._world.scenario.account,
            "billingPeriod": {"start": _moment_text(period.start_utc), "end": _moment_text(period.end_utc)},
            "columns": [{"name": column, "type": str(values.type)} for column, values in columns.items()],
            "compression": "PARQUET",
            "contentType": "PARQUET",
            "bucket": export.bucket,
            "dataFiles": [f"s3://{export.bucket}/{key}"],
        }
        self._put_object(export.bucket, manifest_key, json.dumps(manifest, indent=2).encode())
        return Delivery(
            export_name=export.export_name,
            period_start=period.start_utc.date(),
            execution_id=execution_id,
            manifest_key=manifest_key,
            data_keys=(key,),
            row_count=len(next(iter(columns.values()))),
            byte_count=len(content),
        )


def billing_periods(window: Window) -> tuple[Window, ...]:
    """Return the calendar months that `window` touches, in order."""
    periods = []
    start = window.start_utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while start < window.end_utc:
        end = (start + timedelta(days=32)).replace(day=1)
        periods.append(Window(start, end))
        start = end
    return tuple(periods)


def _moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
