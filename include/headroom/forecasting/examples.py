"""Which forecasts are shown as examples: those at the 10th, 50th and 90th percentile of error, chosen by nobody."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PLACES: Final = (("good", 10), ("middling", 50), ("bad", 90))
"""What an example is called, and its percentile: one in ten forecasts better than the good, one in ten worse than the
bad one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenExample:
    """`word` says what the series is an example of; `rank`: 1 is the smallest error of the `count` series."""

    word: str
    percentile: int
    series_id: str
    error: float
    rank: int
    count: int

    @property
    def rule(self) -> str:
        """In words why this one was chosen."""
        return f"{self.percentile}th percentile of scaled error: number {self.rank} of {self.count}, {self.error:.2f}"


def choose_examples(errors: Mapping[str, float]) -> tuple[ChosenExample, ...]:
    """Return the series at each percentile of PLACES by nearest rank, each series once; NaN errors are left out.

    Equal errors are ordered by id. With one or two series there are as many examples; a lone one is called "only".

    >>> [item.series_id for item in choose_examples({"a": 0.9, "b": 0.5, "c": 1.4, "d": float("nan")})]
    ['b', 'a', 'c']
    """
    known = sorted((error, series_id) for series_id, error in errors.items() if math.isfinite(error))
    chosen: dict[str, ChosenExample] = {}
    for word, percentile in PLACES:
        rank = max(1, math.ceil(percentile * len(known) / 100))
        if rank <= len(known) and known[rank - 1][1] not in chosen:
            error, series_id = known[rank - 1]
            chosen[series_id] = ChosenExample(
                word=word if len(known) > 1 else "only",
                percentile=percentile,
                series_id=series_id,
                error=error,
                rank=rank,
                count=len(known),
            )
    return tuple(chosen.values())
