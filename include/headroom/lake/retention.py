"""How long the lake keeps what: the whole policy in one place, by path; pure.

What no rule names is kept for ever: the ledger with its baselines, control files, scores, KPIs, savings, what people
were told, and anything that is not ours.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from headroom.domain.window import DAY
from headroom.lake.layout import parse_partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Files below `folder` go `days` after the day their path names; `newest` of each group by `group` always stay."""

    folder: str
    days: int
    why: str
    newest: int = 0
    group: str = ""
    """A pattern whose match tells files of one group; empty: all files below the folder are one."""


NEEDED_HISTORY_DAYS: Final = 56
"""Forecasts read six weeks of demand; two more for exclusions and late settling. Nothing they read goes sooner."""

POLICY: Final = (
    Keep(folder="raw/metric_sample", days=120, why="six weeks for forecasts; the rest to make marts anew"),
    Keep(folder="raw/spot_price", days=120, why="AWS keeps 90 days itself"),
    Keep(folder="raw/on_demand_price", days=400, newest=8, why="prices as they were a year ago; the newest serve on"),
    Keep(folder="raw/instance_type", days=400, newest=8, why="as prices"),
    Keep(folder="raw/billing_line", days=800, why="two years of bills, restated for weeks"),
    Keep(folder="mart/mart_demand__hourly_by_fleet", days=800, why="two years, for the same week a year ago"),
    Keep(folder="mart/mart_utilization__hourly_by_fleet", days=800, why="as demand"),
    Keep(folder="mart/mart_latency__hourly_by_fleet", days=800, why="as demand"),
    Keep(folder="mart/mart_cost__hourly_by_fleet", days=800, why="as the bills"),
    Keep(folder="mart/mart_forecast__hourly_by_fleet", days=90, why="scored after three days; the scores stay"),
    Keep(folder="mart/mart_plan__schedule", days=90, why="as the plans"),
    Keep(folder="plans", days=90, why="the ledger has what was pushed"),
    Keep(folder="pushes", days=90, why="the ledger has what was pushed"),
    Keep(folder="outcomes", days=90, why="for looking back at a run"),
    Keep(folder="reports/run", days=90, why="pages of an hour; those of days, weeks and months stay"),
    Keep(folder="selections", days=60, newest=2, group=r"selections/[^/]+", why="chosen anew weekly; the newest serve"),
    Keep(folder="quarantine", days=180, why="looked at by hand"),
)

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def expired(paths: Sequence[str], *, now_utc: datetime) -> list[str]:
    """Return, sorted, the paths that the policy no longer keeps at `now_utc`, and hour files hidden for two days."""
    gone: set[str] = set(_hidden_hours(paths, now_utc))
    for rule in POLICY:
        below = [path for path in paths if path.startswith(f"{rule.folder}/")]
        gone |= {path for path in below if _is_over(path, rule, now_utc)} - _newest(below, rule)
    return sorted(gone)


def _is_over(path: str, rule: Keep, now_utc: datetime) -> bool:
    end = _end_of(path)
    return end is not None and now_utc - end >= rule.days * DAY


def _end_of(path: str) -> datetime | None:
    """Return when the time that a path names is over; None where it names none, and the file stays."""
    partition = parse_partition(path)
    if partition is not None:
        return partition.span.end_utc
    found = _DAY.search(path)
    try:
        return datetime(*map(int, found.groups()), tzinfo=UTC) + DAY if found else None  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError):
        return None


def _newest(paths: Iterable[str], rule: Keep) -> set[str]:
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        match = re.match(rule.group, path)
        groups.setdefault(match.group() if match else "", []).append(path)
    return {path for group in groups.values() for path in group[len(group) - min(rule.newest, len(group)) :]}


def _hidden_hours(paths: Iterable[str], now_utc: datetime) -> list[str]:
    """Return hour files whose day has been settled: views ignore them; a reader of two days ago has ended."""
    settled = {
        path.rsplit("/day=", 1)[0] + "/" + path.rsplit("/day=", 1)[1][:10] for path in paths if _is_settled(path)
    }
    return [
        path
        for path in paths
        if (partition := parse_partition(path)) is not None
        and partition.grain == "hour"
        and f"{path.rsplit('/hour=', 1)[0]}/{partition.span.day}" in settled
        and now_utc - partition.span.end_utc >= timedelta(days=3)
    ]


def _is_settled(path: str) -> bool:
    return path.endswith("/settled.parquet") and "/day=" in path
