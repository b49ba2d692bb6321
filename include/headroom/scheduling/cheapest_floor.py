"""The dynamic program beneath a capacity schedule: over moments, levels and the number of changes, compiled.

A value is one integer: the cost in its high bits (and under it, where changes are not counted in layers, their number),
below it the moment at which the present segment began and the level before it. The least of two values is so the
cheaper, of equals the one with fewer changes, then the one whose last change came first; and where it came from is read
off its low bits.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.compiled import compiled
from headroom.domain.scaling import Counts

Minutes = npt.NDArray[np.int64]
Origins = npt.NDArray[np.uint32]

_VALUE_BITS: Final = 62
_NEVER: Final = 1 << _VALUE_BITS
"""Above any value, and any value can be added to it without overflow."""
_ORIGIN_BITS: Final = 32
_MOST_STATES: Final = 100_000_000
"""Four bytes each are remembered of them, to find the way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorProblem:
    """A floor to be found over the moments `minutes`, shape (m + 1,), of which the last is the end.

    `need`, shape (m,), is the least floor from each moment to the next. A floor changes at moments at least
    `dwell_minutes` apart, to one of the ascending `levels`, among which is each need; by at most `most_raise` up and
    `most_lowering` down, None for any. Until the first change `standing` instances cost and count; where the steps to
    the first level are counted from is `first_from`.
    """

    minutes: Minutes
    need: Counts
    levels: Counts
    dwell_minutes: int
    standing: int
    first_from: int
    most_raise: int | None
    most_lowering: int | None


def cheapest_floor(problem: FloorProblem, *, max_changes: int) -> tuple[tuple[int, int], ...] | None:
    """Return the changes (position in `minutes`, level) of the cheapest floor; None where none covers the needs.

    Of floors that cost the same, the one with the fewest changes, then the one whose last change is the earliest, then
    the one before it. ValueError where it would take more memory than a task should.
    """
    found = _search_layers(problem, layers=None)
    if found is None or len(found) <= max_changes:
        return found
    if max_changes <= 0:
        return () if problem.standing >= problem.need.max() else None
    return _search_layers(problem, layers=max_changes)


def _search_layers(problem: FloorProblem, *, layers: int | None) -> tuple[tuple[int, int], ...] | None:
    """Search with changes counted in so many layers, or, where that is None, as what decides between equal costs."""
    moments, sizes = len(problem.need), len(problem.levels)
    size_bits, origin_bits, count_bits = _value_bits(problem, layers=layers)
    first, stop = _windows(problem)
    free_at = np.searchsorted(problem.minutes, problem.minutes[:-1] + problem.dwell_minutes)
    free_at = np.clip(free_at, np.arange(1, moments + 1), moments)
    rows = int((free_at - np.arange(moments)).max()) + 1
    depth = layers or 1
    origins = np.empty((moments, sizes, depth), dtype=np.uint32)
    best, layer = _search(
        problem.minutes,
        np.searchsorted(problem.levels, problem.need),
        free_at,
        problem.levels,
        first,
        stop,
        problem.standing,
        size_bits,
        origin_bits,
        count_bits,
        np.full((sizes, depth), _NEVER, dtype=np.int64),
        np.empty((rows, sizes, depth), dtype=np.int64),
        np.empty((sizes + 1, depth), dtype=np.int64),
        np.empty(moments, dtype=np.int64),
        origins,
        layers is not None,
    )
    if best >= _NEVER:
        return None
    changes: list[tuple[int, int]] = []
    origin = best & ((1 << origin_bits) - 1)
    while origin:
        moment, size = (origin >> size_bits) - 1, origin & ((1 << size_bits) - 1)
        changes.append((moment, int(problem.levels[size])))
        origin = int(origins[moment, size, layer])
        layer -= layers is not None
    return tuple(reversed(changes))


def _value_bits(problem: FloorProblem, *, layers: int | None) -> tuple[int, int, int]:
    """Return how many bits of a value name the level, the moment and the level, and the number of changes."""
    moments, sizes = len(problem.need), len(problem.levels)
    span = int(problem.minutes[-1] - problem.minutes[0])
    most = span // problem.dwell_minutes + 1 if problem.dwell_minutes else moments
    size_bits = (sizes - 1).bit_length()
    origin_bits = size_bits + moments.bit_length()
    count_bits = min(most, moments).bit_length() if layers is None else 0
    cost_bits = (max(int(problem.levels[-1]), problem.standing) * span).bit_length()
    is_too_long = origin_bits > _ORIGIN_BITS or cost_bits + count_bits + origin_bits > _VALUE_BITS
    if is_too_long or moments * sizes * (layers or 1) > _MOST_STATES:
        raise ValueError(
            f"{moments} moments x {sizes} sizes x {layers or 1} changes are too many to search for the cheapest floor: "
            "set no step limits, or larger ones"
        )
    return size_bits, origin_bits, count_bits


def _windows(problem: FloorProblem) -> tuple[Counts, Counts]:
    """Return, as positions in the levels [first, stop), from which ones a change may go to each level.

    One entry more than there are levels: to which ones the first change may go.
    """
    levels, up, down = problem.levels, problem.most_raise, problem.most_lowering
    lower, upper = np.full(len(levels) + 1, levels[0]), np.full(len(levels) + 1, levels[-1])
    if up is not None:
        lower[:-1], upper[-1] = levels - up, problem.first_from + up
    if down is not None:
        upper[:-1], lower[-1] = levels + down, problem.first_from - down
    return np.searchsorted(levels, lower), np.searchsorted(levels, upper, side="right")


@compiled
def _search(  # noqa: C901, PLR0912, PLR0915, PLR0917, what is compiled is one loop
    minutes: Minutes,
    need_from: Counts,
    free_at: Counts,
    levels: Counts,
    window_first: Counts,
    window_stop: Counts,
    standing: int,
    size_bits: int,
    origin_bits: int,
    count_bits: int,
    free: Counts,
    waiting: Counts,
    window: Counts,
    lowest: Counts,
    origins: Origins,
    is_counted: bool,  # noqa: FBT001, compiled functions take no keywords
) -> tuple[int, int]:
    """Return the least value at the end and its layer (-1: nothing changes), and fill `origins`.

    Positions in `levels`: `need_from` of each moment's need, the windows as `_windows` has them. A segment that begins
    at a moment may end at `free_at` and later: until then its values, by level and layer, stand in a row of `waiting`,
    afterwards the least of all such segments in `free`, which is all _NEVER at first. `lowest` and `window`, whose last
    row is of what came after the others, are room to work in. Loops that numpy has a word for take it half the time
    to compile.
    """
    moments, sizes, layers, rows = len(need_from), len(levels), free.shape[1], waiting.shape[0]
    origin_mask = (1 << origin_bits) - 1
    unit = 1 << (origin_bits + count_bits)
    change = 0 if is_counted else 1 << origin_bits
    shift = 1 if is_counted else 0
    unchanged, alive, waits = 0, 0, 0
    for now in range(moments + 1):
        while waits < now and free_at[waits] <= now:
            row = waits % rows
            for size in range(lowest[waits], sizes):
                held = levels[size] * (minutes[now] - minutes[waits]) * unit
                for layer in range(layers):
                    free[size, layer] = min(free[size, layer], waiting[row, size, layer] + held)
            alive = min(alive, lowest[waits])
            waits += 1
        if now == moments:
            break
        need, row = need_from[now], now % rows
        least = need
        for moment in range(now + 1, free_at[now]):
            least = max(least, need_from[moment])
        lowest[now] = least
        # the least of a window that moves up over the levels: of those before `middle` to its end in `window`, of the
        # rest in its last row
        pushed = max(window_first[least], alive)
        middle = pushed
        for layer in range(layers):
            window[sizes, layer] = _NEVER
        for size in range(least, sizes):
            first = max(window_first[size], alive)
            while pushed < window_stop[size]:
                for layer in range(layers):
                    window[sizes, layer] = min(window[sizes, layer], free[pushed, layer])
                pushed += 1
            if first > middle:
                for layer in range(layers):
                    window[sizes, layer] = _NEVER
                    window[pushed - 1, layer] = free[pushed - 1, layer]
                for position in range(pushed - 2, first - 1, -1):
                    for layer in range(layers):
                        window[position, layer] = min(window[position + 1, layer], free[position, layer])
                middle = pushed
            begins = (now + 1) << size_bits | size
            front = first if first < middle else sizes
            waiting[row, size, 0] = _NEVER
            for layer in range(layers - shift):
                value = min(_NEVER, window[front, layer], window[sizes, layer])
                origins[now, size, layer + shift] = value & origin_mask
                waiting[row, size, layer + shift] = (value & ~origin_mask) + change | begins
            if window_first[sizes] <= size < window_stop[sizes] and unchanged + change < waiting[row, size, 0]:
                origins[now, size, 0] = 0
                waiting[row, size, 0] = unchanged + change | begins
        for size in range(alive, need):
            for layer in range(layers):
                free[size, layer] = _NEVER
        alive = max(alive, need)
        for size in range(alive, sizes):
            held = levels[size] * (minutes[now + 1] - minutes[now]) * unit
            for layer in range(layers):
                free[size, layer] += held
        if standing >= levels[need] and unchanged < _NEVER:
            unchanged += standing * (minutes[now + 1] - minutes[now]) * unit
        else:
            unchanged = _NEVER
    best, best_layer = unchanged, -1
    for layer in range(layers):
        for size in range(sizes):
            value = free[size, layer]
            is_cheaper = value >> origin_bits < best >> origin_bits
            if is_cheaper or (layer == best_layer and value < best):
                best, best_layer = value, layer
    return best, best_layer
