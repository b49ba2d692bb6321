"""Reads the newest report from the lake."""

import os
from collections.abc import Mapping

NEWEST_REPORT_PATH = "reports/latest.html"

NO_REPORT_YET = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Headroom</title></head>
<body style="font-family: system-ui, sans-serif; max-width: 40em; margin: 3em auto; line-height: 1.5">
<h1>No report yet</h1>
<p>The DAG <b>scale_ahead</b> writes one at the end of each run, when an hour of utilization has landed.</p>
<p>To start with history, backfill <b>settle_days</b> over the last weeks, then trigger <b>extract_utilization</b>.</p>
</body>
</html>
"""


def read_newest_report(environment: Mapping[str, str] = os.environ) -> str:
    """Return the newest report's HTML, or a page that says how to get one where the lake has none."""
    # Every Airflow process loads its plugins, and only the API server needs the lake.
    from headroom.lake.errors import UnreadableFileError  # noqa: PLC0415, see above
    from headroom.pipelines.workspace import open_lake  # noqa: PLC0415, see above

    try:
        return open_lake(environment).storage.read_bytes(NEWEST_REPORT_PATH).decode()
    except FileNotFoundError:
        return NO_REPORT_YET
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{NEWEST_REPORT_PATH}: expected a page in UTF-8: {error}") from error
