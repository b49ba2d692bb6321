"""Change freezes: spans in which the owner wants nothing new at a scaling target, once or every week."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS
from headroom.domain.window import DAY, Window, as_utc
from headroom.units import HOURS_PER_DAY, MINUTES_PER_HOUR

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
END_OF_DAY: Final = "24:00"
MOST_REASON_CHARACTERS: Final = 500
"""It stands in the ledger, on pages and in messages, at every hour of the freeze."""
_MINUTES_PER_DAY: Final = HOURS_PER_DAY * MINUTES_PER_HOUR
_MOST_ADJOINING: Final = 366
"""Freezes that follow each other without a gap and are still told as one; a freeze for ever is told as so long."""
_NO_ZONE: Final = re.compile(r"(?i:localtime|posixrules|factory)|(?:posix|right)/.*")
"""Files beside the zones: the clock of whichever machine it is, and clocks that count leap seconds."""
_FORM: Final = "expected dates (starts_at_utc and ends_at_utc) or a week (days, starts_at, ends_at and time_zone)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFreeze:
    """A span in which nothing is pushed: from `starts_at_utc` to `ends_at_utc`, or every week.

    A weekly one begins on each of `days` at `starts_at`, a time of day such as "18:00" by the clock of `time_zone`
    (IANA), and lasts until `ends_at`, on the day after where that is no later; "24:00" is the day's end. Where the
    clock is changed, an hour that is read twice, or not at all, counts as frozen.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    reason: str
    starts_at_utc: datetime | None = None
    ends_at_utc: datetime | None = None
    days: tuple[Day, ...] = ()
    starts_at: str | None = None
    ends_at: str | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("reason must say why nothing may change then")
        if len(self.reason) > MOST_REASON_CHARACTERS:
            found = f"found {len(self.reason):,}"
            raise ValueError(f"reason must have at most {MOST_REASON_CHARACTERS} characters, {found}")
        dated = (self.starts_at_utc, self.ends_at_utc)
        weekly = (self.days or None, self.starts_at, self.ends_at, self.time_zone)
        if None not in dated and not any(weekly):
            self._check_dates()
        elif None not in weekly and not any(dated):
            self._check_week()
        else:
            raise ValueError(_FORM)

    def _check_dates(self) -> None:
        if self.starts_at_utc is None or self.ends_at_utc is None:
            raise ValueError(_FORM)
        window = Window(self.starts_at_utc, self.ends_at_utc)
        object.__setattr__(self, "starts_at_utc", window.start_utc)
        object.__setattr__(self, "ends_at_utc", window.end_utc)

    def _check_week(self) -> None:
        begin, end = (_minutes(name, getattr(self, name)) for name in ("starts_at", "ends_at"))
        if begin == end or begin == _minutes("starts_at", END_OF_DAY):
            raise ValueError(
                f'starts_at must be another time than ends_at and before "24:00", found {self.starts_at} to '
                f'{self.ends_at}; a whole day is "00:00" to "24:00"',
            )
        try:
            ZoneInfo("" if _NO_ZONE.fullmatch(self.time_zone or "") else self.time_zone or "")
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"time_zone must be an IANA time zone such as Europe/Berlin, found {self.time_zone!r}"
            ) from error

    def end_of_span_at(self, moment_utc: datetime) -> datetime | None:
        """Return when the span that holds `moment_utc` ends, in UTC; None where none holds it."""
        moment = as_utc(moment_utc)
        ends = [end for start, end in self._spans_about(moment) if start <= moment < end]
        return max(ends, default=None)

    def _spans_about(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        if self.starts_at_utc is not None and self.ends_at_utc is not None:
            return [(self.starts_at_utc, self.ends_at_utc)]
        zone = ZoneInfo(self.time_zone or "UTC")
        today = moment.astimezone(zone).date()
        # a span ends on the day after at the latest, and a clock that is changed may put that an hour further
        days = [today + number * DAY for number in (-2, -1, 0, 1)]
        return [self._span_on(day, zone) for day in days if DAYS[day.weekday()] in self.days]

    def _span_on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        begin, end = _minutes("starts_at", self.starts_at), _minutes("ends_at", self.ends_at)
        last_day = day if end > begin else day + DAY
        return min(_readings(day, begin, zone)), max(_readings(last_day, end, zone))


def frozen_until(freezes: Sequence[ChangeFreeze], moment_utc: datetime) -> tuple[str, datetime] | None:
    """Return the reason of the first freeze that holds `moment_utc` and when changes may be made again; None if now.

    Freezes that overlap or follow each other at once are one.
    """
    holding = [freeze for freeze in freezes if freeze.end_of_span_at(moment_utc) is not None]
    if not holding:
        return None
    until = as_utc(moment_utc)
    for _ in range(_MOST_ADJOINING):
        ends = [end for freeze in freezes if (end := freeze.end_of_span_at(until)) is not None]
        if not ends:
            break
        until = max(ends)
    return holding[0].reason, until


def _readings(day: date, minutes: int, zone: ZoneInfo) -> list[datetime]:
    """Return the moments at which the clock of `zone` shows a time of `day`: two where it is set back or forward."""
    days, rest = divmod(minutes, _MINUTES_PER_DAY)
    local = datetime.combine(day + days * DAY, time(*divmod(rest, MINUTES_PER_HOUR)), tzinfo=zone)
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


def _minutes(name: str, text: str | None) -> int:
    """Return the minutes from midnight to a time of day such as "06:30" or "24:00"."""
    hours, colon, minutes = (text or "").partition(":")
    is_clock = colon and all(len(part) == 2 and part.isascii() and part.isdigit() for part in (hours, minutes))
    total = int(hours) * MINUTES_PER_HOUR + int(minutes) if is_clock else _MINUTES_PER_DAY + 1
    if total > _MINUTES_PER_DAY or int(minutes) >= MINUTES_PER_HOUR:
        raise ValueError(f'{name} must be a time of day in quotes such as "18:00", found {text!r}')
    return total
