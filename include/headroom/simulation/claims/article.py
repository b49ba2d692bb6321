"""What the article claims, word for word, with how each claim was read and its verdict's rule; no figure of ours."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headroom.simulation.policies import OPEN

POINT_TOLERANCE: Final = 0.10
"""A single figure holds where the replay comes within a tenth of it; a range holds inside its ends."""


class Verdict(StrEnum):
    """What the replay says of a claim."""

    GIVEN = "given"
    HOLDS = "holds"
    MORE = "more than claimed"
    FAILS = "does not hold"
    OPEN = "open"


class Better(StrEnum):
    """Which side of the claim would please its author."""

    LESS = "less"
    MORE = "more"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A figure of the article: `low` to `high` in `unit`, one number where both are equal.

    `words`: as they stand there. `reading`: what of the replay is set against it. `is_given`: the scenario was made
    from it. `open_reason`: why nothing can be said yet.
    """

    key: str
    section: str
    words: str
    reading: str
    unit: str
    low: float
    high: float
    better: Better = Better.MORE
    is_given: bool = False
    open_reason: str = ""

    def verdict(self, value: float | None) -> Verdict:
        """Return the verdict on a replayed value; None is open."""
        if self.open_reason or value is None or not math.isfinite(value):
            return Verdict.OPEN
        if self.is_given:
            return Verdict.GIVEN
        slack = POINT_TOLERANCE * abs(self.low) if self.low == self.high else 0.0
        if self.low - slack <= value <= self.high + slack:
            return Verdict.HOLDS
        is_beyond = {Better.LESS: value < self.low, Better.MORE: value > self.high, Better.NEITHER: False}
        return Verdict.MORE if is_beyond[self.better] else Verdict.FAILS


CASE: Final = "Case Study: E-commerce Recommendation Engine"
STRATEGIES: Final = "Hybrid Scaling, Real-World Implementation Results"
PREDICTIVE: Final = "Predictive Scaling, Performance Impact"
VIGNETTES: Final = "The Cost of Overprovisioning"
SECTIONS: Final = (CASE, STRATEGIES, PREDICTIVE, VIGNETTES)

_AFTER = "the production planner alone (headroom) on today's type, on demand"
_PREDICTIVE_ROW = "Predictive Scaling | 35-45% | 15-25% improvement"
_SPOT_ROW = "Spot Instance Optimization | 60-70% | 5-15% variability"
_HYBRID_ROW = "Hybrid Resource Allocation | 40-50% | Minimal impact"
_COMBINED_ROW = "Combined Approach | 55-65% | 10-20% improvement"
_AT_THRESHOLD = "headroom against the article's own traditional_scaling (threshold)"
_AT_EQUAL_COST = "headroom against target tracking at the target whose cost comes nearest to headroom's"
_EXCESS = "cost of instances billed beyond the fewest that keep the objective, minute by minute"
_SPREAD = "p99 - p50 of latency"
_ERRORS = "requests late or failed in minutes with fewer instances at work than were needed"

CLAIMS: Final = (
    Claim(
        key="before_utilization",
        section=CASE,
        words="22% average GPU utilization",
        reading="busy time over time at work, 50 instances that never change",
        unit="%",
        low=22,
        high=22,
        is_given=True,
    ),
    Claim(
        key="before_cost",
        section=CASE,
        words="$85,000 monthly infrastructure cost",
        reading="50 instances over a month of 730 hours",
        unit="USD a month",
        low=85_000,
        high=85_000,
        is_given=True,
    ),
    Claim(
        key="before_p95",
        section=CASE,
        words="95th percentile latency: 280ms",
        reading="p95 of all requests, 50 instances",
        unit="ms",
        low=280,
        high=280,
        is_given=True,
    ),
    Claim(
        key="after_least",
        section=CASE,
        words="Dynamic cluster scaling from 8-35 instances",
        reading=f"fewest instances at work under {_AFTER}",
        unit="instances",
        low=8,
        high=8,
        better=Better.LESS,
    ),
    Claim(
        key="after_most",
        section=CASE,
        words="Dynamic cluster scaling from 8-35 instances",
        reading=f"most instances at work under {_AFTER}",
        unit="instances",
        low=35,
        high=35,
        better=Better.LESS,
    ),
    Claim(
        key="after_utilization",
        section=CASE,
        words="68% average GPU utilization",
        reading=f"busy time over time at work under {_AFTER}",
        unit="%",
        low=68,
        high=68,
    ),
    Claim(
        key="after_cost",
        section=CASE,
        words="$32,000 monthly infrastructure cost (62% reduction)",
        reading=f"bill under {_AFTER}: prediction without spot and tiers",
        unit="USD a month",
        low=32_000,
        high=32_000,
        better=Better.LESS,
    ),
    Claim(
        key="after_p95",
        section=CASE,
        words="95th percentile latency: 210ms (25% improvement)",
        reading=f"p95 of all requests under {_AFTER}",
        unit="ms",
        low=210,
        high=210,
        better=Better.LESS,
    ),
    Claim(
        key="after_p95_quicker",
        section=CASE,
        words="95th percentile latency: 210ms (25% improvement)",
        reading="the same on a type that serves in 210 / 280 of the time, with the objective scaled alike (225 ms)",
        unit="ms",
        low=210,
        high=210,
        better=Better.LESS,
    ),
    Claim(
        key="predictive_cost_fixed",
        section=STRATEGIES,
        words=_PREDICTIVE_ROW,
        reading="cost of headroom against the fixed cluster of 50",
        unit="% less",
        low=35,
        high=45,
    ),
    Claim(
        key="predictive_cost_peak",
        section=STRATEGIES,
        words=_PREDICTIVE_ROW,
        reading="cost of headroom against a fixed fleet no larger than its four weeks' peak needs (static_peak)",
        unit="% less",
        low=35,
        high=45,
    ),
    Claim(
        key="predictive_cost_threshold",
        section=STRATEGIES,
        words=_PREDICTIVE_ROW,
        reading=f"cost of {_AT_THRESHOLD}",
        unit="% less",
        low=35,
        high=45,
    ),
    Claim(
        key="predictive_performance",
        section=STRATEGIES,
        words=_PREDICTIVE_ROW,
        reading="p95 of headroom against the fixed cluster of 50",
        unit="% shorter",
        low=15,
        high=25,
    ),
    Claim(
        key="spot_cost_same",
        section=STRATEGIES,
        words=_SPOT_ROW,
        reading="cost of headroom_spot against headroom: the same schedule, bought otherwise, spot 75 % off",
        unit="% less",
        low=60,
        high=70,
    ),
    Claim(
        key="spot_cost_fixed",
        section=STRATEGIES,
        words=_SPOT_ROW,
        reading="cost of headroom_spot against the fixed cluster of 50: schedule and spot together",
        unit="% less",
        low=60,
        high=70,
    ),
    Claim(
        key="spot_performance",
        section=STRATEGIES,
        words=_SPOT_ROW,
        reading="p95 of headroom_spot against headroom",
        unit="% longer",
        low=5,
        high=15,
        better=Better.LESS,
    ),
    Claim(
        key="hybrid_cost",
        section=STRATEGIES,
        words=_HYBRID_ROW,
        reading="cost of headroom_hybrid against the fixed cluster of 50, and its p95",
        unit="% less",
        low=40,
        high=50,
        open_reason=f"headroom_hybrid {OPEN['headroom_hybrid']}",
    ),
    Claim(
        key="combined_cost",
        section=STRATEGIES,
        words=_COMBINED_ROW,
        reading="cost of headroom_combined against the fixed cluster of 50",
        unit="% less",
        low=55,
        high=65,
        open_reason=f"headroom_combined {OPEN['headroom_combined']}",
    ),
    Claim(
        key="combined_performance",
        section=STRATEGIES,
        words=_COMBINED_ROW,
        reading="p95 of headroom_combined against the fixed cluster of 50",
        unit="% shorter",
        low=10,
        high=20,
        open_reason=f"headroom_combined {OPEN['headroom_combined']}",
    ),
    *(
        Claim(
            key=f"{key}_{suffix}",
            section=PREDICTIVE,
            words=words,
            reading=f"{measure}: {against}",
            unit="% less",
            low=claimed,
            high=claimed,
        )
        for key, words, measure, claimed in (
            ("over_provisioning", "40% reduction in over-provisioning costs", _EXCESS, 40.0),
            ("consistency", "25% improvement in response time consistency", _SPREAD, 25.0),
            ("errors", "60% decrease in scaling-related errors", _ERRORS, 60.0),
        )
        for suffix, against in (("threshold", _AT_THRESHOLD), ("equal_cost", _AT_EQUAL_COST))
    ),
    Claim(
        key="failures_equal_cost",
        section=PREDICTIVE,
        words="60% decrease in scaling-related errors",
        reading=f"requests that failed, having waited beyond ten times the objective: {_AT_EQUAL_COST}",
        unit="% less",
        low=60,
        high=60,
    ),
    Claim(
        key="peak_utilization",
        section=VIGNETTES,
        words="only 15-25% GPU utilization during peak hours, despite provisioning for 100% capacity",
        reading="busy share in the busiest hour of each day, the shop on its fixed 50",
        unit="%",
        low=15,
        high=25,
        better=Better.NEITHER,
    ),
    Claim(
        key="cold_start",
        section=VIGNETTES,
        words="45-second cold starts",
        reading="launch to serving at the clinic, all launches of target tracking",
        unit="s",
        low=45,
        high=45,
        is_given=True,
    ),
    Claim(
        key="warm_idle",
        section=VIGNETTES,
        words="warm instances that sat idle 60% of the time",
        reading="idle share of the clinic's fleet when it is held for the peak (static_peak)",
        unit="%",
        low=60,
        high=60,
        better=Better.NEITHER,
    ),
    Claim(
        key="warm_forced",
        section=VIGNETTES,
        words="forcing them to maintain warm instances that sat idle 60% of the time",
        reading="idle share under the cheapest policy that keeps 95 % of requests inside the objective; forced if no less",
        unit="%",
        low=60,
        high=100,
        better=Better.NEITHER,
    ),
    Claim(
        key="fragmentation",
        section=VIGNETTES,
        words="constant memory reallocation, causing 30% performance degradation during scaling events",
        reading="slowdown by fragmented memory while the fleet scales",
        unit="% slower",
        low=30,
        high=30,
        better=Better.LESS,
        open_reason="the engine has no GPU memory, so it has none to fragment",
    ),
)
