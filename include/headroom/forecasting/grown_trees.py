"""Trees grown by lightgbm, kept as arrays; the only module that imports it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.decision_trees import LARGEST, LEAF, DecisionTrees, NodeRow
from headroom.forecasting.members import MemberError

_ALWAYS: Final = {"deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1}
"""Equal input gives equal trees, whatever the machine's cores; processes are parallel, threads are not."""
FOREST: Final = {"boosting": "rf", "bagging_freq": 1}


def grow_trees(rows: Floats, target: Floats, parameters: Mapping[str, Any], *, count: int, seed: int) -> DecisionTrees:
    """Return `count` trees that sum to `target` (n,) for `rows` (n, features), NaN being a missing feature.

    `parameters` are LightGBM's; with FOREST among them the trees are alike and each counts for 1 / `count`. Raises
    MemberError where the system lacks the library that lightgbm links, and for numbers beyond single precision: in it
    lightgbm keeps a target and we keep trees.
    """
    if max(float(np.nanmax(np.abs(values), initial=0.0)) for values in (rows, target)) > LARGEST:
        raise MemberError(f"its trees know no numbers beyond {LARGEST:.1g}")
    lightgbm = _lightgbm()
    chosen = {**parameters, **_ALWAYS, "seed": seed}
    booster = lightgbm.train(chosen, lightgbm.Dataset(rows, label=target, params=chosen), num_boost_round=count)
    grown = booster.dump_model()["tree_info"]
    if parameters.get("boosting") != "rf":
        return DecisionTrees.from_rows(_node_rows(tree["tree_structure"], 1.0) for tree in grown)
    share = 1 / len(grown)
    trees = [_node_rows(tree["tree_structure"], share) for tree in grown]
    # a tree of a forest that found nothing to part says 0, whatever the target
    alone = [(LEAF, 0, 0, False, share * float(target.mean()))]
    return DecisionTrees.from_rows(alone if len(nodes) == 1 else nodes for nodes in trees)


def _lightgbm() -> Any:  # noqa: ANN401  # lightgbm is untyped
    try:
        import lightgbm  # noqa: PLC0415  # a second or two to import, and only fits need it
    except OSError as error:
        raise MemberError(f"lightgbm cannot be loaded (Debian, Ubuntu: apt-get install libgomp1): {error}") from error
    return lightgbm


def _node_rows(root: Mapping[str, Any], share: float) -> list[NodeRow]:
    """Return the nodes of one of LightGBM's trees, each before those below it; leaves say `share` of their value."""
    nodes: list[NodeRow] = []

    def add(node: Mapping[str, Any]) -> int:
        number = len(nodes)
        if "leaf_value" in node:
            nodes.append((LEAF, 0, 0, False, share * node["leaf_value"]))
            return number
        nodes.append((LEAF, 0, 0, False, 0.0))
        left, right = add(node["left_child"]), add(node["right_child"])
        # where a feature never lacked a value LightGBM takes a missing one for 0
        is_missing_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        nodes[number] = (node["split_feature"], left, right, bool(is_missing_left), node["threshold"])
        return number

    add(root)
    return nodes
