"""Gradient boosting as a member: one model per series for all steps ahead, from what is known at the origin."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.ahead_features import FEATURE_NAMES, Steps, ahead_features
from headroom.forecasting.decision_trees import DecisionTrees
from headroom.forecasting.grown_trees import grow_trees
from headroom.forecasting.members import FittedForecaster, MemberError, State
from headroom.forecasting.scale import Scale, choose_scale
from headroom.forecasting.series import Series

_FEWEST_DAYS: Final = 7
_REACH_WEEKS: Final = 5
"""What features look back on: four weeks and the change of the weekly mean, with a margin."""
_ROWS_PER_STEP: Final = 3
_NEAR_STEPS: Final = 6
"""Of the origins that each step is learnt from, one lies at most 6 steps before it, the others up to the horizon."""
_FEWEST_ROWS: Final = 100
_TREES: Final = 100
_PARAMETERS: Final = {
    "objective": "l1",  # the path is the median
    "num_leaves": 7,
    "learning_rate": 0.08,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
}
"""More or deeper trees, fewer of them, slower learning and other losses changed the ensemble's loss by under 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoostingFit:
    """Trees for the difference from the recent days' mean at the hour, on `scale`. `kinds`: the flags they know."""

    trees: DecisionTrees
    scale: Scale
    kinds: tuple[str, ...]

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the path after the end of `series`, every step straight from its newest hours."""
        recent = series.newest(min(len(series), _REACH_WEEKS * max(series.seasons)))
        features = ahead_features(recent, self.scale, horizon_steps=horizon_steps, kinds=self.kinds)
        rows, offsets = features.rows(np.full(horizon_steps, len(recent)), np.arange(1, horizon_steps + 1))
        path = offsets + self.trees.predict(rows)
        return self.scale.backward(np.minimum(path, self.scale.forward(np.array([series.ceiling]))))

    def state(self) -> State:
        """Return the fit as JSON values, some 10 kB."""
        return {
            "scale": {"kind": self.scale.kind, "offset": self.scale.offset},
            "kinds": list(self.kinds),
            **self.trees.state(),
        }


@dataclass(frozen=True, slots=True)
class BoostingForecaster:
    """LightGBM on the calendar and on lags known at the origin; a step's distance from it is a feature."""

    name: str = "gradient_boosting"

    def can_fit(self, series: Series) -> bool:
        """Say whether a week was seen: with less the trees learn chance."""
        return int(np.isfinite(series.observed).sum()) >= _FEWEST_DAYS * series.day

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Learn in 0.03 s from pairs of an origin and a step after it, all through the history."""
        scale = choose_scale(series.observed)
        is_seen = np.isfinite(series.observed)
        flags = series.calendar.flags(series.hours)
        kinds = tuple(sorted(kind for kind, hours in flags.items() if (hours & is_seen).any()))
        features = ahead_features(series, scale, horizon_steps=0, kinds=kinds)
        origins, steps_ahead = _pairs(series, horizon_steps, seed)
        rows, offsets = features.rows(origins, steps_ahead)
        missed = scale.forward(series.observed)[origins + steps_ahead - 1] - offsets
        is_known = np.isfinite(missed)
        if is_known.sum() < _FEWEST_ROWS:
            raise MemberError("too few hours to learn from")
        trees = grow_trees(rows[is_known], missed[is_known], _PARAMETERS, count=_TREES, seed=seed)
        return BoostingFit(trees=trees, scale=scale, kinds=kinds)

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        trees, kinds = DecisionTrees.restore(state), tuple(map(str, state["kinds"]))
        if trees.nodes["feature"].max() >= len(FEATURE_NAMES) + len(kinds):
            raise ValueError(f"its trees ask for more than {len(FEATURE_NAMES)} features and the kinds {kinds}")
        return BoostingFit(trees=trees, scale=Scale(**state["scale"]), kinds=kinds)


def _pairs(series: Series, horizon_steps: int, seed: int) -> tuple[Steps, Steps]:
    """Return origins (steps known) and steps ahead: of every step after the second day, from _ROWS_PER_STEP origins."""
    random = np.random.default_rng(seed)
    target = np.tile(np.arange(2 * series.day, len(series)), (_ROWS_PER_STEP, 1))
    ahead = random.integers(1, horizon_steps + 1, size=target.shape)
    ahead[0] = random.integers(1, min(_NEAR_STEPS, horizon_steps) + 1, size=target.shape[1])
    origins = target - ahead + 1
    is_late = origins >= series.day
    return origins[is_late], ahead[is_late]
