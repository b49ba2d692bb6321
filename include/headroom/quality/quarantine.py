"""Quarantine: what a gate refused is kept, with the reasons beside it, where no view of the lake looks."""

import io
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from headroom.lake.lake import QUARANTINE_FOLDER, Lake
from headroom.quality.result import GateResult


def quarantine(lake: Lake, path: str, rejected: pa.Table | bytes, result: GateResult) -> str:
    """Keep what was refused on its way to `path`, and say why in a .json beside it; return where it is kept.

    A frame is kept as Parquet with the columns and dtypes it came with, raw bytes as they are. The same refusal again
    gives the same files.
    """
    if isinstance(rejected, bytes):
        kept, data = f"{QUARANTINE_FOLDER}/{path}.raw", rejected
    else:
        sink = io.BytesIO()
        pq.write_table(rejected, sink, compression="zstd")
        kept, data = f"{QUARANTINE_FOLDER}/{path.removesuffix('.parquet')}.parquet", sink.getvalue()
    lake.storage.write_bytes(kept, data)
    lake.write_json(
        f"{kept}.json",
        {
            "table": result.table,
            "meant_for": path,
            "row_count": result.row_count,
            "reason": result.reason,
            "failures": [asdict(failure) for failure in result.failures],
        },
    )
    return kept
