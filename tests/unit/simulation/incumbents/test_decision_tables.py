"""The decision tables of docs/reference/policies.md are what the compiled reactive policies do."""

import re
from pathlib import Path

import numpy as np
import pytest
from tests.unit.simulation.incumbents.small_scene import scene

from headroom.domain.demand import Floats
from headroom.simulation import minute_loop
from headroom.simulation.incumbents import Hpa, TargetTracking, Threshold

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "policies.md"
SCENE = scene([1.0])


def decisions(policy: str) -> list[list[str]]:
    """The rows of the last table under a policy's heading."""
    section = re.split(r"^## ", PAGE.read_text().split(f"\n## {policy}\n")[1], flags=re.MULTILINE)[0]
    *_, table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def parameters_of(policy: Threshold | TargetTracking | Hpa) -> Floats:
    reaction = policy.plan(SCENE).reaction
    assert reaction is not None
    return np.array(reaction.parameters)


def test_the_tables_have_all_their_rows() -> None:
    assert [len(decisions(name)) for name in ("threshold", "target_tracking", "hpa")] == [7, 9, 11]


@pytest.mark.parametrize("row", decisions("threshold"), ids=" | ".join)
def test_threshold(row: list[str]) -> None:
    percent, instances, seconds, wanted = map(int, row)
    step = 20
    decided = minute_loop.decide_threshold(
        step,
        np.full(step, percent / 100.0),
        instances,
        (1, 10),
        parameters_of(Threshold()),
        np.array([step - seconds / 60.0]),
    )
    assert decided == wanted


@pytest.mark.parametrize("row", decisions("target_tracking"), ids=" | ".join)
def test_target_tracking(row: list[str]) -> None:
    measured, before, launching, wanted = map(int, row[1:])
    pairs = [part.split(" x ") for part in row[0].split(", ")]
    busy = np.concatenate([np.full(int(count), int(percent) / 100.0) for count, percent in pairs])
    decided = minute_loop.decide_target_tracking(
        len(busy), busy, np.full(len(busy), measured), before, launching, parameters_of(TargetTracking())
    )
    assert decided == wanted


@pytest.mark.parametrize("row", decisions("hpa"), ids=" | ".join)
def test_hpa(row: list[str]) -> None:
    percent, ready, unready, before, highest, wanted = map(int, row)
    step = 5
    decided = minute_loop.decide_hpa(
        step,
        np.full(step, percent / 100.0),
        np.full(step, ready),
        before,
        ready + unready,
        parameters_of(Hpa()),
        np.full(step + 1, float(highest)),
    )
    assert decided == wanted


@pytest.mark.parametrize(("periods", "wanted"), [(1, 5), (2, 10), (4, 20)])
def test_the_hpa_grows_by_the_larger_of_a_share_and_a_number_each_period(periods: int, wanted: int) -> None:
    # a target of 5 % at 100 % busy wants 20 of 1: in periods 1 + 4 = 5, then 5 x 2 = 10, then 20
    parameters = np.array([0.05, 0.1, 5.0, 1.0, 4.0, periods])
    one = np.ones(1)
    assert minute_loop.decide_hpa(1, one, np.ones(1, dtype=np.int64), 1, 1, parameters, np.zeros(2)) == wanted
