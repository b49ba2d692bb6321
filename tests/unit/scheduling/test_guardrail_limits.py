"""Which limits hold for a fleet, and which of them are loosened."""

from dataclasses import fields, replace

import pytest
from tests.unit.scheduling.small_context import context
from tests.unit.scheduling.small_plan import at

from headroom.domain.change_freeze import ChangeFreeze
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, RANGES, GuardrailSettings
from headroom.scheduling import check_guardrails, limits_for, loosened_limits
from headroom.scheduling.guardrail_limits import (
    DEFAULT_LIMITS,
    LOOSER_IF_LARGER,
    LOOSER_IF_SMALLER,
    GuardrailLimits,
)
from headroom.scheduling.guardrails import RULE_OF_LIMIT, RULES


def freeze(reason: str) -> ChangeFreeze:
    return ChangeFreeze(reason=reason, starts_at_utc=at("00:00"), ends_at_utc=at("12:00"))


def texts(common: GuardrailSettings, own: GuardrailSettings = NO_GUARDRAIL_SETTINGS) -> list[str]:
    return [item.text for item in loosened_limits(common, own)]


def test_every_limit_can_be_set_has_a_rule_a_range_and_a_direction() -> None:
    names = {field.name for field in fields(GuardrailLimits)}
    assert {field.name for field in fields(GuardrailSettings)} == names
    assert set(RANGES) | {"freezes"} == names
    assert set(RANGES) == LOOSER_IF_LARGER | LOOSER_IF_SMALLER
    assert not LOOSER_IF_LARGER & LOOSER_IF_SMALLER
    assert set(RULE_OF_LIMIT) == names
    assert set(RULE_OF_LIMIT.values()) <= {verdict.rule for verdict in check_guardrails(context())}
    assert len(RULES) == len(check_guardrails(context()))


def test_the_defaults_hold_where_nothing_is_set_and_are_inside_the_ranges() -> None:
    assert limits_for(NO_GUARDRAIL_SETTINGS) == DEFAULT_LIMITS
    set_all = GuardrailSettings(**{name: getattr(DEFAULT_LIMITS, name) for name in RANGES})
    assert limits_for(set_all) == DEFAULT_LIMITS
    assert texts(set_all) == []


def test_a_fleets_own_limit_holds_over_that_for_all_and_freezes_add_up() -> None:
    common = GuardrailSettings(max_usd_per_day=500.0, min_band_fraction=0.6, freezes=(freeze("all"),))
    own = GuardrailSettings(max_usd_per_day=200.0, freezes=(freeze("own"),))
    limits = limits_for(common, own)
    assert (limits.max_usd_per_day, limits.min_band_fraction, limits.min_samples_fraction) == (200.0, 0.6, 0.8)
    assert [item.reason for item in limits.freezes] == ["all", "own"]
    assert limits_for(common).max_usd_per_day == 500.0


def test_tightening_is_free() -> None:
    common = GuardrailSettings(max_usd_per_day=500.0, min_band_fraction=0.6, max_window_age_seconds=3600)
    own = GuardrailSettings(max_usd_per_day=200.0, reserved_actions=20, min_hours_judged=3, freezes=(freeze("own"),))
    assert texts(common, own) == []


def test_what_is_looser_than_the_default_is_named_from_what_to_what() -> None:
    assert texts(GuardrailSettings(min_band_fraction=0.3, max_sample_age_seconds=10_800)) == [
        "max_sample_age_seconds is loosened from 7200 (the default) to 10800",
        "min_band_fraction is loosened from 0.5 (the default) to 0.3",
    ]
    assert texts(NO_GUARDRAIL_SETTINGS, GuardrailSettings(reserved_actions=0)) == [
        "reserved_actions is loosened from 10 (the default) to 0"
    ]


def test_a_fleets_limit_that_is_looser_than_that_for_all_counts_too() -> None:
    # 0.6 is stricter than the default 0.5, and 0.55 between them
    assert texts(GuardrailSettings(min_band_fraction=0.6), GuardrailSettings(min_band_fraction=0.55)) == [
        "min_band_fraction is loosened from 0.6 (for all fleets) to 0.55"
    ]
    # a budget has no default: none is looser than none, and a larger one looser than that for all
    assert texts(GuardrailSettings(max_usd_per_day=500.0), GuardrailSettings(max_usd_per_day=501.0)) == [
        "max_usd_per_day is loosened from 500 (for all fleets) to 501"
    ]
    assert texts(NO_GUARDRAIL_SETTINGS, GuardrailSettings(max_usd_per_day=501.0)) == []


def test_a_fleet_that_takes_a_loosening_for_all_back_is_not_loosened() -> None:
    common = GuardrailSettings(min_band_fraction=0.3)
    assert texts(common, GuardrailSettings(min_band_fraction=0.5)) == []
    assert texts(common, GuardrailSettings(min_band_fraction=0.2)) == [
        "min_band_fraction is loosened from 0.5 (the default) to 0.2"
    ]


@pytest.mark.parametrize("is_passed", [True, False])
def test_the_verdict_of_the_loosened_rule_says_so_whatever_it_is(*, is_passed: bool) -> None:
    common = GuardrailSettings(min_band_fraction=0.3)
    made = replace(
        context(hours_judged=10, hours_inside_band=4 if is_passed else 2),
        limits=limits_for(common),
        loosened=loosened_limits(common),
    )
    verdicts = {verdict.rule: verdict for verdict in check_guardrails(made)}
    said = "min_band_fraction is loosened from 0.5 (the default) to 0.3"
    assert verdicts["forecast_in_band"].is_passed is is_passed
    assert verdicts["forecast_in_band"].loosened == said
    assert verdicts["forecast_in_band"].reason.endswith(f"({said})")
    assert [rule for rule, verdict in verdicts.items() if verdict.loosened] == ["forecast_in_band"]
