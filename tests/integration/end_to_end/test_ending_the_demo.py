"""However the demo ends, nothing that it started is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.end_to_end.demo_under_test import wait_until

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.process_group import session_members

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

SCRIPT = """
import sys
from pathlib import Path
from headroom.sandbox import demo
demo.DEMO_FOLDER = Path(sys.argv[1])
raise SystemExit(demo.main(["run"]))
"""
SERVERS = 5  # sandbox cloud, history, api-server, dag-processor, scheduler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    with (tmp_path / "demo.log").open("w") as log:
        demo = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder)],
            cwd=PROJECT_ROOT,
            env={**os.environ, "PYTHONPATH": "include"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def sessions() -> list[int]:
        record = folder / "running.json"
        return [entry["process_id"] for entry in json.loads(record.read_text())["sessions"]] if record.exists() else []

    wait_until(lambda: len(sessions()) >= SERVERS or demo.poll() is not None, "all servers started")
    started = sessions()
    demo.send_signal(number)
    assert demo.wait(60) == 130
    assert {session: session_members(session) for session in started} == {session: [] for session in started}
    assert "Interrupted" in (tmp_path / "demo.log").read_text()
