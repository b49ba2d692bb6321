"""What the doctor reads of the newest forecasts in the lake; it writes nothing there, damaged files included."""

import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.lake.errors import UnreadableFileError
from headroom.lake.layout import chunk_name, chunk_of, hourly_path
from headroom.lake.storage import Storage, open_storage
from headroom.onboarding.findings import Finding
from headroom.onboarding.forecast_findings import forecast_findings, no_run_finding, unreadable_finding
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
    window = _window(newest)
    damaged: dict[int, Finding] = {}
    notes: dict[str, str] = {}
    for chunk in sorted({chunk_of(fleet.id) for fleet in fleets}):
        path = hourly_path(FORECAST_TABLE, window.start_utc, chunk_name(chunk))
        try:
            notes |= _notes(storage, path)
        except (pa.ArrowException, OSError) as error:
            damaged[chunk] = unreadable_finding(path, str(error))
    told = [fleet.id for fleet in fleets if chunk_of(fleet.id) not in damaged]
    return [*damaged.values(), *forecast_findings(told, notes, made_at_utc=window.end_utc)]


def _window(newest: bytes) -> Window:
    try:
        return hour_window(json.loads(newest)["window"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFileError(
            f"{LATEST_KEY}: expected JSON with a window, the start of an hour: {error}"
        ) from error


def _notes(storage: Storage, path: str) -> dict[str, str]:
    found = _read(storage, path)
    if found is None:
        return {}
    rows = pq.read_table(io.BytesIO(found), columns=["fleet_id", "forecast_note"])
    return dict(
        zip(rows["fleet_id"].to_pylist(), (note or "" for note in rows["forecast_note"].to_pylist()), strict=True)
    )


def _read(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
