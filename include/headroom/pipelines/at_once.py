"""Doing the same for many fleets at once, where most of the time is spent waiting for the cloud."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_ONCE: Final = 8
"""Calls to AWS under way from one task. A call takes 50 to 100 ms, so that a chunk of 60 fleets, each asking for a
dozen things one after the other, would take minutes. How many calls a second come of it is the budget's business
(headroom.extract.call_budget), and the clients slow down by themselves when AWS throttles all the same."""


def at_once(work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """Return `work` of each item, in the items' order; the first exception in that order is raised once all are done.

    For waiting, not for computing: threads share one processor. `work` must not share what it writes with the others.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(work, items))
