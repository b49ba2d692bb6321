"""A few words on what moved a forecast most, from the parts of its median."""

from typing import Final

import numpy as np

from headroom.columns import PART_NAMES
from headroom.domain.demand import Floats, Hours
from headroom.units import HOURS_PER_DAY

_LEAST_FRACTION: Final = 0.005
"""Half a percent: what would be said as 0 % is left out."""
_CAUSES: Final = {
    "daily": "the hour of the day",
    "weekly": "the day of the week",
    "holiday": "a holiday",
    "event": "an event",
    "residual": "what the newest hours showed",
}
_LATER_RESIDUAL: Final = "what the members see otherwise"


def explain(hours: Hours, parts_per_second: Floats, *, level_before: float | None) -> str:
    """Return sentences about the level, the highest hour and the next one, and each holiday or event in between.

    `parts_per_second`: shape (hours, 6), columns as PART_NAMES. `level_before`: level of the last week, per second.
    Within a sentence the largest move comes first; a move is the part over the sum of the parts before it. Empty where
    no median is above half a percent of the level: nothing can be said in percent of nothing.
    """
    level = float(parts_per_second[0, 0])
    moves = _moves(parts_per_second)
    medians = parts_per_second.sum(axis=1)
    highest = int(np.argmax(medians))
    if level <= 0 or medians[highest] <= _LEAST_FRACTION * level:
        return ""
    told = f"{_moment(hours[highest])} UTC is the highest hour ahead, {_number(medians[highest])} per second"
    sentences = [
        f"The level is {_number(level)} per second{_change(level, level_before)}",
        told + _causes(moves, highest),
    ]
    if highest > 0 and (causes := _causes(moves, 0)):
        sentences.append(f"The next hour, {_moment(hours[0])}{causes}")
    sentences += _passing(hours, moves, told_of={0, highest})
    return " ".join(f"{sentence}." for sentence in sentences)


def _moves(parts_per_second: Floats) -> Floats:
    """Return each part after the level as a fraction of the sum of those before it, 0 where that sum is 0."""
    before = np.cumsum(parts_per_second, axis=1)[:, :-1]
    return np.divide(parts_per_second[:, 1:], before, out=np.zeros_like(before), where=before > 0)


def _causes(moves: Floats, position: int) -> str:
    """Return the moves of one hour in words, the largest first, empty where there is none."""
    named = zip(PART_NAMES[1:], moves[position].tolist(), strict=True)
    found = sorted((item for item in named if abs(item[1]) >= _LEAST_FRACTION), key=lambda item: -abs(item[1]))
    words = [_cause(name, fraction, position) for name, fraction in found]
    return f": {', '.join(words)}" if words else ""


def _cause(name: str, fraction: float, position: int) -> str:
    subject = _LATER_RESIDUAL if name == "residual" and position >= HOURS_PER_DAY else _CAUSES[name]
    if fraction >= 1:
        return f"{subject} makes it {1 + fraction:.1f} times as much"
    return f"{subject} adds {_percent(fraction)}" if fraction > 0 else f"{subject} takes {_percent(-fraction)} off"


def _passing(hours: Hours, moves: Floats, *, told_of: set[int]) -> list[str]:
    """Return a sentence per holiday or event ahead that touches none of the hours told of."""
    sentences = []
    for name in ("holiday", "event"):
        fractions = moves[:, PART_NAMES.index(name) - 1]
        touched = np.flatnonzero(np.abs(fractions) >= _LEAST_FRACTION)
        if len(touched) and not told_of & set(touched.tolist()):
            strongest = int(touched[np.argmax(np.abs(fractions[touched]))])
            words = _cause(name, float(fractions[strongest]), strongest)
            sentences.append(f"From {_moment(hours[touched[0]])} {words}")
    return sentences


def _change(level: float, before: float | None) -> str:
    if before is None or before <= 0:
        return ""
    fraction = level / before - 1
    if abs(fraction) < _LEAST_FRACTION:
        return ", as in the last week"
    if fraction >= 1:
        return f", {1 + fraction:.1f} times the last week's"
    return f", {_percent(abs(fraction))} {'above' if fraction > 0 else 'below'} the last week's"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _moment(hour: np.datetime64) -> str:
    return f"{hour.astype('datetime64[us]').item():%A %H:%M}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
