"""events.yaml -> the events calendar, with errors that name file, line and key."""

from collections.abc import Collection
from pathlib import Path

from headroom.config.located_models import build_model, suggestion
from headroom.config.located_yaml import read_located_yaml
from headroom.domain.event import CalendarEvent


def load_events(file: Path, *, fleet_ids: Collection[str] | None = None) -> tuple[CalendarEvent, ...]:
    """Read `events:` of an events.yaml, by start; raise ConfigError on the first fault found.

    With `fleet_ids`, an event that names a fleet outside them is a fault too.
    """
    document = read_located_yaml(file)
    entries = document.list_under("events", "events")
    events = []
    for position, entry in enumerate(entries):
        event = build_model(document, CalendarEvent, entry, ("events", position))
        for place, fleet_id in enumerate(event.fleets):
            if fleet_ids is not None and fleet_id not in fleet_ids:
                message = f"no fleet {fleet_id!r} in fleets.yaml{suggestion(fleet_id, fleet_ids)}"
                raise document.error(("events", position, "fleets", place), message)
        events.append(event)
    return tuple(sorted(events, key=lambda event: (event.starts_at_utc, event.name)))
