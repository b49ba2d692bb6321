"""What the doctor says of guardrails that fleets.yaml has loosened."""

from dataclasses import replace

from tests.unit.actuation.planning import fleet

from headroom.domain.guardrail_settings import GuardrailSettings
from headroom.onboarding.findings import Level, Topic
from headroom.onboarding.guardrail_findings import guardrail_findings

FILE = "config/fleets.yaml"


def told(common: GuardrailSettings, own: GuardrailSettings) -> list[tuple[str, str]]:
    findings = guardrail_findings(FILE, common, [replace(fleet(), guardrails=own), replace(fleet(), id="other")])
    assert {(item.level, item.topic) for item in findings} <= {(Level.WARNING, Topic.CONFIGURATION)}
    return [(item.subject, item.message) for item in findings]


def test_what_is_loosened_for_all_is_told_once_and_a_fleets_own_with_its_name() -> None:
    common = GuardrailSettings(min_band_fraction=0.3, min_samples_fraction=0.9)
    assert told(common, GuardrailSettings(min_samples_fraction=0.85)) == [
        (FILE, "guardrail min_band_fraction is loosened from 0.5 (the default) to 0.3"),
        ("chat-large", "guardrail min_samples_fraction is loosened from 0.9 (for all fleets) to 0.85"),
    ]


def test_tightening_is_no_finding() -> None:
    assert told(GuardrailSettings(max_usd_per_day=100.0), GuardrailSettings(max_usd_per_day=50.0)) == []
