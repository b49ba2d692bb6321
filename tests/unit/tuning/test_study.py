"""Tuning finds the knobs of least score, leaves the main one alone, and does the same again."""

from dataclasses import dataclass

import pytest

from headroom.simulation.knobs import Adjustable, choice_knob, number_knob
from headroom.tuning.study import tune


@dataclass(frozen=True, slots=True, kw_only=True)
class Valley(Adjustable):
    level: float = number_knob(5.0, low=0.0, high=10.0, is_main=True, text="swept")
    width: float = number_knob(1.0, low=0.0, high=10.0, text="best at 3")
    count: int = number_knob(1, low=1, high=9, text="best at 7")
    kind: str = choice_knob("steep", choices=("steep", "flat"), text="best flat")

    def __post_init__(self) -> None:
        Adjustable.__post_init__(self)
        if self.count > 8 and self.width > 5:
            raise ValueError("count and width exclude each other")


def depth(valley: Valley) -> float:
    return (valley.width - 3.0) ** 2 + abs(valley.count - 7) + (0.0 if valley.kind == "flat" else 5.0)


def test_the_knobs_of_least_score_are_found_and_the_main_one_stays() -> None:
    found = tune(Valley(level=2.0), depth, trials=150, seed=0)
    assert found.level == 2.0
    assert found.kind == "flat"
    assert found.count == 7
    assert found.width == pytest.approx(3.0, abs=0.5)
    assert depth(found) < depth(Valley())


def test_the_same_seed_gives_the_same_knobs() -> None:
    assert tune(Valley(), depth, trials=20, seed=3) == tune(Valley(), depth, trials=20, seed=3)


def test_one_trial_is_the_policy_as_it_is() -> None:
    assert tune(Valley(width=8.0), depth, trials=1) == Valley(width=8.0)
    assert tune(Valley(), depth, trials=0) == Valley()


def test_a_sweep_goes_through_the_main_knob_alone_and_leaves_out_what_others_exclude() -> None:
    swept = Valley(width=6.0).swept(count=3)
    assert [(name, valley.level, valley.width) for name, valley in swept.items()] == [
        ("level 0", 0.0, 6.0),
        ("level 5", 5.0, 6.0),
        ("level 10", 10.0, 6.0),
    ]


def test_a_value_outside_its_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="width must lie between 0 and 10, found 11"):
        Valley(width=11.0)
    with pytest.raises(ValueError, match="kind must be one of steep, flat, found 'deep'"):
        Valley(kind="deep")
