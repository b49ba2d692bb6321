"""The worked example of docs/replay.md, run as it stands there."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from headroom.cli import main
from headroom.simulation.policies import NAMES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "replay.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([\d ]+) \| (\d+) \| \$([\d.]+) \|$", re.MULTILINE)


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("example")
    (place / "fleet.yaml").write_text(block("yaml"))
    (command,) = re.findall(r"^    headroom (replay .*)$", PAGE, re.MULTILINE)
    names = [*dict.fromkeys(row[0] for row in ROW.findall(PAGE))]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        exec(block("python"), {})  # noqa: S102, our own page
        assert main([*command.split(), "--policy", *names]) == 0
    return place


def test_ready_and_billed_instances_are_those_of_the_page(folder: Path) -> None:
    rows = pd.read_parquet(folder / "replay" / "capacity.parquet")
    shown = ROW.findall(PAGE)
    assert len(shown) == 4
    for name, ready, billed, _ in shown:
        played = rows[rows["policy"] == name]
        assert played["ready"].tolist() == [int(count) for count in ready.split()], name
        assert played["billed"].sum() == int(billed), name


def test_costs_and_the_words_about_threshold_are_those_of_the_page(folder: Path) -> None:
    summary = json.loads((folder / "replay" / "replay.json").read_text())
    for name, _, _, cost in ROW.findall(PAGE):
        assert summary["policies"][name]["cost_usd"] == pytest.approx(float(cost)), name
    assert summary["oracle"]["plain_bound_usd"] == pytest.approx(1.40)
    worst = summary["policies"]["threshold"]["worst_hour"]["explanation"]
    assert "demand averaged 108 a second with a peak of 150; 1 to 2 instances were ready" in worst
    shares = re.findall(r"(\d+) ?%", worst.split("were late: ")[1])
    assert shares == ["51", "27", "22"]
    assert all(f"{share} %" in PAGE for share in shares)


def test_the_page_names_every_figure(folder: Path) -> None:
    summary = json.loads((folder / "replay" / "replay.json").read_text())
    figures = [name for name in summary["policies"]["threshold"] if not name.startswith("latency_")]
    assert [name for name in figures if f"`{name}`" not in PAGE] == []


def test_the_page_names_every_policy() -> None:
    assert [name for name in NAMES if f"`{name}`" not in PAGE] == []
