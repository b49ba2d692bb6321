import os
import stat
from pathlib import Path

import pytest

from headroom.cli import main
from headroom.cli.account import write_draft
from headroom.config import ConfigError


def test_a_draft_that_does_not_load_leaves_the_owners_file_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "fleets.yaml"
    mine.write_text("fleets: []  # mine\n")
    with pytest.raises(ConfigError, match=r"\.fleets\.yaml\.new"):
        write_draft(mine, "fleets: 7\n")
    assert mine.read_text() == "fleets: []  # mine\n"


def test_a_draft_that_loads_takes_its_place(tmp_path: Path) -> None:
    write_draft(tmp_path / "fleets.yaml", "fleets: []\n")
    assert [file.name for file in tmp_path.iterdir()] == ["fleets.yaml"]


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    assert main(["discover", "--region", "us-east-1", "--out", str(pipe), "--force"]) == 2
    assert "is no regular file" in capsys.readouterr().err
    assert stat.S_ISFIFO(pipe.stat().st_mode)
