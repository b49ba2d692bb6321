import json

import numpy as np
import pytest

from headroom.forecasting.decision_trees import LEAF, DecisionTrees

STUMP = [(0, 1, 2, True, 5.0), (LEAF, 0, 0, False, 1.0), (LEAF, 0, 0, False, 2.0)]
DEEPER = [
    (1, 1, 2, False, 0.5),
    (LEAF, 0, 0, False, 10.0),
    (0, 3, 4, False, 7.0),
    (LEAF, 0, 0, False, 20.0),
    (LEAF, 0, 0, False, 30.0),
]


def test_the_answers_of_all_trees_are_added_up() -> None:
    """The stump says 1 up to 5 and 2 above; the other 10 where the second feature is low, else 20 up to 7 and 30."""
    trees = DecisionTrees.from_rows([STUMP, DEEPER])
    rows = np.array([[5.0, 0.0], [6.0, 1.0], [8.0, 1.0]])
    assert trees.predict(rows).tolist() == [1 + 10, 2 + 20, 2 + 30]


def test_a_missing_value_goes_where_its_node_says() -> None:
    trees = DecisionTrees.from_rows([STUMP, DEEPER])
    assert trees.predict(np.array([[np.nan, np.nan]])).tolist() == [1 + 30]


def test_trees_survive_their_own_state() -> None:
    trees = DecisionTrees.from_rows([STUMP, DEEPER])
    again = DecisionTrees.restore(json.loads(json.dumps(trees.state())))
    rows = np.random.default_rng(1).normal(5, 3, size=(50, 2))
    assert again.predict(rows).tolist() == trees.predict(rows).tolist()


def test_a_tree_that_is_one_leaf_says_its_value_everywhere() -> None:
    assert DecisionTrees.from_rows([[(LEAF, 0, 0, False, 4.0)]]).predict(np.zeros((3, 2))).tolist() == [4, 4, 4]


def test_a_threshold_beyond_all_values_parts_the_seen_from_the_missing() -> None:
    trees = DecisionTrees.from_rows([[(0, 1, 2, False, 1e300), (LEAF, 0, 0, False, 1.0), (LEAF, 0, 0, False, 2.0)]])
    assert trees.predict(np.array([[1e9], [np.nan]])).tolist() == [1, 2]


def test_a_feature_that_the_rows_lack_is_refused() -> None:
    with pytest.raises(IndexError, match="ask for more than 1 features"):
        DecisionTrees.from_rows([DEEPER]).predict(np.zeros((3, 1)))
