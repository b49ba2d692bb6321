"""Kept selections that are damaged: they are refused whole, so that an older one or a new choice serves."""

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.unit.forecasting.demand_examples import after_hours, history_of, series_of, shaped_demand

from headroom.forecasting.boosting import BoostingForecaster
from headroom.forecasting.fleet_forecast import select_provisionally
from headroom.forecasting.selection import Selection

HOURS = 24 * 14
HISTORY = history_of(shaped_demand(HOURS))
AT = after_hours(HOURS)


@pytest.fixture(scope="module")
def kept() -> str:
    """A selection as the lake keeps it, with a fit of trees and a path of Prophet's."""
    state = select_provisionally(HISTORY, made_at_utc=AT).to_json()
    scale = {"kind": "level", "offset": 0.0}
    fits = state["targets"]["mean"]["fits"]
    boosting = BoostingForecaster().fit(series_of(HISTORY.mean_per_second), horizon_steps=24, seed=1)
    fits["gradient_boosting"] = boosting.state()
    fits["prophet"] = {
        "first_hour": "2026-10-05T00:00:00",
        "scaled_path": [1.0] * (HOURS + 200),
        "scale": scale,
        "correction": {"lags": [1], "coefficients": [0.5], "limit": 1.0},
        "largest": None,
    }
    return json.dumps(state)


def change(*place: str, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(state: dict[str, Any]) -> None:
        *parents, last = place
        for key in parents:
            state = state[key]
        if to is None:
            del state[last]
        else:
            state[last] = to

    return apply


MEAN = ("targets", "mean")
TREES = (*MEAN, "fits", "gradient_boosting")
ZEROS = base64.b64encode(zlib.compress(bytes(11 * 700))).decode()
"""Nodes that all compare feature 0 and go on to the root."""


def test_what_was_kept_is_read_again(kept: str) -> None:
    assert Selection.from_json(json.loads(kept)).to_json() == json.loads(kept)


@pytest.mark.parametrize("document", [None, [], 5, "a selection", {}])
def test_what_is_no_selection_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="selection of None: format None, expected 2"):
        Selection.from_json(document)


@pytest.mark.parametrize(
    "damage",
    [
        change("fitted_at_utc", to=5),
        change("fitted_at_utc", to="2026-10-19T00:00:00"),
        change("targets", to=[]),
        change("targets", "peak", to=None),
        change(*MEAN, "weights", "1-2", to=None),
        change(*MEAN, "weights", "1-2", to=["prophet"]),
        change(*MEAN, "weights", "1-2", to={"prophet": "all"}),
        change(*MEAN, "weights", "1-2", to={"prophet": -7}),
        change(*MEAN, "calibration", to={}),
        change(*MEAN, "calibration", "offsets", "3-6", to=None),
        change(*MEAN, "calibration", "offsets", "3-6", to=[0.0] * 12),
        change(*MEAN, "calibration", "near_error", to=float("nan")),
        change(*MEAN, "calibration", "near_error", to=-1.0),
        change(*MEAN, "calibration", "scale", to={"kind": "cubic", "offset": 0.0}),
        change(*MEAN, "fits", to=5),
        change(*TREES, "nodes", to="x"),
        change(*TREES, "nodes", to=base64.b64encode(b"no trees").decode()),
        change(*TREES, "nodes", to=ZEROS),
        change(*TREES, "kinds", to=5),
        change(*MEAN, "fits", "prophet", "scaled_path", to=1.0),
        change(*MEAN, "fits", "prophet", "first_hour", to="midnight"),
        change(*MEAN, "fits", "prophet", "correction", "lags", to=[1, 24]),
        change(*MEAN, "fits", "level_corrected", to={}),
        change(*MEAN, "fits", to="nothing"),
        change(*MEAN, "fits", to=[]),
        change(*MEAN, "calibration", "near_error", to="nan"),
        change(*MEAN, "calibration", "offsets", "3-6", to=[0.0] * 12 + [1e300]),
        change(*MEAN, "calibration", "offsets", "3-6", to=[1.0] + [0.0] * 12),
        change(*MEAN, "calibration", "scale", "offset", to=1e300),
        change(*MEAN, "fits", "prophet", "first_hour", to=0),
        change(*MEAN, "fits", "prophet", "first_hour", to="2026-10-05T00:00:00+01:00"),
        change(*MEAN, "fits", "prophet", "scaled_path", to=[]),
        change(*MEAN, "fits", "prophet", "scaled_path", to=["inf"]),
        change(*MEAN, "fits", "prophet", "correction", "coefficients", to=[1e300]),
        change(*MEAN, "fits", "prophet", "correction", "coefficients", to=["nan"]),
        change(*MEAN, "fits", "prophet", "correction", "lags", to=[10**40]),
        change(*MEAN, "fits", "prophet", "correction", "limit", to="nan"),
        change(*MEAN, "fits", "weeks_corrected", "season", to=10**40),
        change(*MEAN, "fits", "weeks_corrected", "seasons", to=1e300),
        change(*MEAN, "fits", "weeks_corrected", "level", to=1e300),
        change(*MEAN, "past_errors", to="50"),
        change(*MEAN, "past_errors", to=["x5"]),
        change(*MEAN, "past_errors", to=[5]),
    ],
)
def test_a_damaged_selection_is_refused_whole(kept: str, damage: Callable[[dict[str, Any]], None]) -> None:
    state = json.loads(kept)
    damage(state)
    with pytest.raises(ValueError):  # noqa: PT011, the words are of many makers
        Selection.from_json(state)


def test_trees_that_ask_for_features_that_are_none_are_refused(kept: str) -> None:
    state = json.loads(kept)
    fit = state["targets"]["mean"]["fits"]["gradient_boosting"]
    packed = bytearray(zlib.decompress(base64.b64decode(fit["nodes"])))
    packed[:2] = np.int16(99).tobytes()  # the first tree's first feature
    fit["nodes"] = base64.b64encode(zlib.compress(bytes(packed))).decode()
    with pytest.raises(ValueError, match="ask for more than 21 features"):
        Selection.from_json(state)


def test_a_member_that_is_no_more_leaves_its_weight_to_the_others(kept: str) -> None:
    state = json.loads(kept)
    state["targets"]["mean"]["fits"]["oracle"] = {"what": "an earlier version knew"}
    state["targets"]["mean"]["weights"]["1-2"]["oracle"] = 0.5
    assert "oracle" in Selection.from_json(state).targets["mean"].fits
