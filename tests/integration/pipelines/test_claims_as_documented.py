"""`headroom claims` from its options to its files, with real forecasts: what it writes is what docs/claims.md says."""

import json
import re
from pathlib import Path

import pytest

from headroom.cli import main

PAGE = Path(__file__).resolve().parents[3] / "docs" / "claims.md"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

pytestmark = pytest.mark.integration


def test_the_command_writes_what_the_document_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--out", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "claims.json").read_text()) == summary
    assert (tmp_path / "claims.html").read_text().startswith("<!doctype html>")
    made, shipped = ((tmp_path / "claims.md").read_text(), PAGE.read_text())
    # forecasts differ in their last digits from one processor to the next, so figures may by a little
    assert NUMBER.sub("", made) == NUMBER.sub("", shipped)
    found, said = ([float(text.replace(",", "")) for text in NUMBER.findall(page)] for page in (made, shipped))
    assert found == pytest.approx(said, rel=0.05, abs=2.0)


def test_a_seed_that_is_none_and_a_file_in_the_way_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", "--out", str(tmp_path), "--seed", "-1"]) == 2
    assert "--seed: expected a whole number" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text("")
    assert main(["claims", "--out", str(file)]) == 2
    assert "expected a folder, found a file" in capsys.readouterr().err
