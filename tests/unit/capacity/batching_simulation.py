"""One continuous-batching instance, step by step: who waits is prefilled while there is room, else all decode once.

Plain Python, and nothing of headroom.capacity in it: the independent check of its formulas.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Engine:
    """Seconds of a prefill and of a decoding step (alpha + beta x batch), and the most requests that run at once."""

    prefill_seconds: float
    alpha_seconds: float
    beta_seconds: float
    limit: int


@dataclass(frozen=True)
class Served:
    """Time to first token and mean gap of each request, in the order of their prefill."""

    ttft_seconds: list[float]
    itl_seconds: list[float]


def exponential_lengths(count: int, mean: float, generator: random.Random) -> list[int]:
    return [max(2, round(generator.expovariate(1.0 / mean))) for _ in range(count)]


def serve(engine: Engine, arrivals_seconds: Sequence[float], output_tokens: Sequence[int]) -> Served:
    """Serve requests that arrive whenever they do."""
    return _serve(engine, deque(zip(arrivals_seconds, output_tokens, strict=True)), deque())


def serve_in_flight(engine: Engine, concurrency: int, output_tokens: Sequence[int]) -> Served:
    """Serve with `concurrency` requests always in flight: the next one arrives when one ends."""
    begun = deque((0.0, tokens) for tokens in output_tokens[:concurrency])
    return _serve(engine, begun, deque(output_tokens[concurrency:]))


def _serve(engine: Engine, arriving: deque[tuple[float, int]], following: deque[int]) -> Served:
    now, steps = 0.0, 0
    waiting: deque[tuple[float, int]] = deque()
    running: list[tuple[int, int, float, int]] = []  # step of the last token, request, moment of the first, tokens
    ttft: list[float] = []
    itl: dict[int, float] = {}
    while arriving or waiting or running:
        while arriving and arriving[0][0] <= now:
            waiting.append(arriving.popleft())
        joining = [waiting.popleft() for _ in range(min(len(waiting), engine.limit - len(running)))]
        if joining:
            now += engine.prefill_seconds * len(joining)
            for arrived, tokens in joining:
                heapq.heappush(running, (steps + tokens - 1, len(ttft), now, tokens))
                ttft.append(now - arrived)
        elif running:
            now += engine.alpha_seconds + engine.beta_seconds * len(running)
            steps += 1
        else:
            now = arriving[0][0]
        while running and running[0][0] <= steps:
            _, request, first, tokens = heapq.heappop(running)
            itl[request] = (now - first) / (tokens - 1)
            if following:
                arriving.append((now, following.popleft()))
    return Served(ttft_seconds=ttft, itl_seconds=[itl[request] for request in range(len(ttft))])


def measure(engine: Engine, concurrency: int, output_tokens: Sequence[int]) -> tuple[float, float]:
    """Return mean time to first token and mean gap, without the first and last requests."""
    served = serve_in_flight(engine, concurrency, output_tokens)
    inner = slice(2 * concurrency, len(output_tokens) - 2 * concurrency)
    return fmean(served.ttft_seconds[inner]), fmean(served.itl_seconds[inner])


def share_beyond(values: Sequence[float], limit: float) -> float:
    """Return the share of the values that are larger, without the first tenth."""
    steady = values[len(values) // 10 :]
    return sum(value > limit for value in steady) / len(steady)
