"""Decision trees as small arrays: compiled code asks them, text keeps them, the library that grew them only fits."""

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Floats
from headroom.forecasting.members import State
from headroom.forecasting.tree_walk import sum_of_leaves

LEAF: Final = -1
_NODE: Final = np.dtype(
    [("feature", "<i2"), ("left", "<u2"), ("right", "<u2"), ("is_missing_left", "?"), ("number", "<f4")]
)
"""One node: which feature is compared (LEAF: none), where it goes on, and the threshold or the leaf's value."""
LARGEST: Final = float(np.finfo(np.float32).max)
"""Stands for any threshold above it, such as the one that parts what was seen from what is missing."""

NodeRow = tuple[int, int, int, bool, float]
"""feature (or LEAF), left, right, whether a missing value goes left, threshold (or the leaf's value)."""


@dataclass(frozen=True, slots=True, eq=False)
class DecisionTrees:
    """Trees whose answers are added up. `nodes`: shape (trees, most nodes of a tree); the root is node 0."""

    nodes: npt.NDArray[np.void]

    @classmethod
    def from_rows(cls, trees: Iterable[list[NodeRow]]) -> "DecisionTrees":
        """Return the trees given node by node; thresholds and values are kept in single precision."""
        rows = [np.array([(*node, min(number, LARGEST)) for *node, number in tree], dtype=_NODE) for tree in trees]
        nodes = np.zeros((len(rows), max(map(len, rows))), dtype=_NODE)
        nodes["feature"] = LEAF
        for number, tree in enumerate(rows):
            nodes[number, : len(tree)] = tree
        return cls(nodes)

    def predict(self, rows: Floats) -> Floats:
        """Return the trees' sum for each of `rows` (n, features), shape (n,); a value up to the threshold goes left.

        Raises IndexError where a tree asks for a feature that `rows` lack.
        """
        if self.nodes["feature"].max() >= rows.shape[1]:
            raise IndexError(f"its trees ask for more than {rows.shape[1]} features")
        return sum_of_leaves(np.ascontiguousarray(rows, dtype=np.float64), self.nodes)

    def state(self) -> State:
        """Return the trees as JSON values, some 10 bytes a node."""
        packed = base64.b64encode(zlib.compress(self.nodes.tobytes())).decode("ascii")
        return {"trees": len(self.nodes), "nodes": packed}

    @classmethod
    def restore(cls, state: State) -> "DecisionTrees":
        """Return the trees that `state()` described; ValueError where it is damaged."""
        try:
            packed = zlib.decompress(base64.b64decode(state["nodes"]))
        except zlib.error as error:
            raise ValueError(f"its trees cannot be unpacked: {error}") from error
        nodes = np.frombuffer(packed, dtype=_NODE).reshape(state["trees"], -1)
        at, is_inner = np.arange(nodes.shape[1]), nodes["feature"] != LEAF
        for side in ("left", "right"):
            if (is_inner & ((nodes[side] <= at) | (nodes[side] >= nodes.shape[1]))).any():
                raise ValueError("its trees lead nowhere: expected each node before those below it")
        return cls(nodes)
