"""The walk through kept trees, compiled: a forecast asks some hundred trees for each of its hours."""

import numpy as np
import numpy.typing as npt

from headroom.compiled import compiled
from headroom.domain.demand import Floats


@compiled
def sum_of_leaves(
    rows: Floats,
    feature: npt.NDArray[np.int16],
    left: npt.NDArray[np.uint16],
    right: npt.NDArray[np.uint16],
    is_missing_left: npt.NDArray[np.bool_],
    number: npt.NDArray[np.float32],
) -> Floats:
    """Return, for each of `rows` (n, features), the sum over trees of the number at the leaf it comes to, shape (n,).

    The others have shape (trees, nodes). At an inner node (feature 0 or more) a row whose feature is at most `number`
    goes left, one that lacks it goes where `is_missing_left` says.
    """
    total = np.zeros(len(rows))
    for tree in range(len(feature)):
        for row in range(len(rows)):
            at = 0
            while feature[tree, at] >= 0:
                value = rows[row, feature[tree, at]]
                goes_left = is_missing_left[tree, at] if np.isnan(value) else value <= number[tree, at]
                at = left[tree, at] if goes_left else right[tree, at]
            total[row] += number[tree, at]
    return total
