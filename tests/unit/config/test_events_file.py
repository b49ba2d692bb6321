"""events.yaml: the calendar that is read, and what each kind of mistake is told."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from headroom.config import ConfigError, load_events
from headroom.config.settings import PACKAGE_ROOT
from headroom.domain.event import CalendarEvent, EventKind

GOOD = """\
events:
  - name: spring sale
    kind: sale
    starts_at_utc: 2026-03-01T10:00:00+02:00
    ends_at_utc: 2026-03-08T08:00:00Z
    fleets: [chat-large]
  - {name: outage, kind: exclusion, starts_at_utc: 2026-02-01T00:00:00Z, ends_at_utc: 2026-02-01T06:00:00Z}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.yaml"


def error_of(file: Path, text: str, **options: list[str]) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_events(file, fleet_ids=options.get("fleet_ids"))
    return str(caught.value).replace(str(file), "FILE")


def test_events_come_by_their_start_and_in_utc(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    outage, sale = load_events(file, fleet_ids=["chat-large", "other"])
    assert outage.kind is EventKind.EXCLUSION
    assert sale.starts_at_utc == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert sale.window.end_utc - sale.window.start_utc == timedelta(days=7)


def test_an_event_without_fleets_concerns_all(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    outage, sale = load_events(file)
    assert outage.concerns("any")
    assert sale.concerns("chat-large")
    assert not sale.concerns("other")


def test_the_shipped_calendar_is_empty() -> None:
    assert load_events(PACKAGE_ROOT / "defaults" / "events.yaml") == ()


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (
            "kind: sale",
            "knid: sale",
            "FILE:3: events[0].knid: unknown key; did you mean 'kind'?; known are ends_at_utc",
        ),
        (
            "kind: sale",
            "kind: party",
            "FILE:3: events[0].kind: Input should be 'launch', 'sale', 'deploy' or 'exclusion'",
        ),
        ("    kind: sale\n", "", "FILE:2: events[0].kind: is missing"),
        (
            "10:00:00+02:00",
            "10:00:00",
            "FILE:2: events[0]: a time without zone: 2026-03-01T10:00:00; expected one such as",
        ),
        ("2026-03-08T08:00:00Z", "2026-02-08T08:00:00Z", "FILE:2: events[0]: window ends at 2026-02-08"),
        (
            "2026-03-08T08:00:00Z",
            "9999-12-31T23:00:00-12:00",
            "FILE:2: events[0]: 9999-12-31T23:00:00-12:00 is in none of the years 1 to 9999 in UTC",
        ),
        ("2026-03-08T08:00:00Z", "whenever", "FILE:5: events[0].ends_at_utc: Input should be a valid datetime"),
        ("name: spring sale", "name: ''", "FILE:2: events[0]: expected the event's name"),
        ("fleets: [chat-large]", "fleets: chat-large", "FILE:6: events[0].fleets: expected a list, found 'chat-large'"),
        (
            "[chat-large]",
            "[chat-larg]",
            "FILE:6: events[0].fleets[0]: no fleet 'chat-larg' in fleets.yaml; did you mean",
        ),
        ("events:", "event:", "FILE:1: document: expected 'events:' with a list of events"),
    ],
)
def test_a_fault_names_line_and_key(file: Path, good: str, bad: str, expected: str) -> None:
    assert GOOD.count(good) == 1
    assert error_of(file, GOOD.replace(good, bad), fleet_ids=["chat-large"]).startswith(expected)


def test_an_event_is_the_same_whatever_zone_it_was_written_in() -> None:
    def event(start: datetime) -> CalendarEvent:
        return CalendarEvent(
            name="e", kind=EventKind.LAUNCH, starts_at_utc=start, ends_at_utc=start + timedelta(hours=1)
        )

    east = timezone(timedelta(hours=5))
    assert event(datetime(2026, 1, 1, 5, tzinfo=east)) == event(datetime(2026, 1, 1, tzinfo=UTC))
