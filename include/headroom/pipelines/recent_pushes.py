"""The newest pushes that wrote to their targets, from the ledger, for the page that takes one back; reads only."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from headroom.actuation.errors import ActuationError
from headroom.actuation.ledger import Ledger
from headroom.actuation.push_ids import moment_of
from headroom.actuation.taken_back import taken_back
from headroom.config.secrets import redact
from headroom.domain.ledger import INTENTS, LedgerEvent, LedgerState
from headroom.domain.recent_push import FleetPushes, RecentPush
from headroom.lake.errors import LakeError
from headroom.lake.lake import Lake
from headroom.pipelines.at_once import at_once
from headroom.pipelines.newest_report import LATEST_KEY


def recent_pushes(lake: Lake, fleet_ids: Iterable[str], *, most: int, days: int, today: date) -> list[FleetPushes]:
    """Return up to `most` pushes of each fleet, from the newest `days` days, or from all where those have none.

    Days are those before `today` and before the newest run's, for a cloud whose clock is another. A fleet whose ledger
    cannot be read is named with the cause, and the others are served.
    """
    dates = _days(lake, days, today)

    def of_fleet(fleet_id: str) -> FleetPushes:
        ledger = Ledger(lake).keeping_listings()
        try:
            return FleetPushes(fleet_id=fleet_id, pushes=tuple(_newest(ledger, fleet_id, dates, most)))
        except (ActuationError, LakeError) as error:
            return FleetPushes(fleet_id=fleet_id, unreadable=redact(error))

    return at_once(of_fleet, fleet_ids)


def _days(lake: Lake, days: int, today: date) -> list[date]:
    found = {today - timedelta(days=back) for back in range(days)}
    try:
        newest = datetime.fromisoformat(lake.read_json(LATEST_KEY)["window"]).date()
    except (LakeError, TypeError, KeyError, ValueError):
        return sorted(found, reverse=True)  # no run has ended well enough to say its hour
    return sorted(found | {newest + timedelta(days=1 - back) for back in range(days + 1)}, reverse=True)


def _newest(ledger: Ledger, fleet_id: str, dates: Iterable[date], most: int) -> Iterator[RecentPush]:
    left = most
    for push_id in _newest_first(ledger, fleet_id, dates):
        if left and not INTENTS.isdisjoint(ledger.states(push_id)):
            left -= 1
            try:
                yield _told(ledger.events(push_id), taken_back(push_id, ledger))
            except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                found = f"{type(error).__name__}: {error}"
                raise ActuationError(
                    f"ledger/fleet={fleet_id}/push={push_id}: expected events as Headroom wrote them, found {found}"
                ) from error


def _newest_first(ledger: Ledger, fleet_id: str, dates: Iterable[date]) -> Iterator[str]:
    has_any = False
    for day in dates:
        for push_id in reversed(ledger.pushes(fleet_id, day=day)):
            has_any = has_any or not INTENTS.isdisjoint(ledger.states(push_id))
            yield push_id
    if not has_any:
        yield from reversed(ledger.pushes(fleet_id))


def _told(events: tuple[LedgerEvent, ...], undone: LedgerEvent | None) -> RecentPush:
    intent = next(event for event in events if event.state in INTENTS)
    detail = intent.detail
    approved = [event.detail["approved_by"] for event in events if event.detail.get("approved_by")]
    # An hour that is run again adds that it is only recorded, which changes nothing of how its push ended.
    own = [event for event in events if not event.undone_by and event.state is not LedgerState.PLANNED]
    ended = own[-1]
    return RecentPush(
        push_id=intent.push_id,
        moment_utc=moment_of(intent.push_id).astimezone(UTC),
        ended=ended.state.value.replace("_", " "),
        created=len(detail.get("create", ())),
        replaced=len(detail.get("replace", ())),
        deleted=len(detail.get("delete", ())),
        rolls_back=str(detail.get("rolls_back") or ""),
        who=str(detail.get("requested_by") or (approved[-1] if approved else "")),
        why=str(detail.get("reason") or ""),
        taken_back_by=_by(undone.detail) if undone else "",
    )


def _by(detail: Mapping[str, Any]) -> str:
    who, why = detail.get("requested_by"), detail.get("reason")
    return f"by {who or 'somebody'}" + (f": {why}" if why else "")
