"""What one instance carries by history: the load at which measured latency reaches the objective; pure.

Hours are sorted by their load per instance. The curve is the median latency of each WINDOW_HOURS neighbours, made
monotone by isotonic regression (R. E. Barlow et al., Statistical Inference under Order Restrictions, 1972): more load
is no faster, and no further shape is assumed. Medians make a few disturbed hours, such as deploys, count for nothing.
The interval is where the objective is reached by the 4th and the 12th latency of each 15, which hold their median in
96 % of cases (order statistics of the binomial), whatever the distribution.

Hours of changing instance counts are left out: their load is unknown. So are hours saturated so deeply that latency
was past twice the objective: work that waits or is turned away there is missing from their load (censored), which would
make the rate too small. Where the objective was not reached by the largest load seen, the end of the curve is continued
as 1 / latency linear in load, which a queue's latency near saturation is (M/M/1), for a twentieth of that load at most.
On hours made by queue formulas, with noise and disturbances, the rate is within 5 % (tests/unit/capacity).

Limits: the percentile is the largest of an hour's 5-minute ones, beside the largest 5-minute demand; a pool of another
size carries another load per instance; all instances are taken to be of today's type.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from headroom.domain import limits
from headroom.domain.demand import Floats

WINDOW_HOURS: Final = 15
_LOW_RANK, _HIGH_RANK = 3, 11
"""Positions, from 0, of a window's 4th and 12th: the median lies outside with chance .035 (binomial of 15, 1/2)."""
LEAST_HOURS: Final = 72
LEAST_SPREAD: Final = 1.5
"""Largest over smallest load seen, below which hours do not tell how latency follows load."""
MOST_EXTRAPOLATION: Final = 1.05
WIDEST_INTERVAL: Final = 0.25
"""Width of the interval as a share of the rate, beyond which the other sources of a rate are better."""
STEADY_FRACTION: Final = 0.1
"""How much of its mean the instance count of an hour may change by."""
DEEPLY_SATURATED: Final = 2.0
"""Latency as a multiple of the objective from which a censored hour's load is not its demand."""
_END_HOURS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadHistory:
    """Hours of one fleet, in any order, every array of shape (n,), NaN where something was not measured.

    `peak_per_second`: the largest 5-minute demand. `latency_seconds`: the largest 5-minute latency at the objective's
    percentile. `instances_mean`, `instances_min` and `instances_max`: in service. `censored_fraction`: share of the
    hour's samples taken while saturated.
    """

    peak_per_second: Floats
    latency_seconds: Floats
    instances_mean: Floats
    instances_min: Floats
    instances_max: Floats
    censored_fraction: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRate:
    """The load per instance and second at which latency reaches the objective, and what that rests on."""

    rate_per_second: float
    low_per_second: float
    high_per_second: float
    hours: int
    censored_hours: int
    """Hours left out because they were deeply saturated."""
    least_load_per_second: float
    most_load_per_second: float
    instances: float
    """Median of the instances in service in the hours nearest the rate."""

    @property
    def is_extrapolated(self) -> bool:
        """Whether the rate lies beyond every load that was seen."""
        return self.rate_per_second > self.most_load_per_second

    @property
    def method(self) -> str:
        """What was fitted on, in words."""
        left_out = f", {self.censored_hours} saturated hours left out" if self.censored_hours else ""
        beyond = "; beyond the load seen" if self.is_extrapolated else ""
        return (
            f"measured on {self.hours} hours at {self.least_load_per_second:.3g} to {self.most_load_per_second:.3g}/s "
            f"an instance{left_out}: interval {self.low_per_second:.3g} to {self.high_per_second:.3g}/s{beyond}"
        )


def measured_rate(history: LoadHistory, *, latency_seconds: float) -> MeasuredRate | str:
    """Return the load at which latency reaches `latency_seconds`, or why these hours cannot tell."""
    load, latency, instances, censored_hours = _usable(history, latency_seconds)
    if len(load) < LEAST_HOURS:
        return f"{len(load)} hours of steady instances with demand and latency, and {LEAST_HOURS} are needed"
    least, most = float(load[0]), float(load[-1])
    if most < LEAST_SPREAD * least:
        return f"load was {least:.3g} to {most:.3g}/s an instance throughout: too even to tell how latency follows it"
    centre = np.median(sliding_window_view(load, WINDOW_HOURS), axis=1)
    sorted_latency = np.sort(sliding_window_view(latency, WINDOW_HOURS), axis=1)
    curves = [_rising(sorted_latency[:, rank]) for rank in (_LOW_RANK, WINDOW_HOURS // 2, _HIGH_RANK)]
    if curves[1][0] > latency_seconds:
        return f"latency was above {latency_seconds:g} s at every load seen: something else than load makes it"
    farthest = MOST_EXTRAPOLATION * most
    rate = _crossing(centre, curves[1], latency_seconds) or _continued(load, latency, latency_seconds)
    if rate is None or rate > farthest:
        share = float(curves[1][-1]) / latency_seconds
        return f"latency was {share:.0%} of the objective at the largest load seen: the rate is at least {most:.3g}/s"
    high = max(rate, _crossing(centre, curves[0], latency_seconds) or farthest)
    low = min(rate, _crossing(centre, curves[2], latency_seconds) or most)
    if high - low > WIDEST_INTERVAL * rate:
        return f"these hours tell the rate no closer than {low:.3g} to {high:.3g}/s"
    nearest = np.argsort(np.abs(load - rate), kind="stable")[:WINDOW_HOURS]
    return MeasuredRate(
        rate_per_second=rate,
        low_per_second=low,
        high_per_second=high,
        hours=len(load),
        censored_hours=censored_hours,
        least_load_per_second=least,
        most_load_per_second=most,
        instances=float(np.median(instances[nearest])),
    )


def _usable(history: LoadHistory, objective_seconds: float) -> tuple[Floats, Floats, Floats, int]:
    """Return load, latency and instances of the hours that tell something, by load, and the count of censored ones."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        load = history.peak_per_second / history.instances_mean
        change = (history.instances_max - history.instances_min) / history.instances_mean
    is_known = _is_within(load, limits.RATE_PER_SECOND) & _is_within(history.latency_seconds, limits.SECONDS)
    is_known &= change <= STEADY_FRACTION
    is_deep = (history.censored_fraction > 0) & (history.latency_seconds > DEEPLY_SATURATED * objective_seconds)
    kept = np.flatnonzero(is_known & ~is_deep)
    order = kept[np.lexsort((history.latency_seconds[kept], load[kept]))]
    censored_hours = int((is_known & is_deep).sum())
    return load[order], history.latency_seconds[order], history.instances_mean[order], censored_hours


def _is_within(numbers: Floats, least_and_most: limits.Limits) -> npt.NDArray[np.bool_]:
    """Whether numbers can have been measured: NaN and what is beyond reason, such as no latency at all, cannot."""
    is_within: npt.NDArray[np.bool_] = (numbers >= least_and_most[0]) & (numbers <= least_and_most[1])
    return is_within


def _rising(seconds: Floats) -> Floats:
    from scipy import optimize  # noqa: PLC0415, half a second that all who size a fleet would pay

    fitted: Floats = optimize.isotonic_regression(seconds).x
    return fitted


def _crossing(load: Floats, latency: Floats, objective_seconds: float) -> float | None:
    """Return the load at which a rising curve passes the objective, linear between its points; None where it does not.

    A curve that begins above it passes at its first point.
    """
    above = np.flatnonzero(latency > objective_seconds)
    if not len(above):
        return None
    after = int(above[0])
    if after == 0:
        return float(load[0])
    before = after - 1
    share = (objective_seconds - latency[before]) / (latency[after] - latency[before])
    return float(load[before] + share * (load[after] - load[before]))


def _continued(load: Floats, latency: Floats, objective_seconds: float) -> float | None:
    """Return where the line of 1 / latency at the highest loads reaches the objective; None where it does not fall."""
    from scipy import stats  # noqa: PLC0415, as above

    slope, intercept, *_ = stats.theilslopes(1.0 / latency[-_END_HOURS:], load[-_END_HOURS:])
    if not slope < 0:
        return None
    return max(float((1.0 / objective_seconds - intercept) / slope), float(load[-1]))
