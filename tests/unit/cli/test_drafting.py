from pathlib import Path

import pytest

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
