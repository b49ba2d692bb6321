"""The walk through kept trees, compiled: a forecast asks some hundred trees for each of its hours."""

import numpy as np
import numpy.typing as npt

from headroom.compiled import compiled
from headroom.domain.demand import Floats


@compiled
def sum_of_leaves(rows: Floats, nodes: npt.NDArray[np.void]) -> Floats:
    """Return, for each of `rows` (n, features), the sum over trees of the number at the leaf it comes to, shape (n,).

    `nodes`: shape (trees, nodes), as DecisionTrees has them. At an inner node (feature 0 or more) a row whose feature
    is at most `number` goes left, one that lacks it goes where `is_missing_left` says.
    """
    total = np.zeros(len(rows))
    for tree in range(len(nodes)):
        for row in range(len(rows)):
            node = nodes[tree, 0]
            while node["feature"] >= 0:
                value = rows[row, node["feature"]]
                goes_left = node["is_missing_left"] if np.isnan(value) else value <= node["number"]
                node = nodes[tree, node["left"] if goes_left else node["right"]]
            total[row] += node["number"]
    return total
