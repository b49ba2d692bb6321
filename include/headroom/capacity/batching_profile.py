"""Measured profiles of instances that batch continuously, and what one instance is like by them. Pure: rows come in."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from statistics import fmean, median
from typing import Final

import numpy as np

from headroom.capacity.continuous_batching import BatchingInstance

_SAGEMAKER_PREFIX: Final = "ml."
_MOST: Final = {
    "input_tokens": 1e8,
    "output_tokens": 1e8,
    "concurrency": 4096,
    "ttft_seconds": 1e5,
    "itl_seconds": 1e5,
    "tokens_per_second": 1e9,
}
"""Far above what any instance does: what lies beyond is a slip or another unit."""
_LEAST_SECONDS: Final = 1e-6
_MOST_OVER_LATENCIES: Final = 10.0
"""Throughput over what latencies make of it: both are means of the same requests, while a unit is a factor of 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """One measurement: `concurrency` requests kept in flight on one instance, each answered by the next one.

    `input_tokens` and `output_tokens` are means of a request; `ttft_seconds`, the time to its first token, and
    `itl_seconds`, between its later tokens, are means over requests; `tokens_per_second` are the output tokens of the
    whole instance.
    """

    instance_type: str
    input_tokens: float
    output_tokens: float
    concurrency: int
    ttft_seconds: float
    itl_seconds: float
    tokens_per_second: float

    def __post_init__(self) -> None:
        if not self.instance_type:
            raise ValueError("instance_type must not be empty")
        for item in fields(self)[1:]:
            number = getattr(self, item.name)
            if not (math.isfinite(number) and number > 0):
                raise ValueError(f"{item.name} must be above 0, found {number}")
            if number > _MOST[item.name]:
                raise ValueError(f"{item.name} must be at most {_MOST[item.name]:,.0f}, found {number:g}")
            if item.name.endswith("_seconds") and number < _LEAST_SECONDS:
                raise ValueError(f"{item.name} must be at least {_LEAST_SECONDS:g}, found {number:g}")
        if self.output_tokens < 2:
            raise ValueError(f"output_tokens must be at least 2, found {self.output_tokens}: one token has no gap")
        expected = self.concurrency * self.output_tokens / self.stay_seconds
        if not 0.5 * expected <= self.tokens_per_second <= _MOST_OVER_LATENCIES * expected:
            hint = "" if self.tokens_per_second < expected else "; are ttft_seconds and itl_seconds in seconds?"
            message = (
                f"tokens_per_second must be the output tokens of the whole instance, found {self.tokens_per_second:g} "
                f"where {self.concurrency} requests of {self.output_tokens:g} in {self.stay_seconds:.3g} s make "
                f"{expected:.3g}{hint}"
            )
            raise ValueError(message)

    @property
    def stay_seconds(self) -> float:
        """From a request's arrival to its last token."""
        return self.ttft_seconds + (self.output_tokens - 1.0) * self.itl_seconds

    @property
    def cycle_seconds(self) -> float:
        """What each of the requests in flight takes, by latencies or by throughput (Little), the longer of the two."""
        return max(self.stay_seconds, self.concurrency * self.output_tokens / self.tokens_per_second)


@dataclass(frozen=True, kw_only=True)
class BatchingProfile:
    """The measured rows of a fleet's types; each pair of input and output tokens is an equal share of its requests.

    ValueError, naming the column, where a type has one concurrency alone, or pairs with unequal ones.
    """

    rows: tuple[ProfileRow, ...]

    def __post_init__(self) -> None:
        for name in self.instance_types:
            measured: dict[tuple[float, float], set[int]] = {}
            for row in self._rows_of(name):
                measured.setdefault((row.input_tokens, row.output_tokens), set()).add(row.concurrency)
            (pair, first), *others = measured.items()
            for other, values in others:
                if values != first:
                    raise ValueError(
                        f"concurrency must have the same values for every pair of tokens; {name} has "
                        f"{_listed(first)} for {pair[0]:g} and {pair[1]:g} tokens, {_listed(values)} for {other[0]:g} "
                        f"and {other[1]:g}"
                    )
            if len(first) == 1:
                raise ValueError(f"concurrency must have two values or more for {name}, found {first.pop()} alone")

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The types that were measured, sorted."""
        return tuple(sorted({row.instance_type for row in self.rows}))

    def instance(self, instance_type: str) -> BatchingInstance | None:
        """Return one instance of a type; None where it was not measured.

        Where there is no row of its very name, the rows of the same type with or without SageMaker's "ml." tell it.
        """
        bare = instance_type.removeprefix(_SAGEMAKER_PREFIX)
        names = (instance_type, bare, f"{_SAGEMAKER_PREFIX}{bare}")
        return next((self._instances[name] for name in names if name in self._instances), None)

    @cached_property
    def _instances(self) -> dict[str, BatchingInstance]:
        return {name: self._fit(name) for name in self.instance_types}

    def _rows_of(self, name: str) -> list[ProfileRow]:
        return [row for row in self.rows if row.instance_type == name]

    def _fit(self, name: str) -> BatchingInstance:
        """Return the instance by its rows: medians of what was measured twice, then means over pairs of tokens.

        What is above a figure of a higher concurrency is noise, such as a first request that warmed the engine up.
        """
        rows = self._rows_of(name)
        pairs = sorted({(row.input_tokens, row.output_tokens) for row in rows})
        concurrency = sorted({row.concurrency for row in rows})

        def mean_at(attribute: str, count: int) -> float:
            chosen = [row for row in rows if row.concurrency == count]
            return fmean(_median_of(chosen, attribute, pair) for pair in pairs)

        return BatchingInstance(
            instance_type=name,
            input_tokens=fmean(pair[0] for pair in pairs),
            output_tokens=fmean(pair[1] for pair in pairs),
            concurrency=tuple(concurrency),
            ttft_seconds=_rising(mean_at("ttft_seconds", count) for count in concurrency),
            cycle_seconds=_rising(mean_at("cycle_seconds", count) for count in concurrency),
        )


def _listed(counts: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(counts)))


def _median_of(rows: Iterable[ProfileRow], attribute: str, pair: tuple[float, float]) -> float:
    return median(float(getattr(row, attribute)) for row in rows if (row.input_tokens, row.output_tokens) == pair)


def _rising(seconds: Iterable[float]) -> tuple[float, ...]:
    """Return each figure, or a lower one that comes after it."""
    return tuple(np.minimum.accumulate(list(seconds)[::-1])[::-1].tolist())
