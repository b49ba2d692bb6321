"""A fleet that drifts and one without a forecast are a warning each, with a remedy; all others are one line."""

from datetime import UTC, datetime

from headroom.forecasting.drift import Drift
from headroom.onboarding.findings import Level, Topic
from headroom.onboarding.forecast_findings import forecast_findings

MADE_AT = datetime(2026, 11, 18, 6, tzinfo=UTC)
DRIFT = Drift(hours=5, widening=1.84, direction="above")


def test_a_drifting_fleet_is_named_with_what_was_done_about_it_and_what_may_be_done() -> None:
    notes = {"chat": f"weights; {DRIFT.remark(is_widened=True)}", "embed": "weights", "rank": "weights"}
    drifting, steady = forecast_findings(["chat", "embed", "rank"], notes, made_at_utc=MADE_AT)
    assert (drifting.level, drifting.topic, drifting.subject) == (Level.WARNING, Topic.FORECASTS, "chat")
    assert drifting.message == (
        "demand has drifted above its forecasts for 5 h: bands are at least 1.8 times as wide, members due "
        "(forecast of 2026-11-18 06:00Z)"
    )
    assert "events.yaml" in drifting.remedy
    assert drifting.link == "docs/doctor.md#forecasts"
    assert (steady.level, steady.message) == (
        Level.OK,
        "no drift in 2 of 3 (forecasts of 2026-11-18 06:00Z)",
    )


def test_a_fleet_without_a_forecast_is_a_warning_and_fleets_not_asked_about_are_not_told_of() -> None:
    (found,) = forecast_findings(["new"], {"gone": DRIFT.remark(is_widened=True)}, made_at_utc=MADE_AT)
    assert (found.level, found.subject) == (Level.WARNING, "new")
    assert found.message == "it has no forecast of 2026-11-18 06:00Z, the newest hour that was reported"
