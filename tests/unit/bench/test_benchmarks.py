"""Every benchmark of tests/bench can be run by run.py; their figures are for `make bench`."""

import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.bench import record, run


@pytest.mark.parametrize("name", run.names())
def test_a_benchmark_says_what_it_measures_and_takes_is_quick(name: str) -> None:
    module = run.load(name)
    assert module.__doc__.startswith("Bench of ")
    assert list(inspect.signature(module.measure).parameters) == ["is_quick"]


@pytest.mark.thorough
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


def test_where_only_ours_never_reaches_a_share_the_cell_is_not_left_out() -> None:
    never = float("inf")
    cells = {
        "easy": {"cost_usd": {"hpa": [4.0] * 3, "headroom_reactive": [3.0] * 3}, "oracle_hourly_usd": [2.0] * 3},
        "hard": {
            "cost_usd": {"hpa": [4.0, 4.0, never], "headroom_reactive": [3.0, never, 3.0]},
            "oracle_hourly_usd": [2.0] * 3,
        },
    }
    low, middle, high = run.load("replay").pooled(cells).values()
    # of 4 + 4 for the incumbent, ours saves 2 where the oracle saves 4
    assert low["gap_closed_fraction"] == 0.5
    assert middle["pooled_over_best_incumbent"] == never
    assert middle["left_out"] == {}
    assert high["left_out"] == {"hard": "never reached by every incumbent"}
    assert high["pooled_over_best_incumbent"] == 0.75


def test_what_is_not_served_is_work_over_the_sustainable_rate_of_an_instance() -> None:
    carried = np.array([0.0, 8.0, 20.0, 33.0])  # many carry more each than one alone
    rates, ready = np.array([25.0, 20.0, 4.0, 15.0]), np.array([2, 2, 0, 3])
    # 5 beyond 20 at 10 each; none; 4 beyond nothing at 8 each; none
    assert run.load("replay").unserved_instances(rates, ready, carried).tolist() == [0.5, 0.0, 0.5, 0.0]


def test_figures_are_written_between_their_marks_and_nowhere_else() -> None:
    start, end = record.marks("replay")
    page = f"before\n{start}\nold\n{end}\nafter\n"
    assert record.recorded(page, "replay", ["one", "two"]) == f"before\n{start}\none\ntwo\n{end}\nafter\n"
    for bad in (f"{end}\n{start}\n", start, page + page):
        with pytest.raises(ValueError, match="once each, in this order"):
            record.recorded(bad, "replay", [])


@pytest.mark.parametrize("name", [name for name in run.names() if hasattr(run.load(name), "lines")])
def test_the_page_has_a_place_for_every_benchmark_that_writes_there(name: str) -> None:
    page = record.PAGE.read_text(encoding="utf-8")
    assert record.recorded(page, name, ["figures"]).count("figures\n") >= 1
