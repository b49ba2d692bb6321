"""The claims of the article's predictive scaling: less over-provisioning, steadier responses, fewer errors."""

from typing import Final

from headroom.simulation.claims.claim import Claim, Measured, share_text
from headroom.simulation.claims.measures import (
    less_percent,
    over_provisioned_usd,
    response_spread_seconds,
    scaling_errors,
    short_steps,
    usd_a_month,
)
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.engine import Run
from headroom.units import MILLISECONDS_PER_SECOND

SECTION: Final = "Predictive Scaling, Performance Impact"
_OVER_PROVISIONING: Final = "40% reduction in over-provisioning costs"
_CONSISTENCY: Final = "25% improvement in response time consistency"
_ERRORS: Final = "60% decrease in scaling-related errors"
_EXCESS_IS: Final = "cost of instances billed beyond the fewest that keep the objective, minute by minute"
_SPREAD_IS: Final = "p99 - p50 of latency"
_ERRORS_ARE: Final = "requests late or failed in minutes with fewer instances at work than were needed"
_THRESHOLD: Final = "headroom against the article's own traditional_scaling (threshold)"
_EQUAL_COST: Final = "headroom against target tracking at the target whose cost comes nearest to headroom's"


def _equal_cost_text(played: PlayedClaims) -> str:
    cost = usd_a_month(played.equal_cost)
    return f"target tracking at {share_text(played.equal_cost_target)}, ${cost:,.0f} a month"


def _excess(played: PlayedClaims, before: Run, why: str) -> Measured:
    excess = [over_provisioned_usd(run, played.shop.needed) for run in (before, played.shop_run("headroom"))]
    return Measured(value=less_percent(*excess), why=f"From ${excess[0]:,.0f} to ${excess[1]:,.0f} in two weeks{why}.")


def _over_provisioning_threshold(played: PlayedClaims) -> Measured:
    why = ": threshold scaling keeps its instances after a peak, since it takes none away above 20 %"
    return _excess(played, played.shop_run("threshold"), why)


def _over_provisioning_equal_cost(played: PlayedClaims) -> Measured:
    why = f" ({_equal_cost_text(played)}): at equal cost for equal work, only the idle minutes can be others"
    return _excess(played, played.equal_cost, why)


def _spread(played: PlayedClaims, before: Run, why: str) -> Measured:
    runs = (before, played.shop_run("headroom"), played.shop_run(BEFORE.name))
    first, second, alone = (response_spread_seconds(run) * MILLISECONDS_PER_SECOND for run in runs)
    return Measured(
        value=less_percent(first, second),
        why=f"From {first:.0f} to {second:.0f} ms{why}. With 50 instances, where nothing waits, it is {alone:.0f} ms: "
        "the spread of service itself, which no scaling takes away.",
    )


def _consistency_threshold(played: PlayedClaims) -> Measured:
    return _spread(played, played.shop_run("threshold"), "")


def _consistency_equal_cost(played: PlayedClaims) -> Measured:
    return _spread(played, played.equal_cost, f" ({_equal_cost_text(played)})")


def _short(played: PlayedClaims, before: Run, why: str) -> Measured:
    needed, after = played.shop.needed, played.shop_run("headroom")
    errors = [scaling_errors(run, needed) for run in (before, after)]
    minutes = [short_steps(run, needed) for run in (before, after)]
    return Measured(
        value=less_percent(*errors),
        why=f"From {errors[0]:,.0f} to {errors[1]:,.0f} of {after.arriving.sum():,.0f} requests, in {minutes[0]:,} and "
        f"{minutes[1]:,} of {len(needed):,} minutes{why}.",
    )


def _errors_threshold(played: PlayedClaims) -> Measured:
    threshold, after, reactive = (played.shop_run(name) for name in ("threshold", "headroom", "headroom_reactive"))
    more = share_text(threshold.instance_hours.sum() / after.instance_hours.sum() - 1.0)
    return _short(
        played,
        threshold,
        f". Threshold scaling holds {more} more instance-hours. A floor alone has nothing underneath for what it did "
        "not foresee: headroom_reactive, with target tracking underneath, comes to "
        f"{scaling_errors(reactive, played.shop.needed):,.0f} for ${usd_a_month(reactive):,.0f} a month",
    )


def _errors_equal_cost(played: PlayedClaims) -> Measured:
    failed = [run.failed.sum() for run in (played.equal_cost, played.shop_run("headroom"))]
    why = f" ({_equal_cost_text(played)}). Of them {failed[0]:,.0f} and {failed[1]:,.0f} failed, too few to judge by"
    return _short(played, played.equal_cost, why)


CLAIMS: Final = (
    Claim(
        key="over_provisioning_threshold",
        words=_OVER_PROVISIONING,
        reading=f"{_EXCESS_IS}: {_THRESHOLD}",
        unit="% less",
        low=40.0,
        high=40.0,
        measure=_over_provisioning_threshold,
    ),
    Claim(
        key="over_provisioning_equal_cost",
        words=_OVER_PROVISIONING,
        reading=f"{_EXCESS_IS}: {_EQUAL_COST}",
        unit="% less",
        low=40.0,
        high=40.0,
        measure=_over_provisioning_equal_cost,
    ),
    Claim(
        key="consistency_threshold",
        words=_CONSISTENCY,
        reading=f"{_SPREAD_IS}: {_THRESHOLD}",
        unit="% less",
        low=25.0,
        high=25.0,
        measure=_consistency_threshold,
    ),
    Claim(
        key="consistency_equal_cost",
        words=_CONSISTENCY,
        reading=f"{_SPREAD_IS}: {_EQUAL_COST}",
        unit="% less",
        low=25.0,
        high=25.0,
        measure=_consistency_equal_cost,
    ),
    Claim(
        key="errors_threshold",
        words=_ERRORS,
        reading=f"{_ERRORS_ARE}: {_THRESHOLD}",
        unit="% less",
        low=60.0,
        high=60.0,
        measure=_errors_threshold,
    ),
    Claim(
        key="errors_equal_cost",
        words=_ERRORS,
        reading=f"{_ERRORS_ARE}: {_EQUAL_COST}",
        unit="% less",
        low=60.0,
        high=60.0,
        measure=_errors_equal_cost,
    ),
)
