"""What a share of requests inside the objective costs under a policy, from the points that its knob reaches; pure."""

import math
from collections.abc import Iterable


def cost_at_share(points: Iterable[tuple[float, float]], share: float) -> float:
    """Return the cost at a share of requests inside the objective; infinite where no point reaches it.

    `points`: (share, cost). Only those count that no other betters in both; between two of them cost is linear in the
    share. Below the least share it is the cheapest point's cost, which keeps more than was asked for.

    >>> cost_at_share([(0.98, 10.0), (0.995, 14.0), (0.99, 20.0), (0.999, 30.0)], 0.997)
    22.0
    >>> cost_at_share([(0.98, 10.0)], 0.99)
    inf
    """
    efficient: list[tuple[float, float]] = []
    for found, cost in sorted(points, key=lambda point: (-point[0], point[1])):
        if not efficient or cost < efficient[-1][1]:
            efficient.append((found, cost))
    above = [point for point in efficient if point[0] >= share]
    if not above:
        return math.inf
    high = above[-1]
    if len(above) == len(efficient):
        return high[1]
    low = efficient[len(above)]
    return low[1] + (high[1] - low[1]) * (share - low[0]) / (high[0] - low[0])
