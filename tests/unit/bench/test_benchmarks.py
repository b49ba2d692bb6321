"""Every benchmark of tests/bench can be run by run.py; their figures are for `make bench`."""

import inspect
import json
import sys
from pathlib import Path

import pytest
from tests.bench import run


@pytest.mark.parametrize("name", run.names())
def test_a_benchmark_says_what_it_measures_and_takes_is_quick(name: str) -> None:
    module = run.load(name)
    assert module.__doc__.startswith("Bench of ")
    assert list(inspect.signature(module.measure).parameters) == ["is_quick"]


def test_figures_are_written_with_the_machine_they_are_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "var" / "bench.json"
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick", "--only", "marts", "--out", str(out)])
    assert run.main() == 0
    written = json.loads(out.read_text())
    assert written["machine"]["is_quick"] is True
    assert set(written["machine"]) == {"python", "cores", "is_quick"}
    measured = written["benchmarks"]["marts"]
    assert measured["samples"] == 20 * 3 * 7 * 288
    assert measured["seconds_over_pandas"] > 0
    assert measured["peak_memory_mib"] > 0
