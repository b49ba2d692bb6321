import builtins
from typing import Any

import lightgbm
import numpy as np
import pytest

from headroom.forecasting.grown_trees import FOREST, grow_trees
from headroom.forecasting.members import MemberError

PARAMETERS = {"num_leaves": 7, "min_data_in_leaf": 5, "bagging_fraction": 0.7}


@pytest.mark.parametrize("parameters", [PARAMETERS, {**PARAMETERS, **FOREST}], ids=["boosting", "forest"])
def test_lightgbm_and_the_arrays_kept_of_its_trees_say_the_same(parameters: dict[str, float | str]) -> None:
    random = np.random.default_rng(5)
    rows = random.normal(size=(500, 3))
    rows[random.random(rows.shape) < 0.1] = np.nan
    target = np.nan_to_num(rows[:, 0]) * 2 + (rows[:, 1] > 0)
    always = {**parameters, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1, "seed": 1}
    booster = lightgbm.train(always, lightgbm.Dataset(rows, label=target), 20)
    trees = grow_trees(rows, target, parameters, count=20, seed=1)
    assert trees.predict(rows) == pytest.approx(booster.predict(rows), abs=1e-5)
    assert grow_trees(rows, target, parameters, count=20, seed=1).state() == trees.state()
    assert grow_trees(rows, target, {**parameters, **FOREST}, count=20, seed=2).state() != trees.state()


def test_a_system_without_libgomp_costs_the_member_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *others: Any) -> Any:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return load(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MemberError, match="apt-get install libgomp1"):
        grow_trees(np.zeros((9, 1)), np.zeros(9), PARAMETERS, count=1, seed=1)


@pytest.mark.parametrize("size", [1e39, -1e39])
@pytest.mark.parametrize("place", ["rows", "target"])
def test_numbers_beyond_single_precision_are_refused_and_not_cut_off(size: float, place: str) -> None:
    given = {"rows": np.ones((50, 1)), "target": np.ones(50)}
    given[place][7] = size
    with pytest.raises(MemberError, match="no numbers beyond 3e\\+38"):
        grow_trees(**given, parameters=PARAMETERS, count=1, seed=1)


def test_a_forest_of_a_constant_target_says_it_and_of_one_that_hardly_varies_its_mean() -> None:
    """LightGBM's forests say 0 in each tree that finds nothing to part: a target of 7 was forecast as 0."""
    rows, target = np.arange(200.0)[:, np.newaxis], np.full(200, 7.0)
    assert grow_trees(rows, target, {**PARAMETERS, **FOREST}, count=20, seed=1).predict(rows) == pytest.approx(target)
    target[-1] = 8.0
    said = grow_trees(rows, target, {**PARAMETERS, **FOREST}, count=20, seed=1).predict(rows[:100])
    assert said == pytest.approx(7.0, abs=0.1)
