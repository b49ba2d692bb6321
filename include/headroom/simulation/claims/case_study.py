"""The claims of the article's case study: 50 instances before, a scaled fleet after."""

from typing import Final

from headroom.simulation.claims.claim import USD_A_MONTH, Better, Claim, Measured, p95_ms, share_text
from headroom.simulation.claims.measures import least_and_most_instances, usd_a_month
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.claims.scenarios import SHOP_INSTANCES, SHOP_UTILIZATION, USD_PER_HOUR
from headroom.simulation.replay import ORACLE
from headroom.units import HOURS_PER_MONTH, percent_from_fraction

SECTION: Final = "Case Study: E-commerce Recommendation Engine"
_AFTER: Final = "the production planner alone (headroom), today's type on demand"
_CLAIMED_USD, _CLAIMED_UTILIZATION = 32_000.0, 0.68
_SCALING: Final = "Dynamic cluster scaling from 8-35 instances"
_LATENCY: Final = "95th percentile latency: 210ms (25% improvement)"


def _before_utilization(played: PlayedClaims) -> Measured:
    used = played.shop_run(BEFORE.name).utilization_fraction
    return Measured(value=percent_from_fraction(used), why="The demand is scaled to this.")


def _before_cost(played: PlayedClaims) -> Measured:
    cost = usd_a_month(played.shop_run(BEFORE.name))
    return Measured(value=cost, why="The price of an instance-hour is taken from this.")


def _before_p95(played: PlayedClaims) -> Measured:
    return Measured(
        value=p95_ms(played.shop_run(BEFORE.name)),
        why="The service time is taken from this; waiting adds next to nothing to it.",
    )


def _after_least(played: PlayedClaims) -> Measured:
    return Measured(
        value=least_and_most_instances(played.shop_run("headroom"))[0],
        why=f"The quietest minute needs {played.shop.needed.min()}. The floor buys the 90 % quantile of each hour's "
        "minutes, so it stays above what most of them need.",
    )


def _after_most(played: PlayedClaims) -> Measured:
    return Measured(
        value=least_and_most_instances(played.shop_run("headroom"))[1],
        why=f"The busiest minute needs {played.shop.needed.max()}.",
    )


def _after_utilization(played: PlayedClaims) -> Measured:
    busy = SHOP_INSTANCES * SHOP_UTILIZATION
    claimed = busy / _CLAIMED_UTILIZATION
    usd = USD_PER_HOUR * HOURS_PER_MONTH
    paid = _CLAIMED_USD / usd
    oracle = played.shop.played[ORACLE].run
    return Measured(
        value=percent_from_fraction(played.shop_run("headroom").utilization_fraction),
        why=f"The article's own figures disagree at one price: the same work at {share_text(_CLAIMED_UTILIZATION)} "
        f"takes {claimed:.1f} instances, ${claimed * usd:,.0f} a month, and ${_CLAIMED_USD:,.0f} pays for {paid:.1f}, "
        f"{share_text(busy / paid)} busy. With foresight, changing at any minute, it would be "
        f"{share_text(oracle.utilization_fraction)}.",
    )


def _after_cost(played: PlayedClaims) -> Measured:
    after = played.shop_run("headroom")
    return Measured(
        value=usd_a_month(after),
        why=f"The schedule alone; {share_text(after.slo_met_fraction, digits=1)} of requests and "
        f"{share_text(after.slo_hours_fraction(95.0), digits=1)} of hours keep the objective. Against 50 instances the "
        "demand's shape hardly matters: what counts is 22 % over the utilization after. The least with foresight is "
        f"${usd_a_month(played.shop.played[ORACLE].run):,.0f}.",
    )


def _after_p95(played: PlayedClaims) -> Measured:
    return Measured(
        value=p95_ms(played.shop_run("headroom")),
        why=f"At 22 % next to nothing waits: {p95_ms(played.shop_run(BEFORE.name)):.0f} ms is service, and fewer "
        "instances can only add waiting. A quicker type can better it, or fewer cold starts where latency comes from "
        "those; fewer instances of the same type cannot.",
    )


def _after_p95_quicker(played: PlayedClaims) -> Measured:
    loose = played.quicker_loose
    return Measured(
        value=p95_ms(played.quicker),
        why=f"Bought with service time, for ${usd_a_month(played.quicker):,.0f} a month where the same work costs the "
        "same on both types. With today's objective kept, the planner spends the speed on cost instead: "
        f"{p95_ms(loose):.0f} ms for ${usd_a_month(loose):,.0f}.",
    )


CLAIMS: Final = (
    Claim(
        key="before_utilization",
        words="22% average GPU utilization",
        reading="busy time over time at work, 50 instances that never change",
        unit="%",
        low=22.0,
        high=22.0,
        measure=_before_utilization,
        is_given=True,
    ),
    Claim(
        key="before_cost",
        words="$85,000 monthly infrastructure cost",
        reading="50 instances over a month of 730 hours",
        unit=USD_A_MONTH,
        low=85_000.0,
        high=85_000.0,
        measure=_before_cost,
        is_given=True,
    ),
    Claim(
        key="before_p95",
        words="95th percentile latency: 280ms",
        reading="p95 of all requests, 50 instances",
        unit="ms",
        low=280.0,
        high=280.0,
        measure=_before_p95,
        is_given=True,
    ),
    Claim(
        key="after_least",
        words=_SCALING,
        reading=f"fewest instances at work: {_AFTER}",
        unit="instances",
        low=8.0,
        high=8.0,
        measure=_after_least,
        better=Better.LESS,
    ),
    Claim(
        key="after_most",
        words=_SCALING,
        reading=f"most instances at work: {_AFTER}",
        unit="instances",
        low=35.0,
        high=35.0,
        measure=_after_most,
        better=Better.LESS,
    ),
    Claim(
        key="after_utilization",
        words="68% average GPU utilization",
        reading=f"busy time over time at work: {_AFTER}",
        unit="%",
        low=percent_from_fraction(_CLAIMED_UTILIZATION),
        high=percent_from_fraction(_CLAIMED_UTILIZATION),
        measure=_after_utilization,
    ),
    Claim(
        key="after_cost",
        words="$32,000 monthly infrastructure cost (62% reduction)",
        reading=f"bill: {_AFTER}, so without spot and tiers",
        unit=USD_A_MONTH,
        low=_CLAIMED_USD,
        high=_CLAIMED_USD,
        measure=_after_cost,
        better=Better.LESS,
    ),
    Claim(
        key="after_p95",
        words=_LATENCY,
        reading=f"p95 of all requests: {_AFTER}",
        unit="ms",
        low=210.0,
        high=210.0,
        measure=_after_p95,
        better=Better.LESS,
    ),
    Claim(
        key="after_p95_quicker",
        words=_LATENCY,
        reading="the same on a type that serves in 210 / 280 of the time, with the objective scaled alike (225 ms)",
        unit="ms",
        low=210.0,
        high=210.0,
        measure=_after_p95_quicker,
        better=Better.LESS,
    ),
)
