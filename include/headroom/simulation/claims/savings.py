"""What each part saves, and the figures of everything that was played, as rows."""

from collections.abc import Iterator
from dataclasses import dataclass

from headroom.simulation.claims.claim import p95_ms, share_text
from headroom.simulation.claims.measures import least_and_most_instances, less_percent, usd_a_month
from headroom.simulation.claims.playing import BEFORE, PlayedClaims
from headroom.simulation.engine import Run
from headroom.simulation.policies import OPEN
from headroom.units import MILLISECONDS_PER_SECOND, percent_from_fraction

Row = dict[str, float | int | str | None]
_QUICKER = "headroom, quicker type"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingPart:
    """What one part saves a month: the cost of `before` less that of `after`; None and a reason where it is open."""

    part: str
    before: str
    after: str
    before_usd: float
    after_usd: float | None
    reason: str = ""

    @property
    def saved_usd(self) -> float | None:
        """Cost saved a month."""
        return None if self.after_usd is None else self.before_usd - self.after_usd


def saving_parts(played: PlayedClaims) -> tuple[SavingPart, ...]:
    """Return what the case study's saving is made of.

    Count and schedule follow one upon the other; type and spot each start from the schedule, so they do not add up.
    """
    cost = {name: usd_a_month(item.run) for name, item in played.shop.played.items()}
    cost[_QUICKER] = usd_a_month(played.quicker_loose)
    return tuple(
        SavingPart(
            part=part,
            before=before,
            after=after,
            before_usd=cost[before],
            after_usd=cost.get(after),
            reason=OPEN.get(after, ""),
        )
        for part, before, after in (
            ("count", BEFORE.name, "static_peak"),
            ("schedule", "static_peak", "headroom"),
            ("type", "headroom", _QUICKER),
            ("spot", "headroom", "headroom_spot"),
            ("tiers", "headroom", "headroom_hybrid"),
            ("all together", BEFORE.name, "headroom_combined"),
        )
    )


def choice_rows(played: PlayedClaims) -> list[Row]:
    """Return what comes out where one of our choices is another: headroom at the shop, a row for each choice."""
    rows: list[Row] = []
    for choice in played.choices:
        after = choice.runs["headroom"]
        saved = {
            f"less_than_{name}_percent": less_percent(usd_a_month(choice.runs[name]), usd_a_month(after))
            for name in (BEFORE.name, "static_peak", "threshold")
        }
        rows.append({"choice": choice.text, **saved, **_figures(after)})
    return rows


def policy_rows(played: PlayedClaims) -> list[Row]:
    """Return the figures of all that was played: scenario, policy, and what it came to."""
    return [{"scenario": scenario, "policy": name, **_figures(run)} for scenario, name, run in _runs(played)]


def _runs(played: PlayedClaims) -> Iterator[tuple[str, str, Run]]:
    yield from (("shop", name, item.run) for name, item in played.shop.played.items())
    yield "shop", f"target_tracking at {share_text(played.equal_cost_target)}", played.equal_cost
    yield "shop", _QUICKER, played.quicker_loose
    yield "shop", f"{_QUICKER}, 225 ms", played.quicker
    yield from (("shop", f"headroom_spot, {share_text(discount)} off", run) for discount, run in played.spot.items())
    yield from (("clinic", name, run) for name, run in played.clinic.items())


def _figures(run: Run) -> Row:
    fewest, most = least_and_most_instances(run)
    return {
        "usd_a_month": usd_a_month(run),
        "slo_met_percent": percent_from_fraction(run.slo_met_fraction),
        "slo_hours_percent": percent_from_fraction(run.slo_hours_fraction(95.0)),
        "latency_p95_ms": p95_ms(run),
        "latency_p99_ms": run.latency_seconds(99.0) * MILLISECONDS_PER_SECOND,
        "utilization_percent": percent_from_fraction(run.utilization_fraction),
        "fewest_instances": fewest,
        "most_instances": most,
        "failed_requests": float(run.failed.sum()),
        "cold_starts": run.cold_starts,
        "interruptions": run.interruptions,
    }
