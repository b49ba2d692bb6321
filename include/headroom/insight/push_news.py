"""What people are told of pushes: what changed, what waits for them, and what stands in the way, each once. Pure.

A push that writes and a request for approval are events, told once each. A refusal and a target that its owner changed
last: told when they begin, when their reason changes, once a day while they last, and when they are over.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

TELL_AGAIN_AFTER: Final = timedelta(hours=24)
"""What lasts this long is told once more, lest it is forgotten; as of failures (headroom.pipelines.incidents)."""
MOST_NAMES: Final = 10
"""Fleets named in one part of a message; of more their number is told."""

_VARYING: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:?\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"  # a day or moment
    r"|\b\d{1,2}:\d{2}Z?"  # a time of day
    r"|\b[a-z0-9-]+-\d{8}T\d{4}Z(?:-[0-9a-f]{8})?\b"  # an action's or a push's name
    r"|(?<![\w-])\d+(?:\.\d+)?(?![\w-])"  # a count, but no part of a name
)


class NewsKind(StrEnum):
    """What there is to tell, in the order in which it is told."""

    APPROVAL_WANTED = "approval wanted"
    REFUSED = "refused"
    DRIFTED = "drifted"
    REJECTED = "rejected"
    PUSHED = "pushed"
    OVER = "no longer"


LASTING: Final = frozenset({NewsKind.REFUSED, NewsKind.DRIFTED})
_COUNTED: Final = frozenset({NewsKind.APPROVAL_WANTED, NewsKind.PUSHED})
"""Of these each fleet's own changes are told; of the others the reason that fleets share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One fleet's news: `key` is the same for the same event, `text` the reason or what was done."""

    fleet_id: str
    kind: NewsKind
    key: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told of a fleet last: keys of events by their kind, and what lasts by its reason and when."""

    events: Mapping[str, str]
    lasting: Mapping[str, tuple[str, datetime]]


NOTHING_TOLD: Final = Told(events={}, lasting={})


def reason_of(text: str) -> str:
    """Return a reason without what differs each time it comes: moments, counts, names of pushes.

    >>> reason_of("lock: a-20261118T0600Z-0a1b2c3d holds the lock until 06:20Z") == reason_of(
    ...     "lock: a-20261118T0700Z-11111111 holds the lock until 07:20Z")
    True
    """
    return " ".join(_VARYING.sub("#", text).split())


def choose_news(
    fleets: Iterable[str], news: Sequence[News], told: Mapping[str, Told], *, now_utc: datetime
) -> tuple[list[News], dict[str, Told]]:
    """Return what of `news` is told now, and what is told of each of `fleets` from then on.

    Something that lasted and is in `news` no more, of a fleet that had its turn, is over.
    """
    chosen: list[News] = []
    after: dict[str, Told] = dict(told)
    by_fleet: dict[str, list[News]] = {fleet_id: [] for fleet_id in fleets}
    for item in news:
        by_fleet.setdefault(item.fleet_id, []).append(item)
    for fleet_id, items in by_fleet.items():
        known = told.get(fleet_id, NOTHING_TOLD)
        events, lasting = dict(known.events), {}
        for item in items:
            if item.kind not in LASTING:
                if events.get(item.kind) != item.key:
                    chosen.append(item)
                events[item.kind] = item.key
                continue
            reason = reason_of(item.text)
            before, since_utc = known.lasting.get(item.kind, ("", now_utc))
            is_due = reason != before or now_utc - since_utc >= TELL_AGAIN_AFTER
            lasting[item.kind.value] = (reason, now_utc if is_due else since_utc)
            if is_due:
                chosen.append(item)
        gone = [kind for kind in known.lasting if kind not in lasting]
        chosen += [News(fleet_id=fleet_id, kind=NewsKind.OVER, text=kind) for kind in gone]
        after[fleet_id] = Told(events=events, lasting=lasting)
    return chosen, after


def news_text(chosen: Sequence[News]) -> str:
    """Return what is told in one line: by kind, fleets with the same reason together.

    >>> news_text([News(fleet_id="b", kind=NewsKind.REFUSED, text="kill_switch: x"),
    ...            News(fleet_id="a", kind=NewsKind.REFUSED, text="kill_switch: x"),
    ...            News(fleet_id="c", kind=NewsKind.PUSHED, text="2 created")])
    'refused a, b: kill_switch: x; pushed c (2 created)'
    """
    together: dict[tuple[NewsKind, str], list[News]] = {}
    for item in sorted(chosen, key=lambda item: item.fleet_id):
        same = "" if item.kind in _COUNTED else reason_of(item.text)
        together.setdefault((item.kind, same), []).append(item)
    order = list(NewsKind)
    parts = sorted(together.items(), key=lambda part: (order.index(part[0][0]), part[1][0].fleet_id))
    return "; ".join(_part(kind, items) for (kind, _), items in parts)


def _part(kind: NewsKind, items: Sequence[News]) -> str:
    shown = [f"{item.fleet_id} ({item.text})" if kind in _COUNTED else item.fleet_id for item in items[:MOST_NAMES]]
    more = f" and {len(items) - MOST_NAMES} more" if len(items) > MOST_NAMES else ""
    fleets, text = ", ".join(shown) + more, items[0].text
    if kind is NewsKind.OVER:
        return f"no longer {text}: {fleets}"
    return f"{kind} {fleets}" + (f": {text}" if text and kind not in _COUNTED else "")
