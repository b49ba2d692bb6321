"""The events calendar is read once, with the fleets, and a fault in it stops what would forecast without it."""

from pathlib import Path

import pytest

from headroom.config import ConfigError
from headroom.pipelines.workspace import open_workspace


def test_a_fault_in_events_yaml_is_one_error_that_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    (tmp_path / "events.yaml").write_text("events:\n  - name: launch\n    kind: party\n")
    with pytest.raises(ConfigError, match=r"events\.yaml:3: events\[0\]\.kind"):
        open_workspace({"HEADROOM_CONFIG": str(tmp_path), "HEADROOM_LAKE": str(tmp_path / "lake")})


def test_without_the_file_there_are_no_events(tmp_path: Path) -> None:
    (tmp_path / "fleets.yaml").write_text("fleets: []\n")
    workspace = open_workspace({"HEADROOM_CONFIG": str(tmp_path), "HEADROOM_LAKE": str(tmp_path / "lake")})
    assert workspace.events == ()
