"""How strict the guardrails are: the defaults, what fleets.yaml sets for all fleets and for one, and what that loosens.

Tightening is free. A limit that is looser than the default, or a fleet's that is looser than the one for all fleets,
holds all the same, and is named wherever its rule's verdict stands: in the ledger, on pages and in requests.
"""

from dataclasses import dataclass, fields
from typing import Final

from headroom.domain.change_freeze import ChangeFreeze
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.scheduling.quota import DEFAULT_RESERVE
from headroom.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailLimits:
    """How strict the guardrails are; a limit that is None is not set, and its rule says so."""

    max_sample_age_seconds: float = 2 * SECONDS_PER_HOUR
    """How old the newest demand sample may be: an hourly run sees the hour that just ended."""
    min_samples_fraction: float = 0.8
    """Share of the samples of the judged past that must be there."""
    max_forecast_age_seconds: float = 2 * SECONDS_PER_HOUR
    min_hours_judged: int = 6
    """Fewer forecast hours than this against what came tell nothing yet."""
    min_band_fraction: float = 0.5
    """Least share of judged hours whose demand lay at or under the forecast band's upper edge and not below its lower.

    A band of q10 to q90 holds 80 % by design; at half of that and more, luck alone explains it no longer.
    """
    max_window_age_seconds: float = 2 * SECONDS_PER_HOUR
    """A window that ended longer ago has a successor whose plan knows more: it only records."""
    max_usd_per_day: float | None = None
    max_usd_per_month: float | None = None
    """Of the UTC month: what it has cost so far and what the floor adds to it."""
    reserved_actions: int = DEFAULT_RESERVE
    min_peak_fraction: float = 0.5
    """Share of each hour's median peak that the floor must be able to carry.

    A sound plan carries more: what is bought is a quantile of minutes that, for a shortage cost ratio of 3 and more,
    lies nearer to the peak than to the mean.
    """
    max_peak_multiple: float = 3.0
    """How many times the highest forecast peak the floor may be able to carry.

    The most that is ever bought is a minute at q99, at most 2.31 times the peak (headroom.domain.demand.MINUTE_SHAPE).
    """
    freezes: tuple[ChangeFreeze, ...] = ()


DEFAULT_LIMITS: Final = GuardrailLimits()
LOOSER_IF_LARGER: Final = frozenset(
    {
        "max_sample_age_seconds",
        "max_forecast_age_seconds",
        "min_hours_judged",
        "max_window_age_seconds",
        "max_usd_per_day",
        "max_usd_per_month",
        "max_peak_multiple",
    },
)
LOOSER_IF_SMALLER: Final = frozenset(
    {"min_samples_fraction", "min_band_fraction", "reserved_actions", "min_peak_fraction"},
)
"""Freezes are in neither set: those of a fleet come on top of those for all, so they can only tighten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosening:
    """A limit that is less strict than the strictest of the default and what holds for all fleets."""

    limit: str
    strict: float
    strict_source: str
    """Whose the strict one is, in words."""
    loose: float

    @property
    def text(self) -> str:
        """The loosening in words, as verdicts and the doctor say it."""
        return f"{self.limit} is loosened from {self.strict:.12g} ({self.strict_source}) to {self.loose:.12g}"


def limits_for(common: GuardrailSettings, own: GuardrailSettings = NO_GUARDRAIL_SETTINGS) -> GuardrailLimits:
    """Return the limits of a fleet: its own, else those for all fleets, else the defaults; freezes of both hold."""
    named = {field.name: getattr(DEFAULT_LIMITS, field.name) for field in fields(GuardrailLimits)}
    named |= {**common.numbers, **own.numbers, "freezes": (*common.freezes, *own.freezes)}
    return GuardrailLimits(**named)


def loosened_limits(common: GuardrailSettings, own: GuardrailSettings = NO_GUARDRAIL_SETTINGS) -> tuple[Loosening, ...]:
    """Return the limits of a fleet that are looser than the default or than those for all fleets, by name."""
    holding = {**common.numbers, **own.numbers}
    found = []
    for name, number in sorted(holding.items()):
        stricter = _strictest(name, common.numbers.get(name))
        if stricter is not None and _is_looser(name, number, than=stricter[0]):
            found.append(Loosening(limit=name, strict=stricter[0], strict_source=stricter[1], loose=number))
    return tuple(found)


def _strictest(name: str, common: float | None) -> tuple[float, str] | None:
    """Return the stricter of the default and what holds for all fleets, and which it is; None where neither is set."""
    default: float | None = getattr(DEFAULT_LIMITS, name)
    sources = ((default, "the default"), (common, "for all fleets"))
    known = [(number, whose) for number, whose in sources if number is not None]
    if not known:
        return None
    return (min if name in LOOSER_IF_LARGER else max)(known, key=lambda item: item[0])


def _is_looser(name: str, number: float, *, than: float) -> bool:
    return number > than if name in LOOSER_IF_LARGER else number < than
