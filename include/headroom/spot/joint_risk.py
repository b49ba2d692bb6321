"""The chance of being short when spot pools fail together: exact sums, no sampling.

A pool is there or out as a whole: nine in ten interruptions of one type in one zone come within three minutes of each
other (Spot-and-Scoot, arXiv 2604.16457, 2026). Pools of one region fail together far more often than independence
says: availability of V100 zones correlates by 0.43 inside a region, and all nine zones observed were down 880 times as
often as independence predicts (SkyPilot's spot traces, 45 days; Z. Wu et al., Can't Be Late, NSDI 2024).

The model is a common shock with two states (a one-factor mixture, as in A. W. Marshall and I. Olkin, 1967, and
Bernoulli mixture models of credit risk). With chance s the region is short, and pool i is out with chance h_i;
otherwise with the smaller chance l_i; given the state, pools are independent. h_i - l_i =
sqrt(rho q_i (1 - q_i) / (s (1 - s))) gives every pair of pools exactly the correlation rho and every pool its own q_i;
s is the mean of the q_i. Where pools differ so much that some chance would leave [0, 1], it is held at the edge and the
correlation of that pool is smaller. Given the state, the lost capacity is a sum of independent terms: a convolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts

REGION_CORRELATION: Final = 0.43
"""Correlation of two zones' availability inside a region (SkyPilot's spot traces, measured 2026-11)."""


@dataclass(frozen=True, slots=True)
class _Shock:
    """The region's two states: chance of the bad one, and each pool's chance of being out in both."""

    probability: float
    out_in_shock: Floats
    out_otherwise: Floats


def shortage_probability(
    *,
    on_demand_instances: int,
    spot_instances: Sequence[int],
    interruption_probabilities: Sequence[float],
    required_instances: int,
    correlation: float = REGION_CORRELATION,
) -> float:
    """Return the chance that on-demand and surviving spot pools together have fewer instances than required.

    `spot_instances` and `interruption_probabilities` name each pool once. ValueError for lengths that differ or a
    chance outside 0 to 1.
    """
    counts: Counts = np.asarray(spot_instances, dtype=np.int64)
    chances: Floats = np.asarray(interruption_probabilities, dtype=np.float64)
    if counts.shape != chances.shape:
        raise ValueError(f"{len(counts)} pools have instances, {len(chances)} a chance of interruption")
    if ((chances < 0) | (chances > 1)).any() or not 0 <= correlation <= 1:
        raise ValueError("chances and correlation must lie between 0 and 1")
    spare = on_demand_instances + int(counts.sum()) - required_instances
    if spare < 0:
        return 1.0
    is_used = counts > 0
    counts, chances = counts[is_used], chances[is_used]
    if len(counts) == 0:
        return 0.0
    shock = _shock(chances, correlation)
    in_shock = _loses_more_than(spare, counts, shock.out_in_shock)
    otherwise = _loses_more_than(spare, counts, shock.out_otherwise)
    return shock.probability * in_shock + (1.0 - shock.probability) * otherwise


def _shock(chances: Floats, correlation: float) -> _Shock:
    probability = float(chances.mean())
    if probability in (0.0, 1.0) or correlation == 0:
        return _Shock(probability, chances, chances)
    gap = np.sqrt(correlation * chances * (1.0 - chances) / (probability * (1.0 - probability)))
    # Neither chance may leave [0, 1] while their mixture stays the pool's own.
    gap = np.minimum(gap, np.minimum(chances / probability, (1.0 - chances) / (1.0 - probability)))
    return _Shock(probability, chances + (1.0 - probability) * gap, chances - probability * gap)


def _loses_more_than(spare: int, counts: Counts, chances: Floats) -> float:
    """Return the chance that independent pools lose more than `spare` instances together."""
    lost: Floats = np.zeros(int(counts.sum()) + 1, dtype=np.float64)
    lost[0] = 1.0
    for count, chance in zip(counts, chances, strict=True):
        moved = np.zeros_like(lost)
        moved[count:] = lost[: len(lost) - count]
        lost = (1.0 - chance) * lost + chance * moved
    return float(lost[spare + 1 :].sum())
