"""What the replay says of each claim: a value, a verdict and why; and what each part of the saving is. Pure."""

from dataclasses import dataclass

from headroom.simulation.claims.article import CLAIMS, SECTIONS, Claim, Verdict
from headroom.simulation.claims.measures import (
    idle_percent,
    least_and_most_instances,
    less_percent,
    over_provisioned_usd,
    peak_hours_utilization_percent,
    response_spread_seconds,
    scaling_errors,
    slower_while_scaling_percent,
    usd_a_month,
)
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.claims.scenarios import (
    SHOP_INSTANCES,
    SHOP_UTILIZATION,
    USD_PER_HOUR,
)
from headroom.simulation.engine import Run
from headroom.simulation.policies import OPEN
from headroom.simulation.replay import ORACLE
from headroom.units import HOURS_PER_MONTH, MILLISECONDS_PER_SECOND, PERCENT_PER_FRACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim, what the replay measured (None: nothing), and why it came out so."""

    claim: Claim
    value: float | None
    why: str

    @property
    def verdict(self) -> Verdict:
        """What the replay says of the claim."""
        return self.claim.verdict(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingPart:
    """What one part saves a month: the cost of `before` less that of `after`; None and a reason where it is open."""

    part: str
    before: str
    after: str
    before_usd: float | None
    after_usd: float | None
    reason: str = ""

    @property
    def saved_usd(self) -> float | None:
        """Cost saved a month."""
        if self.before_usd is None or self.after_usd is None:
            return None
        return self.before_usd - self.after_usd


def findings(played: PlayedClaims) -> tuple[Finding, ...]:
    """Return one finding for each claim, in the order of CLAIMS."""
    values = {**_case_values(played), **_strategy_values(played), **_predictive_values(played), **_vignettes(played)}
    assert set(values) == {claim.key for claim in CLAIMS}, "every claim has a value, if only None"  # noqa: S101, ours
    return tuple(Finding(claim=claim, value=values[claim.key][0], why=values[claim.key][1]) for claim in CLAIMS)


def by_section(found: tuple[Finding, ...]) -> dict[str, list[Finding]]:
    """Return the findings of each section of the article."""
    return {section: [item for item in found if item.claim.section == section] for section in SECTIONS}


def choice_rows(played: PlayedClaims) -> list[dict[str, float | int | str | None]]:
    """Return what comes out where one of our choices is another: headroom at the shop, a row for each choice."""
    rows: list[dict[str, float | int | str | None]] = []
    for choice in played.choices:
        after = choice.runs["headroom"]
        fewest, most = least_and_most_instances(after)
        saved = {
            name: less_percent(usd_a_month(choice.runs[name]), usd_a_month(after))
            for name in (BEFORE.name, "static_peak", "threshold")
        }
        rows.append(
            {
                "choice": choice.text,
                "usd_a_month": usd_a_month(after),
                **{f"less_than_{name}_percent": percent for name, percent in saved.items()},
                "latency_p95_ms": _p95_ms(after),
                "slo_met_percent": _percent(after.slo_met_fraction),
                "utilization_percent": _percent(after.utilization_fraction),
                "fewest_instances": fewest,
                "most_instances": most,
            }
        )
    return rows


def policy_rows(played: PlayedClaims) -> list[dict[str, float | int | str | None]]:
    """Return the figures of all that was played: scenario, policy, and what it came to."""
    runs = [("shop", name, item.run) for name, item in played.shop.played.items()]
    runs += [("shop", f"target_tracking at {played.equal_cost_target:.0%}", played.equal_cost)]
    runs += [("shop", "headroom, quicker type", played.quicker_loose)]
    runs += [("shop", "headroom, quicker type, 225 ms", played.quicker)]
    runs += [("shop", f"headroom_spot, {discount:.0%} off", run) for discount, run in played.spot.items()]
    runs += [("clinic", name, run) for name, run in played.clinic.items()]
    rows: list[dict[str, float | int | str | None]] = []
    for scenario, name, run in runs:
        fewest, most = least_and_most_instances(run)
        rows.append(
            {
                "scenario": scenario,
                "policy": name,
                "usd_a_month": usd_a_month(run),
                "slo_met_percent": _percent(run.slo_met_fraction),
                "slo_hours_percent": _percent(run.slo_hours_fraction(95.0)),
                "latency_p95_ms": _p95_ms(run),
                "latency_p99_ms": run.latency_seconds(99.0) * MILLISECONDS_PER_SECOND,
                "utilization_percent": _percent(run.utilization_fraction),
                "fewest_instances": fewest,
                "most_instances": most,
                "failed_requests": float(run.failed.sum()),
                "cold_starts": run.cold_starts,
                "interruptions": run.interruptions,
            }
        )
    return rows


def saving_parts(played: PlayedClaims) -> tuple[SavingPart, ...]:
    """Return what the case study's saving is made of.

    Count and schedule follow one upon the other; type and spot each start from the schedule, so they do not add up.
    """
    cost = {name: usd_a_month(item.run) for name, item in played.shop.played.items()}
    cost["headroom, quicker type"] = usd_a_month(played.quicker_loose)
    pairs = (
        ("count", BEFORE.name, "static_peak"),
        ("schedule", "static_peak", "headroom"),
        ("type", "headroom", "headroom, quicker type"),
        ("spot", "headroom", "headroom_spot"),
        ("tiers", "headroom", "headroom_hybrid"),
        ("all together", BEFORE.name, "headroom_combined"),
    )
    return tuple(
        SavingPart(
            part=part,
            before=before,
            after=after,
            before_usd=cost[before],
            after_usd=cost.get(after),
            reason=OPEN.get(after, ""),
        )
        for part, before, after in pairs
    )


_Values = dict[str, tuple[float | None, str]]


def _p95_ms(run: Run) -> float:
    return run.latency_seconds(95.0) * MILLISECONDS_PER_SECOND


def _percent(fraction: float) -> float:
    return fraction * PERCENT_PER_FRACTION


def _case_values(played: PlayedClaims) -> _Values:
    before, after, quicker = played.shop_run(BEFORE.name), played.shop_run("headroom"), played.quicker
    least, most = least_and_most_instances(after)
    needed = played.shop.needed
    busy = SHOP_INSTANCES * SHOP_UTILIZATION
    at_claimed_use = busy / 0.68
    paid = 32_000.0 / (USD_PER_HOUR * HOURS_PER_MONTH)
    arithmetic = (
        f"The article's own figures disagree at one price: the same work at 68 % takes {at_claimed_use:.1f} instances, "
        f"${at_claimed_use * USD_PER_HOUR * HOURS_PER_MONTH:,.0f} a month, while $32,000 pays for {paid:.1f}, "
        f"{busy / paid:.0%} busy."
    )
    oracle = played.shop.played[ORACLE].run
    kept = f"{after.slo_met_fraction:.1%} of requests and {after.slo_hours_fraction(95.0):.1%} of hours keep 300 ms"
    return {
        "before_utilization": (_percent(before.utilization_fraction), "The demand is scaled to this."),
        "before_cost": (usd_a_month(before), "The price of an instance-hour is taken from this."),
        "before_p95": (_p95_ms(before), "The service time is taken from this; the queue adds next to nothing to it."),
        "after_least": (
            least,
            f"The quietest minute needs {needed.min()}. The floor buys the 90 % quantile of each hour's peak, so it "
            f"stays above what most minutes need.",
        ),
        "after_most": (most, f"The busiest minute needs {needed.max()}."),
        "after_utilization": (
            _percent(after.utilization_fraction),
            f"{arithmetic} With foresight, changing at any minute, it would be {oracle.utilization_fraction:.0%}.",
        ),
        "after_cost": (
            usd_a_month(after),
            f"The schedule alone, and {kept}. Against 50 instances the demand's shape hardly matters: what counts is "
            f"22 % over the utilization after. The least with foresight is ${usd_a_month(oracle):,.0f}.",
        ),
        "after_p95": (
            _p95_ms(after),
            f"At 22 % next to nothing waits: {_p95_ms(before):.0f} ms is service, and fewer instances can only add "
            "waiting. A quicker type, or fewer cold starts where latency comes from those, can better it; fewer "
            "instances of the same type cannot.",
        ),
        "after_p95_quicker": (
            _p95_ms(quicker),
            f"Bought with service time, for ${usd_a_month(quicker):,.0f} a month at the same price for the same work. "
            f"With today's objective of 300 ms kept, the planner spends the speed on cost instead: "
            f"{_p95_ms(played.quicker_loose):.0f} ms for ${usd_a_month(played.quicker_loose):,.0f}.",
        ),
    }


def _strategy_values(played: PlayedClaims) -> _Values:
    cost = {name: usd_a_month(item.run) for name, item in played.shop.played.items()}
    p95 = {name: _p95_ms(item.run) for name, item in played.shop.played.items()}
    peak, threshold = played.shop_run("static_peak"), played.shop_run("threshold")
    at_ends = {discount: less_percent(cost["headroom"], usd_a_month(run)) for discount, run in played.spot.items()}
    ends = ", ".join(f"{saved:.0f} % with spot {discount:.0%} off" for discount, saved in at_ends.items() if saved)
    spot = played.shop_run("headroom_spot")
    # instance-hours on demand, and of all, over those of the schedule alone
    base = spot.instance_hours[0] / spot.instance_hours.sum()
    spare = spot.instance_hours.sum() / played.shop_run("headroom").instance_hours.sum() - 1.0
    longer = less_percent(p95["headroom"], p95["headroom_spot"])
    return {
        "predictive_cost_fixed": (
            less_percent(cost[BEFORE.name], cost["headroom"]),
            f"{less_percent(cost[BEFORE.name], cost['static_peak']):.0f} % comes from no longer holding 50, where "
            f"{least_and_most_instances(peak)[1]} carry the highest peak seen: that takes no prediction.",
        ),
        "predictive_cost_peak": (
            less_percent(cost["static_peak"], cost["headroom"]),
            f"This is what the schedule itself saves. A demand that swings less would save less. The fleet held for "
            f"the peak keeps {peak.slo_met_fraction:.1%} of requests inside, headroom "
            f"{played.shop_run('headroom').slo_met_fraction:.1%}; 95 % is the objective.",
        ),
        "predictive_cost_threshold": (
            less_percent(cost["threshold"], cost["headroom"]),
            f"Threshold scaling adds one instance at a time over 80 % and takes none away above 20 %, so it stays high "
            f"after each peak, at ${cost['threshold']:,.0f} and {threshold.utilization_fraction:.0%} busy; it still is "
            "far below the fixed fleets.",
        ),
        "predictive_performance": (
            less_percent(p95[BEFORE.name], p95["headroom"]),
            f"p95 is {p95[BEFORE.name]:.0f} ms with 50 instances, {p95['threshold']:.0f} under threshold scaling and "
            f"{p95['headroom']:.0f} under headroom: all of them nearly service alone, so there is no 15 % to gain.",
        ),
        "spot_cost_same": (
            less_percent(cost["headroom"], cost["headroom_spot"]),
            f"{ends}. {base:.0%} of its instance-hours stay on demand, and it holds {spare:.0%} more of them, so that "
            "losing a zone leaves enough; a quoted discount is saved whole only by a fleet without either.",
        ),
        "spot_cost_fixed": (
            less_percent(cost[BEFORE.name], cost["headroom_spot"]),
            f"Schedule and spot together. Independent interruptions at the advisor's worst band are gentle "
            f"({spot.interruptions} in two weeks): recorded spot traces are harsher.",
        ),
        "spot_performance": (
            None if longer is None else -longer,
            f"The spare instances against a zone's loss are at work until then, so latency is no longer. "
            f"{spot.failed.sum():,.0f} requests failed, {spot.failed[:60].sum():,.0f} of them in the first hour, when "
            "on-demand instances end before the spot ones that replace them serve; on demand "
            f"{played.shop_run('headroom').failed.sum():,.0f}.",
        ),
        "hybrid_cost": (None, f"Open: headroom_hybrid {OPEN['headroom_hybrid']}."),
        "combined_cost": (None, f"Open: headroom_combined {OPEN['headroom_combined']}."),
        "combined_performance": (None, f"Open: headroom_combined {OPEN['headroom_combined']}."),
    }


def _predictive_values(played: PlayedClaims) -> _Values:
    needed, after = played.shop.needed, played.shop_run("headroom")
    threshold, equal = played.shop_run("threshold"), played.equal_cost
    equal_words = f"a target of {played.equal_cost_target:.0%}, ${usd_a_month(equal):,.0f} a month"
    excess = {id(run): over_provisioned_usd(run, needed) for run in (after, threshold, equal)}
    spread = {id(run): response_spread_seconds(run) for run in (after, threshold, equal)}
    errors = {id(run): scaling_errors(run, needed) for run in (after, threshold, equal)}
    quiet = response_spread_seconds(played.shop_run(BEFORE.name)) * MILLISECONDS_PER_SECOND

    def less(measured: dict[int, float], before: Run) -> float | None:
        return less_percent(measured[id(before)], measured[id(after)])

    def short_minutes(run: Run) -> int:
        return int((run.ready.sum(axis=0) < needed).sum())

    def compared(measured: dict[int, float], before: Run, form: str, scale: float = 1.0) -> str:
        return f"From {form} to {form}".format(measured[id(before)] * scale, measured[id(after)] * scale)

    usd, ms, requests = "${:,.0f}", "{:.0f} ms", "{:,.0f}"
    to_ms = float(MILLISECONDS_PER_SECOND)
    return {
        "over_provisioning_threshold": (
            less(excess, threshold),
            f"{compared(excess, threshold, usd)} in two weeks: instances wait for the next peak after each one, since "
            "nothing is taken away above 20 %.",
        ),
        "over_provisioning_equal_cost": (
            less(excess, equal),
            f"{compared(excess, equal, usd)} in two weeks; target tracking at {equal_words}: at equal cost for the same "
            "work, what differs is only when instances are too many.",
        ),
        "consistency_threshold": (
            less(spread, threshold),
            f"{compared(spread, threshold, ms, to_ms)}. Service alone spreads by {quiet:.0f} ms (50 instances), which "
            "no scaling can take away, and threshold scaling is already there.",
        ),
        "consistency_equal_cost": (
            less(spread, equal),
            f"{compared(spread, equal, ms, to_ms)}, of which service is {quiet:.0f} ms; target tracking at "
            f"{equal_words}.",
        ),
        "errors_threshold": (
            less(errors, threshold),
            f"{compared(errors, threshold, requests)} of {after.arriving.sum():,.0f} requests. Threshold scaling holds "
            f"{threshold.instance_hours.sum() / after.instance_hours.sum() - 1.0:.0%} more instance-hours, and with "
            "them fewer minutes too short. A floor alone has nothing underneath for what it did not foresee: "
            f"headroom_reactive, with target tracking underneath, comes to "
            f"{scaling_errors(played.shop_run('headroom_reactive'), needed):,.0f} for "
            f"${usd_a_month(played.shop_run('headroom_reactive')):,.0f} a month.",
        ),
        "errors_equal_cost": (
            less(errors, equal),
            f"{compared(errors, equal, requests)}; target tracking at {equal_words}. Headroom is short in "
            f"{short_minutes(after):,} of {len(needed):,} minutes, target tracking in {short_minutes(equal):,}.",
        ),
        "failures_equal_cost": (
            less_percent(float(equal.failed.sum()), float(after.failed.sum())),
            f"From {equal.failed.sum():,.0f} to {after.failed.sum():,.0f} of {after.arriving.sum():,.0f} requests: few "
            f"in either, and a handful of minutes. Under threshold scaling {threshold.failed.sum():,.0f} fail, at its "
            "higher cost.",
        ),
    }


def _vignettes(played: PlayedClaims) -> _Values:
    before, clinic = played.shop_run(BEFORE.name), played.clinic
    at_peak = peak_hours_utilization_percent(before)
    keeping = {name: run for name, run in clinic.items() if run.slo_met_fraction >= 0.95}
    cheapest = min(keeping, key=lambda name: keeping[name].cost_usd)
    fast = clinic["target_tracking_fast"]
    scaling = {name: slower_while_scaling_percent(played.shop_run(name), 95.0) for name in ("threshold", "headroom")}
    shown = " and ".join(f"{slower:.1f} % under {name}" for name, slower in scaling.items() if slower is not None)
    peak = clinic["static_peak"]
    return {
        "peak_utilization": (
            at_peak,
            f"It would take {SHOP_INSTANCES * at_peak / 20:.0f} instances to be 20 % busy in these hours, where "
            f"{least_and_most_instances(played.shop_run('static_peak'))[1]} carry them. 22 % on average and at most "
            "25 % at the peak fit one fleet only if its demand hardly moves, and then there is nothing to schedule.",
        ),
        "cold_start": (fast.cold_start_seconds / fast.cold_starts, "The clinic's lead time is set to this."),
        "warm_idle": (
            idle_percent(peak),
            f"{least_and_most_instances(peak)[1]} instances for the peak of four weeks, ${usd_a_month(peak):,.0f} a "
            "month. How idle follows from how much demand swings between night and day.",
        ),
        "warm_forced": (
            idle_percent(keeping[cheapest]),
            f"{cheapest} keeps {keeping[cheapest].slo_met_fraction:.1%} of requests inside for "
            f"${usd_a_month(keeping[cheapest]):,.0f} a month; target tracking on 10 s metrics, which predicts nothing, "
            f"{fast.slo_met_fraction:.1%} for ${usd_a_month(fast):,.0f}. A start of 45 s is short beside how fast the "
            "demand moves, so nothing forces a fleet for the peak.",
        ),
        "fragmentation": (
            None,
            "Open: the engine has no GPU memory, so none to fragment. What it shows is waiting alone: at the shop p95 is "
            f"{shown} longer in minutes with a launch under way than in the others. The policy `intelligent` takes the "
            "30 % as given when it plans; no instance is slowed by it.",
        ),
    }

