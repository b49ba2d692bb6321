"""Latency and sustainable rate of one instance that batches continuously, from a measured profile; pure, no files.

Every step of such an instance makes one token for each running request; requests join and leave between steps (Yu et
al., Orca, OSDI 2022; Kwon et al., vLLM, SOSP 2023). What is modelled, with b requests running:

- A step takes alpha + beta b seconds: weights are read once a step, each request adds its part (Pope et al.,
  Efficiently Scaling Transformer Inference, 2022; the same line in llm-d's workload-variant autoscaler).
- A prefill takes p seconds during which nothing is decoded (vLLM's default order; Agrawal et al., Sarathi-Serve, OSDI
  2024, on how prefills stall decodes). At r requests a second, decoding has the share 1 - r p of the time.
- With n requests kept in flight and g gaps between the tokens of each, a request takes C(n) = g (alpha + beta n) + n p,
  since between its arrival and its end every other one is prefilled once too. That sum, unlike its two parts, is the
  same whether a benchmark's requests march in step or not, so the fit is of C: its slope and intercept by Theil and
  Sen's medians, p by the first token at the least concurrency. Where a row was measured slower than the line, the row
  counts. Without queueing b = r C(b), the mean-field steady state.
- The batch is a birth and death chain (L. Kleinrock, Queueing Systems I, 1975, chapter 3): arrivals are Poisson, and of
  b running requests b (1 - r p) / (g (alpha + beta b)) end a second. More than the largest measured concurrency do not
  run (KV cache): they wait, and leave the queue at rate limit / C(limit).
- A first token waits for the step in progress, then for its own prefill and those of all who came in that step: a
  branching process of batches of prefills. It is never taken to be faster than was measured at that concurrency.
- A request's inter-token latency is the mean of its own gaps (vLLM calls it time per output token): the step at the
  batch it meets, and the prefills that fall between its tokens, whose number has the mean and variance of an M/D/1
  busy period's (Borel and Tanner), by a negative binomial. Output lengths are exponential, which is what production
  traces show (Xiang et al., ServeGen, 2025).

Limits: prompts and prefills of equal length; no prefix cache, no preemption, no speculative decoding, no prefill in
chunks (which gives less wait between tokens and more before the first); work is split evenly, and no instance helps
another. tests/unit/capacity holds the sustainable rate at p95 within a tenth of an iteration-level simulation's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.capacity.batching_load import BatchingLoad, SteadyBatching
from headroom.capacity.sizing import ImpossibleObjective
from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.domain.serving import Objective

_LEAST_SECONDS: Final = 1e-6
"""Prefill and step are taken to last a microsecond at least, so that their ratios stay finite."""
_BISECTIONS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingLatency:
    """Latencies at a percentile, and the requests running on average; all infinite past saturation."""

    ttft_seconds: float
    itl_seconds: float
    batch: float


@dataclass(frozen=True, kw_only=True)
class BatchingInstance:
    """One instance of a type as its profile tells it: ascending `concurrency`, and what was measured at each.

    `cycle_seconds` are from a request's arrival to its last token. Rates are requests per second on this instance.
    """

    instance_type: str
    input_tokens: float
    output_tokens: float
    concurrency: tuple[int, ...]
    ttft_seconds: tuple[float, ...]
    cycle_seconds: tuple[float, ...]

    @cached_property
    def _line(self) -> tuple[float, float]:
        """Return intercept and slope of the cycle over concurrency (Theil 1950, Sen 1968)."""
        points = list(zip(self.concurrency, self.cycle_seconds, strict=True))
        slope = median((later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in combinations(points, 2))
        return median(cycle - slope * count for count, cycle in points), slope

    @property
    def gaps(self) -> float:
        """Gaps between the tokens of a request on average."""
        return self.output_tokens - 1.0

    @property
    def prefill_seconds(self) -> float:
        """p: what the instance spends on one prefill."""
        return max(min(self.ttft_seconds[0], self._line[1]), _LEAST_SECONDS)

    @property
    def alpha_seconds(self) -> float:
        """A decoding step's part that does not depend on the batch."""
        return max(self._line[0] / self.gaps, _LEAST_SECONDS)

    @property
    def beta_seconds(self) -> float:
        """What each running request adds to a decoding step."""
        return max(self._line[1] - self.prefill_seconds, 0.0) / self.gaps

    @property
    def limit(self) -> int:
        """The most requests that run at once: the largest concurrency measured."""
        return self.concurrency[-1]

    @cached_property
    def _cycle(self) -> Floats:
        """C(n) of n = 1 to the limit."""
        count = np.arange(1, self.limit + 1)
        line = self.gaps * (self.alpha_seconds + self.beta_seconds * count) + count * self.prefill_seconds
        return np.maximum(line, np.interp(count, self.concurrency, self.cycle_seconds, left=0.0))

    @cached_property
    def step_seconds(self) -> Floats:
        """Return a decoding step's seconds at n = 1 to the limit."""
        return (self._cycle - np.arange(1, self.limit + 1) * self.prefill_seconds) / self.gaps

    @property
    def saturation_per_second(self) -> float:
        """The rate from which on the queue grows for ever."""
        return float(self.limit / self._cycle[-1])

    @property
    def fit_error_fraction(self) -> float:
        """The largest distance of a measured cycle from the line, relative to what was measured."""
        count, cycle = np.array(self.concurrency), np.array(self.cycle_seconds)
        return float(np.abs((self._line[0] + self._line[1] * count) / cycle - 1.0).max())

    def batch_at(self, rate_per_second: float) -> float | None:
        """Return the mean-field steady state: the least b with b = rate x C(b); None where there is none."""
        count = np.arange(self.limit + 1)
        # below a batch of one the cycle is that of one
        spare = count - rate_per_second * np.concatenate([self._cycle[:1], self._cycle])
        enough = np.flatnonzero(spare >= 0)
        if not len(enough):
            return None
        last = int(enough[0])
        return float(last - spare[last] / (spare[last] - spare[last - 1])) if last else 0.0

    def latency_at(self, rate_per_second: float, *, percentile: float) -> BatchingLatency:
        """Return the latencies that `percentile` percent of requests stay within, and the mean batch."""
        batch = self.batch_at(rate_per_second)
        if batch is None or rate_per_second >= self.saturation_per_second:
            return BatchingLatency(ttft_seconds=np.inf, itl_seconds=np.inf, batch=np.inf)
        load = BatchingLoad(self, max(rate_per_second, self.saturation_per_second * 1e-9))
        allowed = 1.0 - percentile / 100.0
        return BatchingLatency(
            ttft_seconds=_least_seconds(lambda seconds: load.ttft_tail(seconds) <= allowed),
            itl_seconds=_least_seconds(lambda seconds: load.itl_tail(seconds) <= allowed),
            batch=batch,
        )

    def steady_at(
        self, rate_per_second: float, *, ttft_seconds: Floats, itl_seconds: Floats, objective: Objective
    ) -> SteadyBatching:
        """Return the steady state at a rate below saturation; `ttft_seconds` and `itl_seconds` are of shape (n,)."""
        load = BatchingLoad(self, max(rate_per_second, self.saturation_per_second * 1e-9))
        return load.steady(ttft_seconds, itl_seconds, objective)

    def sustainable_rate(self, objective: Objective) -> float:
        """Return the most requests per second for which both token objectives hold at their percentile.

        ImpossibleObjective where they do not hold for a request alone, ValueError for an objective without them.
        """
        if objective.ttft_seconds is None or objective.itl_seconds is None:
            raise ValueError("a profile answers ttft_seconds and itl_seconds, and the objective is on latency_seconds")
        rate = _sustainable_rate(self, objective)
        if rate <= 0:
            alone = self.latency_at(0.0, percentile=objective.percentile)
            message = (
                f"no number of {self.instance_type} can meet {objective.ttft_seconds:g} s to the first token and "
                f"{objective.itl_seconds:g} s between tokens at p{objective.percentile:g}: a request alone takes "
                f"{alone.ttft_seconds:.3g} s and {alone.itl_seconds:.3g} s"
            )
            raise ImpossibleObjective(message)
        return rate

    def instances_for(self, rate_per_second: npt.ArrayLike, objective: Objective) -> Counts:
        """Return the fewest instances among which each rate, split evenly, keeps the objective; shape as given."""
        # The last digits of a quotient that should be whole are rounding.
        share = np.asarray(rate_per_second, dtype=np.float64) / self.sustainable_rate(objective) * (1.0 - 1e-12)
        counts: Counts = np.ceil(share).astype(np.int64)
        return counts


def _least_seconds(is_met: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    while not is_met(high):
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_met(middle) else (middle, high)
    return high


@lru_cache(maxsize=1024)
def _sustainable_rate(instance: BatchingInstance, objective: Objective) -> float:
    allowed = 1.0 - objective.percentile / 100.0
    low, high = 0.0, instance.saturation_per_second
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        load = BatchingLoad(instance, middle)
        is_met = (
            load.ttft_tail(objective.ttft_seconds or 0.0) <= allowed
            and load.itl_tail(objective.itl_seconds or 0.0) <= allowed
        )
        low, high = (middle, high) if is_met else (low, middle)
    return low if low > instance.saturation_per_second * 1e-9 else 0.0
