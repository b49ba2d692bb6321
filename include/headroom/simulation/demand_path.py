"""Recorded demand as the replay plays it: checked, and steps above a minute spread over minutes; pure.

A coarse step says how much came, not when. Its minutes follow the straight lines through the steps' middles, times
gamma noise, and are rescaled so that the step keeps its mean exactly. The noise is the beta-gamma process (P. Lewis,
E. McKenzie, D. Hugus, Gamma processes, Stochastic Models 5, 1989): X' = B X + G with B of Beta(k r, k (1 - r)) and G of
Gamma(k (1 - r)), which is gamma distributed with shape k and has correlation r between neighbours, both exactly.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain import limits
from headroom.domain.demand import Floats
from headroom.domain.window import FIRST_YEAR, LAST_YEAR
from headroom.simulation.policy import DemandRecord
from headroom.units import MICROSECONDS_PER_SECOND, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

Stamps = npt.NDArray[np.datetime64]
_LEAST_VARIATION: Final = 1e-6
"""Less is no noise at all: the gamma distribution's shape, its inverse square, would leave the numbers there are."""
HOUR_MICROSECONDS: Final = SECONDS_PER_HOUR * MICROSECONDS_PER_SECOND
MOST_VARIATION: Final = 10.0
MOST_CORRELATION_MINUTES: Final = 100_000.0
_FIRST, _LAST = np.datetime64(str(FIRST_YEAR)), np.datetime64(str(LAST_YEAR))


class DemandError(ValueError):
    """Recorded demand cannot be played; the message names the column and says what was found and expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """How demand moves inside a step: standard deviation over mean, and minutes until correlation falls to 1 / e."""

    variation: float = 0.15
    correlation_minutes: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, most in (("variation", MOST_VARIATION), ("correlation_minutes", MOST_CORRELATION_MINUTES)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} must lie between 0 and {most:g}, found {value}")


def demand_record(stamps_utc: Stamps, rate_per_second: Floats, bursts: Bursts) -> DemandRecord:
    """Return demand in steps of at most a minute from the first whole hour on; both arrays have shape (steps,).

    `stamps_utc`: the start of each step. Steps below a minute are kept. What lies before the first whole hour is left
    out. The noise runs from the first step on, so steps that are added at the end change no minute before the last
    half step. DemandError for steps that are not one after the other, evenly, dividing an hour, and for missing or
    negative demand.
    """
    stamps = stamps_utc.astype("datetime64[us]")
    step = _even_step_microseconds(stamps)
    check_rates(stamps, rate_per_second)
    skipped = int(-stamps[0].astype(np.int64) % HOUR_MICROSECONDS // step)
    if skipped >= len(stamps):
        raise DemandError("ds: there is no whole hour of demand; expected one that begins on the hour")
    rates = rate_per_second[skipped:].astype(np.float64)
    seconds = step / MICROSECONDS_PER_SECOND
    parts = math.ceil(seconds / SECONDS_PER_MINUTE)
    start: datetime = stamps[skipped].item()
    return DemandRecord(
        start_utc=start.replace(tzinfo=UTC),
        step_seconds=seconds / parts,
        rate_per_second=rates if parts == 1 else spread(rates, parts, bursts, part_seconds=seconds / parts),
    )


def spread(rates: Floats, parts: int, bursts: Bursts, *, part_seconds: float) -> Floats:
    """Return `parts` rates for each step, shape (steps x parts,), whose mean over a step is the step's own rate."""
    middles = (np.arange(len(rates) * parts) + 0.5) / parts - 0.5
    line = np.interp(middles, np.arange(len(rates)), rates)
    noise = gamma_noise(len(line), bursts, step_seconds=part_seconds)
    path = (line * noise).reshape(len(rates), parts)
    mean = path.mean(axis=1, keepdims=True)
    # noise of extreme variation may round to nothing over a whole step, which then stays even
    is_nothing = mean <= np.finfo(np.float64).tiny * np.maximum(rates[:, None], 1.0)
    path = np.where(is_nothing, rates[:, None], path * (rates[:, None] / np.where(is_nothing, 1.0, mean)))
    return path.reshape(-1)


def gamma_noise(count: int, bursts: Bursts, *, step_seconds: float) -> Floats:
    """Return positive noise of mean 1 in steps of `step_seconds`, shape (count,); fewer steps are the first of more."""
    if bursts.variation < _LEAST_VARIATION or count == 0:
        return np.ones(count)
    shape = bursts.variation**-2
    minutes = bursts.correlation_minutes
    kept = math.exp(-step_seconds / (SECONDS_PER_MINUTE * minutes)) if minutes > 0 else 0.0
    first, fresh, held = (np.random.default_rng([bursts.seed, stream]) for stream in (2, 3, 4))
    if kept <= 0:
        return fresh.gamma(shape, 1.0 / shape, count)
    start = first.gamma(shape, 1.0 / shape)
    added = fresh.gamma(shape * (1.0 - kept), 1.0 / shape, count - 1)
    shares = held.beta(shape * kept, shape * (1.0 - kept), count - 1)
    steps = zip(shares.tolist(), added.tolist(), strict=True)
    return np.array(list(accumulate(steps, lambda value, step: step[0] * value + step[1], initial=start)))


def step_at(record: DemandRecord, moment_utc: datetime, *, name: str) -> int:
    """Return the number of the step that begins at a moment, the record's end included; `name` says whose it is.

    DemandError for a moment outside the record, or inside a step.
    """
    if not record.start_utc <= moment_utc <= record.end_utc:
        raise DemandError(
            f"{name}: expected a time in {_shown(record.start_utc)} to {_shown(record.end_utc)}, of which there is "
            f"demand, found {_shown(moment_utc)}"
        )
    step = record.step_of(moment_utc)
    if abs((moment_utc - record.start_utc).total_seconds() - step * record.step_seconds) > 1e-6:
        raise DemandError(
            f"{name}: expected the start of a step of {record.step_seconds:g} s, found {moment_utc.isoformat()}"
        )
    return step


def check_rates(stamps_utc: Stamps, rate_per_second: Floats) -> None:
    """Raise DemandError, naming the first row at fault, for demand that is missing, negative or beyond reason."""
    most = limits.RATE_PER_SECOND[1]
    is_wrong = ~((rate_per_second >= 0) & (rate_per_second <= most))
    if not is_wrong.any():
        return
    place = int(is_wrong.argmax())
    rate, moment = rate_per_second[place], _told(stamps_utc[place])
    if rate > most:
        raise DemandError(f"rate_per_second: expected at most {most:g} in every row, found {rate:.12g} at {moment}")
    found = "none" if np.isnan(rate) else f"{rate:g}"
    raise DemandError(
        f"rate_per_second: expected at least 0 in every row, found {found} at {moment}; "
        "missing demand is unknown, not 0"
    )


def _even_step_microseconds(stamps: Stamps) -> int:
    if len(stamps) < 2:
        raise DemandError(f"ds: expected at least two steps, found {len(stamps)}")
    if np.isnat(stamps).any():
        raise DemandError(f"ds: expected a time in every row, found none in row {int(np.isnat(stamps).argmax()) + 1}")
    is_outside = (stamps < _FIRST) | (stamps >= _LAST)
    if is_outside.any():
        raise DemandError(f"ds: expected times from {_FIRST} to {_LAST}, found {_told(stamps[is_outside.argmax()])}")
    gaps = np.diff(stamps).astype(np.int64)
    for is_wrong, said in ((gaps == 0, "is there twice"), (gaps < 0, "comes after a later one")):
        if is_wrong.any():
            moment = _told(stamps[int(is_wrong.argmax()) + 1])
            raise DemandError(f"ds: expected ascending times, each once; {moment} {said}")
    step = int(gaps.min())
    if (gaps != step).any():
        place = int((gaps != step).argmax())
        found, wanted = (value / MICROSECONDS_PER_SECOND for value in (gaps[place], step))
        raise DemandError(f"ds: expected even steps of {wanted:g} s, found {found:g} s after {_told(stamps[place])}")
    if HOUR_MICROSECONDS % step:
        seconds = step / MICROSECONDS_PER_SECOND
        raise DemandError(f"ds: expected steps that divide an hour, found steps of {seconds:.9g} s")
    if stamps[0].astype(np.int64) % step:
        raise DemandError(f"ds: expected steps that begin on the hour, found {_told(stamps[0])}")
    return step


def _told(moment: np.datetime64) -> str:
    """Return a time in words, with its microseconds where it has some; years that no datetime has, too."""
    return str(np.datetime_as_string(moment.astype("datetime64[us]"))).removesuffix(".000000")


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
