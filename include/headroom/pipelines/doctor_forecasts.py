"""What the doctor reads of the newest forecasts in the lake; it writes nothing there, damaged files included."""

import io
import json
from collections.abc import Iterable, Sequence

import pyarrow.parquet as pq

from headroom.domain.fleet import Fleet
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.storage import Storage, open_storage
from headroom.onboarding.findings import Finding
from headroom.onboarding.forecast_findings import forecast_findings, no_run_finding
from headroom.pipelines.demand_history import FORECAST_TABLE
from headroom.pipelines.newest_report import LATEST_KEY
from headroom.pipelines.windows import hour_window


def examine_forecasts(root: str, fleets: Sequence[Fleet]) -> list[Finding]:
    """Look at the forecasts of the newest hour that was reported, those of `fleets`."""
    if not fleets:
        return []
    storage = open_storage(root)
    newest = _read(storage, LATEST_KEY)
    if newest is None:
        return [no_run_finding(root)]
    window = hour_window(json.loads(newest)["window"])
    chunks = sorted({chunk_of(fleet.id) for fleet in fleets})
    paths = [hourly_path(FORECAST_TABLE, window.start_utc, chunk_name(chunk)) for chunk in chunks]
    return forecast_findings([fleet.id for fleet in fleets], _notes(storage, paths), made_at_utc=window.end_utc)


def _notes(storage: Storage, paths: Iterable[str]) -> dict[str, str]:
    notes: dict[str, str] = {}
    for path in paths:
        found = _read(storage, path)
        if found is not None:
            rows = pq.read_table(io.BytesIO(found), columns=["fleet_id", "forecast_note"])
            notes.update(zip(rows["fleet_id"].to_pylist(), rows["forecast_note"].to_pylist(), strict=True))
    return {fleet_id: note or "" for fleet_id, note in notes.items()}


def _read(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
