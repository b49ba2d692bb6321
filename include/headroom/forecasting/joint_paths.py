"""Whole paths of demand: quantiles say what an hour may bring, paths say which hours come together.

Each step of the drawn paths has the forecast's quantiles; which draw is high at which step is copied from the errors
of past forecasts of the series (a Schaake shuffle: Clark et al. 2004, J. Hydrometeorology 5, 243-262, with the past
errors smoothed, so that more paths can be drawn than errors are remembered).
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtri

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES, band_indices

HOURLY_CORRELATION: Final = 0.75
"""Correlation of the scores of one step and the next where nothing remembered says otherwise.

Median over M4 hourly (every 24th series), Crane and ServeGen's 20 busiest clients; a tenth lie below 0.41, a tenth
above 0.93.
"""
MOST_PATHS: Final = 10_000
"""10,000 paths of a week are 13 MB."""
_MOST_REMEMBERED: Final = 24
"""Errors of so many origins are kept: 3 kB for 72 steps."""
_SMOOTHING: Final = 0.35
"""Standard deviation of the noise around a remembered error, in scores: it tells apart the draws that share one.

With 0.35 the drawn errors' correlation from step to step is within 0.03 of the remembered (mean over 42 series).
"""
_UNSEEN: Final = "--"
_REMEMBERED: Final = re.compile(r"(?:[0-9]{2}|--)*")
_SCORES: Final = ndtri(np.array(QUANTILE_LEVELS))


def remember_errors(errors: Floats) -> tuple[str, ...]:
    """Return the errors (origins, steps; NaN where not seen) of evenly chosen origins, those seen longest first.

    Each is one string, two digits a step: the error's rank in percent among all errors of its horizon band.
    """
    seen = np.isfinite(errors)
    bands = band_indices(np.arange(1, errors.shape[1] + 1))
    ranks = np.full(errors.shape, np.nan)
    for number in range(len(BAND_NAMES)):
        in_band = seen & (bands == number)
        values = np.sort(errors[in_band])
        middle = np.searchsorted(values, errors[in_band], "left") + np.searchsorted(values, errors[in_band], "right")
        ranks[in_band] = middle / (2 * max(len(values), 1))
    counts = seen.sum(axis=1)
    longest = np.flatnonzero((counts > 0) & (counts >= np.sort(counts)[-_MOST_REMEMBERED:][0]))
    chosen = longest[np.unique(np.linspace(0, len(longest) - 1, _MOST_REMEMBERED).astype(int))] if len(longest) else []
    return tuple(_as_text(ranks[row]) for row in chosen)


def checked_errors(remembered: Sequence[str]) -> tuple[str, ...]:
    """Return what remember_errors gave, as it was kept; ValueError or TypeError where it is damaged."""
    if isinstance(remembered, str):
        raise TypeError("past_errors are one text, expected one for each origin")
    for text in remembered:
        if not _REMEMBERED.fullmatch(text):
            raise ValueError(f"past_errors: expected two digits or {_UNSEEN} a step, found {text[:40]!r}")
    return tuple(remembered)


def draw_paths(
    quantiles: Floats, remembered: Sequence[str], *, count: int, seed: int, is_nonnegative: bool = True
) -> Floats:
    """Return `count` paths, shape (count, steps), whose quantiles at each step are `quantiles` (steps, 13).

    `remembered`: as remember_errors gave; where empty, steps hang together by HOURLY_CORRELATION. Between the levels,
    and 1 % beyond them, values are linear in the normal score. The same `seed` gives the same paths. Raises
    ValueError for a count outside 1 to MOST_PATHS.
    """
    if not 1 <= count <= MOST_PATHS:
        raise ValueError(f"count: expected 1 to {MOST_PATHS} paths, found {count}")
    generator = np.random.default_rng(seed)
    steps = len(quantiles)
    scores = _wandering_scores(generator, count, steps)
    if remembered and steps:
        kept = np.array([_from_text(text, steps) for text in remembered])
        templates = kept[generator.permutation(count) % len(kept)]
        scores = np.sqrt(1 - _SMOOTHING**2) * _completed(templates, generator) + _SMOOTHING * scores
    ranks = np.argsort(np.argsort(scores, axis=0, kind="stable"), axis=0, kind="stable")
    ascending = _values_at((np.arange(count) + 0.5) / count, quantiles)
    paths: Floats = np.take_along_axis(ascending, ranks, axis=0)
    return np.maximum(paths, 0.0) if is_nonnegative else paths


def _values_at(levels: Floats, quantiles: Floats) -> Floats:
    """Return the values at `levels` of each step, shape (levels, steps)."""
    wanted = ndtri(levels)
    upper = np.clip(np.searchsorted(_SCORES, wanted), 1, len(_SCORES) - 1)
    share = ((wanted - _SCORES[upper - 1]) / (_SCORES[upper] - _SCORES[upper - 1]))[:, np.newaxis]
    values: Floats = quantiles.T[upper - 1] * (1 - share) + quantiles.T[upper] * share
    return values


def _wandering_scores(generator: np.random.Generator, count: int, steps: int) -> Floats:
    """Return normal scores of which each step is correlated with the one before by HOURLY_CORRELATION."""
    scores = generator.standard_normal((count, steps))
    fresh = np.sqrt(1 - HOURLY_CORRELATION**2)
    for step in range(1, steps):
        scores[:, step] = HOURLY_CORRELATION * scores[:, step - 1] + fresh * scores[:, step]
    return scores


def _completed(templates: Floats, generator: np.random.Generator) -> Floats:
    """Return the templates with steps not seen wandering on from the step before."""
    fresh = generator.standard_normal(templates.shape)
    made = np.where(np.isfinite(templates), templates, fresh)
    spread = np.sqrt(1 - HOURLY_CORRELATION**2)
    for step in range(1, templates.shape[1]):
        is_unseen = ~np.isfinite(templates[:, step])
        wandered = HOURLY_CORRELATION * made[:, step - 1] + spread * fresh[:, step]
        made[:, step] = np.where(is_unseen, wandered, made[:, step])
    return made


def _as_text(ranks: Floats) -> str:
    percent = np.clip(np.rint(np.nan_to_num(ranks) * 100), 1, 99).astype(int)
    is_seen = np.isfinite(ranks)
    return "".join(f"{rank:02d}" if seen else _UNSEEN for rank, seen in zip(percent, is_seen, strict=True))


def _from_text(text: str, steps: int) -> Floats:
    """Return the normal scores of a remembered error, cut or filled with NaN to `steps`."""
    pairs = [text[at : at + 2] for at in range(0, min(len(text), 2 * steps), 2)]
    percent = np.array([np.nan if pair == _UNSEEN else float(pair) for pair in pairs] + [np.nan] * (steps - len(pairs)))
    scores: Floats = ndtri(percent / 100)
    return scores
