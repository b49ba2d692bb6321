"""`guardrails:` of fleets.yaml, for all fleets and for one, and what each kind of mistake is told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.config.test_fleets_file import ENTRY, error_of, listed

from headroom.config import load_fleets, load_fleets_file
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS
from headroom.pipelines.workspace import open_workspace

COMMON = """\
guardrails:
  max_usd_per_day: 800
  min_band_fraction: 0.6
  freezes:
    - {reason: winter sale, starts_at_utc: 2026-11-27T00:00:00Z, ends_at_utc: 2026-12-01T06:00:00Z}
    - reason: nobody is in
      days: [fri]
      starts_at: "18:00"
      ends_at: "06:00"
      time_zone: Europe/Berlin
"""
OWN = "guardrails: {max_usd_per_day: 200, reserved_actions: 20}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fleets.yaml"


def test_guardrails_for_all_fleets_stand_beside_them_and_a_fleets_own_in_its_entry(file: Path) -> None:
    file.write_text(COMMON + listed(ENTRY + OWN, ENTRY.replace("chat-large", "other")), encoding="utf-8")
    content = load_fleets_file(file)
    assert content.guardrails.numbers == {"max_usd_per_day": 800.0, "min_band_fraction": 0.6}
    sale, weekly = content.guardrails.freezes
    assert (sale.reason, sale.ends_at_utc) == ("winter sale", datetime(2026, 12, 1, 6, tzinfo=UTC))
    assert (weekly.days, weekly.starts_at, weekly.time_zone) == (("fri",), "18:00", "Europe/Berlin")
    first, other = content.fleets
    assert first.guardrails.numbers == {"max_usd_per_day": 200.0, "reserved_actions": 20}
    assert other.guardrails == NO_GUARDRAIL_SETTINGS
    assert load_fleets(file) is content.fleets


def test_a_file_that_is_one_entry_has_that_fleets_own(file: Path) -> None:
    file.write_text(ENTRY + OWN, encoding="utf-8")
    content = load_fleets_file(file)
    assert content.guardrails == NO_GUARDRAIL_SETTINGS
    assert content.fleets[0].guardrails.max_usd_per_day == 200.0


def test_a_workspace_knows_those_for_all_fleets(file: Path) -> None:
    file.write_text(COMMON + listed(ENTRY), encoding="utf-8")
    opened = open_workspace({"HEADROOM_CONFIG": str(file.parent), "HEADROOM_LAKE": str(file.parent / "lake")})
    assert opened.guardrails.max_usd_per_day == 800.0


# Each case: what stands under `guardrails:` on line 2, and what the whole message must begin with.
FAULTS = [
    (
        "max_usd_day: 5",
        "guardrails.max_usd_day: unknown key; did you mean 'max_usd_per_day'?; known are freezes, max_fore",
    ),
    ("max_usd_per_day: 0", "guardrails: max_usd_per_day must be above 0, found 0.0"),
    ("max_usd_per_day: 1e12", "guardrails: max_usd_per_day must be at most 1,000,000,000, found 1e+12"),
    ("max_usd_per_day: yes", "guardrails.max_usd_per_day: found the yes/no value True"),
    ("max_usd_per_day: .inf", "guardrails.max_usd_per_day: expected a finite number, found inf"),
    ("max_usd_per_day: much", "guardrails.max_usd_per_day: Input should be a valid number"),
    ("max_usd_per_day:", "guardrails.max_usd_per_day: nothing stands under it: give it a value, or leave the key out"),
    ("max_usd_per_month: -1", "guardrails: max_usd_per_month must be above 0, found -1.0"),
    ("min_samples_fraction: 80", "guardrails: min_samples_fraction must be at most 1, found 80"),
    ("min_band_fraction: -0.1", "guardrails: min_band_fraction must be at least 0, found -0.1"),
    ("max_sample_age_seconds: 2", "guardrails: max_sample_age_seconds must be at least 300, found 2.0"),
    ("max_forecast_age_seconds: 1e9", "guardrails: max_forecast_age_seconds must be at most 604,800, found 1000000000"),
    ("max_window_age_seconds: 7201", "guardrails: max_window_age_seconds must be at most 7,200, found 7201"),
    ("min_hours_judged: 25", "guardrails: min_hours_judged must be at most 24, found 25"),
    ("min_hours_judged: 2.5", "guardrails.min_hours_judged: Input should be a valid integer"),
    ("reserved_actions: -1", "guardrails: reserved_actions must be at least 0, found -1"),
    ("min_peak_fraction: 3", "guardrails: min_peak_fraction must be at most 2, found 3"),
    ("max_peak_multiple: 0.5", "guardrails: max_peak_multiple must be at least 1, found 0.5"),
    ("freezes: {}", "guardrails.freezes: expected a list, found keys and values"),
    ("freezes: [sale]", "guardrails.freezes[0]: expected keys and values, found 'sale'"),
    (
        "freezes: [{reason: sale}]",
        "guardrails.freezes[0]: expected dates (starts_at_utc and ends_at_utc) or a week (days, ",
    ),
    ("freezes: [{days: [sat]}]", "guardrails.freezes[0].reason: is missing"),
    (
        "freezes: [{reason: a, day: [sat]}]",
        "guardrails.freezes[0].day: unknown key; did you mean 'days'?; known are days",
    ),
    (
        "freezes: [{reason: a, days: [saturday]}]",
        "guardrails.freezes[0].days[0]: Input should be 'mon', 'tue', 'wed', '",
    ),
    ("max_usd_per_day: 0100", "guardrails.max_usd_per_day: found 0100, which YAML reads as 64: write the number in"),
    ("max_usd_per_day: 1:30", "guardrails.max_usd_per_day: found 1:30, which YAML reads as 90: write the number in"),
    ("max_usd_per_day: 1:30.5", "guardrails.max_usd_per_day: found 1:30.5, which YAML reads as 90.5"),
    ("reserved_actions: 0x1F", "guardrails.reserved_actions: found 0x1F, which YAML reads as 31"),
    (
        f"freezes: [{{reason: {'x' * 501}, starts_at_utc: 2026-12-01T00:00:00Z, ends_at_utc: 2026-12-02T00:00:00Z}}]",
        "guardrails.freezes[0]: reason must have at most 500 characters, found 501",
    ),
    (
        'freezes: [{reason: a, days: [sat], starts_at: 18:00, ends_at: "24:00", time_zone: UTC}]',
        'guardrails.freezes[0].starts_at: expected a time of day in quotes such as "18:00", found 1080',
    ),
    (
        'freezes: [{reason: a, days: [sat], starts_at: "6 pm", ends_at: "24:00", time_zone: UTC}]',
        "guardrails.freezes[0]: starts_at must be a time of day in quotes such as \"18:00\", found '6 pm'",
    ),
    (
        'freezes: [{reason: a, days: [sat], starts_at: "18:00", ends_at: "24:00", time_zone: Mars/Olympus}]',
        "guardrails.freezes[0]: time_zone must be an IANA time zone such as Europe/Berlin, found 'Mars/Olympus'",
    ),
    (
        "freezes: [{reason: a, starts_at_utc: 2026-11-27T00:00:00, ends_at_utc: 2026-11-28T00:00:00Z}]",
        "guardrails.freezes[0]: a time without zone: 2026-11-27T00:00:00",
    ),
    (
        "freezes: [{reason: a, starts_at_utc: 2026-11-28T00:00:00Z, ends_at_utc: 2026-11-27T00:00:00Z}]",
        "guardrails.freezes[0]: window ends at 2026-11-27T00:00:00+00:00, not after its start 2026-11-28",
    ),
    (
        "freezes: [{reason: a, starts_at_utc: 20261127, ends_at_utc: 20261201}]",
        "guardrails.freezes[0].starts_at_utc: expected a time such as 2026-12-01T00:00:00Z, found the number 20261127",
    ),
    (
        'freezes: [{reason: a, starts_at_utc: 2026-11-27T00:00:00Z, ends_at_utc: "1796000000"}]',
        "guardrails.freezes[0].ends_at_utc: expected a time such as 2026-12-01T00:00:00Z, found the number 1796000000",
    ),
]


@pytest.mark.parametrize(("bad", "expected"), FAULTS)
def test_a_fault_names_line_and_key_for_all_fleets(file: Path, bad: str, expected: str) -> None:
    message = error_of(file, f"guardrails:\n  {bad}\nfleets: []\n")
    assert message.startswith((f"FILE:2: {expected}", f"FILE:1: {expected}"))


@pytest.mark.parametrize(("bad", "expected"), FAULTS)
def test_and_for_one(file: Path, bad: str, expected: str) -> None:
    # ENTRY has 19 lines below "fleets:", so its guardrails stand on line 21 and what is under them on line 22
    message = error_of(file, listed(f"{ENTRY}guardrails:\n  {bad}\n"))
    assert message.startswith((f"FILE:22: fleets[0].{expected}", f"FILE:21: fleets[0].{expected}"))


def test_guardrails_with_nothing_under_them_are_a_fault(file: Path) -> None:
    text = "guardrails:\nfleets: []\n"
    assert error_of(file, text) == "FILE:1: guardrails: nothing stands under it: give it a value, or leave the key out"
    assert error_of(file, "guardrails: 5\nfleets: []\n").startswith(
        "FILE:1: guardrails: expected a guardrail settings with its keys, found 5"
    )


def test_a_misspelt_block_is_no_block(file: Path) -> None:
    assert error_of(file, "guardrail: {}\nfleets: []\n").startswith(
        "FILE:1: guardrail: unknown key; expected only 'fleets'"
    )
    assert "did you mean 'guardrails'" in error_of(file, ENTRY + "guardrail: {max_usd_per_day: 5}\n")
