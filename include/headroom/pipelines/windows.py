"""The window of a run, resolved in one place: from a partition key, or from the Param of a run by hand.

A key is the start of the window, `2026-11-18T05:00:00`, in UTC and, as Airflow writes it, without an offset.
"""

from datetime import UTC, datetime

from headroom.domain.window import FIRST_YEAR, LAST_YEAR, Window, floor_day, floor_hour

KEY_FORMAT = "%Y-%m-%dT%H:%M:%S"


class WindowError(ValueError):
    """A run has no usable window; the message says what was given and what was expected."""


def parse_key(key: str | None) -> datetime:
    """Return the moment that `key` names, in UTC; raise WindowError for none or a malformed one."""
    if not key:
        raise WindowError(
            "the run has no window: give a partition key or the Param 'window', such as 2026-11-18T05:00:00"
        )
    try:
        moment = datetime.fromisoformat(key)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise WindowError(f"window {key!r}: expected a UTC time such as 2026-11-18T05:00:00") from error
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise WindowError(f"window {key!r}: expected a time from {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def hour_window(key: str | None) -> Window:
    """Return the hour that starts at `key`; a key inside an hour is refused, since two keys would name one window."""
    moment = parse_key(key)
    if moment != floor_hour(moment):
        raise WindowError(f"window {key!r}: expected the start of an hour, such as {floor_hour(moment):{KEY_FORMAT}}")
    return Window.hour_of(moment)


def day_window(key: str | None) -> Window:
    """Return the UTC day that starts at `key`; a key inside a day is refused."""
    moment = parse_key(key)
    if moment != floor_day(moment):
        raise WindowError(f"window {key!r}: expected the start of a UTC day, such as {floor_day(moment):{KEY_FORMAT}}")
    return Window.day_of(moment)


def window_key(window: Window) -> str:
    """Return the key of `window`: its start."""
    return window.start_utc.strftime(KEY_FORMAT)
