"""An instance that batches continuously, at one rate below saturation: how its batch, first tokens and gaps are spread.

The formulas, their sources and limits: headroom.capacity.continuous_batching, which asks for them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import special

from headroom.domain.demand import Floats
from headroom.domain.serving import Objective

if TYPE_CHECKING:
    from headroom.capacity.continuous_batching import BatchingInstance

_PREFILLS_AT_ONCE: Final = 48
_MOST_JOINING: Final = 20.0
"""Prefills that join the longest step on average: next to no chance of more than are told apart, 48.

Where more come, several count as one longer one. Against the step-by-step simulator of the tests, for limits of 256 to
2,000 and requests of 2 and 3 tokens at 50 to 90 % of saturation, the first token's p90 has a tail of 10.3 to 10.6 %,
its p99 one of 1.4 to 2.1 %, on the safe side. Counted singly, those whom nobody counted made both tails nil.
"""
_LENGTHS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SteadyBatching:
    """One instance at one rate: requests that wait for a slot on average, and what share of all is later than what.

    `ttft_tails`, `itl_tails`: whose first token, and whose mean gap, takes longer than each of the seconds asked about.
    `itl_missed_in_time`: of those whose first token kept the objective, the share whose mean gap did not.
    """

    waiting: float
    ttft_tails: Floats
    itl_tails: Floats
    itl_missed_in_time: float


class BatchingLoad:
    """An instance at a rate, in requests per second, below its saturation."""

    def __init__(self, instance: "BatchingInstance", rate_per_second: float) -> None:
        self.instance, self.rate = instance, rate_per_second
        self.prefilling = rate_per_second * instance.prefill_seconds
        step, limit = instance.step_seconds, instance.limit
        ratio = rate_per_second * instance.gaps * step / (np.arange(1, limit + 1) * (1.0 - self.prefilling))
        weight = np.concatenate([[0.0], np.cumsum(np.log(ratio))])
        running = np.exp(weight - weight.max())
        self._backlog = rate_per_second / instance.saturation_per_second
        running[-1] /= 1.0 - self._backlog  # all who arrive where the limit runs, however long the queue
        running /= running.sum()
        self.met, self.full = running[:limit], float(running[limit])
        """Chance that an arrival meets n = 0 to limit - 1 running requests, and that it waits for a slot."""
        self.step = np.concatenate([[0.0], step[:-1]])
        joining = rate_per_second * float(self.step.max())
        self._together = max(1.0, joining / _MOST_JOINING)
        """Prefills that are counted as one: more come in a step than can be told apart."""
        self._prefill_seconds = instance.prefill_seconds * self._together
        self._prefills_per_second = rate_per_second / self._together

    def steady(self, ttft_seconds: Floats, itl_seconds: Floats, objective: Objective) -> SteadyBatching:
        """Return what becomes of requests; the objective is one on tokens.

        Given the batch that a request meets, its wait and its gaps are taken to be independent.
        """
        first, queued = self._ttft_tail_by_batch(objective.ttft_seconds or 0.0)
        gaps = self._itl_tail_by_batch(objective.itl_seconds or 0.0)
        in_time, waited_in_time = self.met * (1.0 - first), self.full * (1.0 - queued)
        missed = float(in_time @ gaps) + waited_in_time * float(gaps[-1])
        all_in_time = float(in_time.sum()) + waited_in_time
        return SteadyBatching(
            waiting=self.full * self._backlog / (1.0 - self._backlog),
            ttft_tails=np.array([self.ttft_tail(seconds) for seconds in ttft_seconds.tolist()]),
            itl_tails=np.array([self.itl_tail(seconds) for seconds in itl_seconds.tolist()]),
            itl_missed_in_time=missed / all_in_time if all_in_time > 0.0 else float(gaps[-1]),
        )

    def ttft_tail(self, seconds: float) -> float:
        """Return the share of requests whose first token takes longer."""
        tail, queued = self._ttft_tail_by_batch(seconds)
        return float(self.met @ tail + self.full * queued)

    def itl_tail(self, seconds: float) -> float:
        """Return the share of requests the mean of whose gaps is longer."""
        chance = self.met.copy()
        chance[-1] += self.full
        return float(chance @ self._itl_tail_by_batch(seconds))

    def _ttft_tail_by_batch(self, seconds: float) -> tuple[Floats, float]:
        """Return `ttft_tail` of those who meet 0 to limit - 1 running requests, and of those who wait for a slot."""
        instance = self.instance
        own = seconds - instance.ttft_seconds[0]
        behind_prefills = float(self._prefills_met @ self._beyond(self._prefill_spans, self._joining_prefills, own))
        tail = (1.0 - self.prefilling) * self._beyond(self.step, self._joining_steps, own)
        tail += self.prefilling * behind_prefills
        measured = np.interp(np.arange(1, instance.limit + 1), instance.concurrency, instance.ttft_seconds)
        queued = float(np.exp(-(instance.saturation_per_second - self.rate) * max(own, 0.0)))
        return np.where(measured > seconds, 1.0, tail), queued

    @cached_property
    def _prefills_met(self) -> Floats:
        """Return the chance that a request which comes during prefills meets a batch of 1, 2, ... of them."""
        count = np.arange(1, _PREFILLS_AT_ONCE + 1)
        begun = _poisson(self._prefills_per_second * float(self.met @ self.step / self.met.sum()), count)
        follows = _poisson((self.prefilling * count)[:, None], count[None, :])
        batches = np.linalg.solve(np.eye(len(count)) - follows.T, begun) * count
        met: Floats = batches / batches.sum()
        return met

    @cached_property
    def _prefill_spans(self) -> Floats:
        spans: Floats = np.arange(1, _PREFILLS_AT_ONCE + 1, dtype=np.float64) * self._prefill_seconds
        return spans

    @cached_property
    def _joining_prefills(self) -> Floats:
        return self._joining(self._prefill_spans)

    @cached_property
    def _joining_steps(self) -> Floats:
        return self._joining(self.step)

    def _joining(self, spans: Floats) -> Floats:
        """Return the chance that 0, 1, ... others come in spans this long, shape (spans, others)."""
        return _poisson(self._prefills_per_second * spans[:, None], np.arange(_PREFILLS_AT_ONCE))

    def _beyond(self, spans: Floats, joining: Floats, seconds: float) -> Floats:
        """Return, for arrivals in such spans, the chance that rest and others' prefills take beyond `seconds`."""
        left = seconds - np.arange(_PREFILLS_AT_ONCE) * self._prefill_seconds
        chance = joining * np.clip(1.0 - left / np.maximum(spans, 1e-12)[:, None], 0.0, 1.0)
        summed: Floats = chance.sum(axis=1)
        return summed

    def _itl_tail_by_batch(self, seconds: float) -> Floats:
        """Return `itl_tail` of those who run with 0 to limit - 1 others."""
        prefill, step = self.instance.prefill_seconds, self.instance.step_seconds[:, None]
        gaps, prefills, shape = self._gaps
        most = np.floor((seconds - step) * gaps / prefill)
        beyond = special.betainc(np.maximum(most, 0.0) + 1.0, shape, prefills / (shape + prefills))
        mean: Floats = np.where(most < 0, 1.0, beyond).mean(axis=1)
        return mean

    @cached_property
    def _gaps(self) -> tuple[Floats, Floats, Floats]:
        """Return gaps of requests of each length, mean prefills in them and the shape of their negative binomial."""
        step = self.instance.step_seconds[:, None]
        middles = (np.arange(_LENGTHS) + 0.5) / _LENGTHS
        gaps = np.maximum(1.0, -np.log1p(-middles) * self.instance.gaps)[None, :]
        prefills = self.rate * (gaps * step + self.instance.prefill_seconds) / (1.0 - self.prefilling)
        spread = np.expm1(-2.0 * np.log1p(-self.prefilling))  # (1 - p) ** -2 - 1, also of a p next to nothing
        return gaps, prefills, prefills / spread


def _poisson(mean: npt.ArrayLike, count: npt.NDArray[np.int64]) -> Floats:
    chance: Floats = np.exp(special.xlogy(count, mean) - mean - special.gammaln(count + 1.0))
    return chance
