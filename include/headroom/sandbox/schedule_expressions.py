"""When a scheduled action runs: `at(...)`, `cron(...)` and `rate(...)` of Application Auto Scaling, Unix cron of EC2's.

Pure: no clock. Cron fields take numbers, names of months and weekdays, `*`, `?`, lists, ranges and steps; AWS's `L`,
`W` and `#` are refused with ValueError.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MINUTE = timedelta(minutes=1)
RATE_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
NEXT_LIMIT = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed cron expression in a time zone; `weekdays` count from Sunday = 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    is_either_day: bool
    """Unix cron: with both day fields restricted, a day that fits either one fits."""
    zone: tzinfo

    def fits(self, moment_utc: datetime) -> bool:
        """Tell whether the minute of `moment_utc` is one of its occurrences."""
        local = moment_utc.astimezone(self.zone)
        fits_day, fits_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.month in self.months
            and local.year in self.years
            and ((fits_day or fits_weekday) if self.is_either_day else (fits_day and fits_weekday))
        )

    def between(self, after_utc: datetime, until_utc: datetime) -> Iterator[datetime]:
        """Yield its occurrences in (after_utc, until_utc], in order."""
        moment = after_utc.replace(second=0, microsecond=0) + MINUTE
        while moment <= until_utc:
            if self.fits(moment):
                yield moment
            moment += MINUTE

    def next_after(self, moment_utc: datetime) -> datetime | None:
        """Return its first occurrence after `moment_utc`, None where there is none within a year."""
        return next(self.between(moment_utc, moment_utc + NEXT_LIMIT), None)


def read_zone(name: str | None) -> tzinfo:
    """Return a time zone by its IANA name, UTC for None; ValueError for an unknown one."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error


def parse_unix_cron(expression: str, time_zone: str | None = None) -> Cron:
    """Parse `minute hour day month weekday`, as EC2 Auto Scaling takes it; ValueError where malformed.

    >>> parse_unix_cron("30 8 * * 1-5").fits(datetime(2026, 11, 18, 8, 30, tzinfo=UTC))  # a Wednesday
    True
    """
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"expected five cron fields, found {expression!r}")
    minute, hour, day, month, weekday = fields
    return Cron(
        minutes=_numbers(minute, 0, 59),
        hours=_numbers(hour, 0, 23),
        days=_numbers(day, 1, 31),
        months=_numbers(month, 1, 12, names=MONTHS),
        weekdays=frozenset(number % 7 for number in _numbers(weekday, 0, 7, names=WEEKDAYS, first_name=0)),
        years=frozenset(range(1970, 2200)),
        is_either_day=not day.startswith("*") and not weekday.startswith("*"),
        zone=read_zone(time_zone),
    )


def parse_aws_cron(expression: str, time_zone: str | None = None) -> Cron:
    """Parse `minute hour day month weekday year` of AWS's cron(...), weekdays from Sunday = 1."""
    fields = expression.split()
    if len(fields) != 6:
        raise ValueError(f"expected six cron fields, found {expression!r}")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"exactly one of day-of-month and day-of-week must be ?, found {expression!r}")
    return Cron(
        minutes=_numbers(minute, 0, 59),
        hours=_numbers(hour, 0, 23),
        days=_numbers(day, 1, 31),
        months=_numbers(month, 1, 12, names=MONTHS),
        weekdays=frozenset(number - 1 for number in _numbers(weekday, 1, 7, names=WEEKDAYS)),
        years=_numbers(year, 1970, 2199),
        is_either_day=False,
        zone=read_zone(time_zone),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One of: once `at_utc`, whenever `cron` fits, or every `interval`."""

    at_utc: datetime | None = None
    cron: Cron | None = None
    interval: timedelta | None = None


def parse_schedule(expression: str, time_zone: str | None = None) -> Schedule:
    """Parse `at(yyyy-mm-ddThh:mm:ss)`, `cron(...)` or `rate(value unit)`; ValueError where malformed.

    >>> parse_schedule("at(2026-11-18T09:00:00)", "Europe/Berlin").at_utc
    datetime.datetime(2026, 11, 18, 8, 0, tzinfo=datetime.timezone.utc)
    """
    match = re.fullmatch(r"(at|cron|rate)\((.*)\)", expression.strip())
    if match is None:
        raise ValueError(f"expected at(...), cron(...) or rate(...), found {expression!r}")
    kind, content = match.groups()
    if kind == "cron":
        return Schedule(cron=parse_aws_cron(content, time_zone))
    if kind == "rate":
        rate = re.fullmatch(r"([1-9][0-9]*) (minute|hour|day)s?", content)
        if rate is None:
            raise ValueError(f"expected rate(value unit), found {expression!r}")
        return Schedule(interval=int(rate[1]) * RATE_UNITS[rate[2]])
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", content) is None:
        raise ValueError(f"expected at(yyyy-mm-ddThh:mm:ss), found {expression!r}")
    local = datetime.fromisoformat(content).replace(tzinfo=read_zone(time_zone))
    return Schedule(at_utc=local.astimezone(UTC))


def _numbers(
    field: str, lowest: int, highest: int, *, names: tuple[str, ...] = (), first_name: int | None = None
) -> frozenset[int]:
    """Return the numbers that a cron field stands for; names count from `first_name` (by default from `lowest`)."""
    numbers: set[int] = set()
    base = lowest if first_name is None else first_name
    for part in field.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, (), 0) if step_text else 1
        if span in ("*", "?"):
            start, stop = lowest, highest
        else:
            first, _, last = span.partition("-")
            start = _number(first, names, base)
            stop = _number(last, names, base) if last else (highest if step_text else start)
        if not (lowest <= start <= stop <= highest and step >= 1):
            raise ValueError(f"cron field {field!r} must lie between {lowest} and {highest}")
        numbers.update(range(start, stop + 1, step))
    return frozenset(numbers)


def _number(text: str, names: tuple[str, ...], base: int) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + base
    if not text.isdigit():
        raise ValueError(f"cron cannot read {text!r}")
    return int(text)
