"""What a run's pushes give to tell: from the lake's results to news, and what was told before, kept in the lake."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from headroom.actuation.outcome import PushState
from headroom.domain.window import Window
from headroom.forecasting.drift import drift_told_in
from headroom.insight.push_news import News, NewsKind, Told, choose_news
from headroom.lake.errors import LakeError
from headroom.pipelines.at_once import at_once
from headroom.pipelines.plan_records import told_plan
from headroom.pipelines.push_results import read_result
from headroom.pipelines.windows import window_key
from headroom.pipelines.workspace import Workspace

TOLD_PATH: Final = "alerts/pushes.json"
_TELLS_NOTHING: Final = frozenset(
    {PushState.FAILED, PushState.VERIFICATION_FAILED, PushState.PLANNED, PushState.DRY_RUN},
)
"""After these nobody knows whether what lasted is over."""
_CHANGES: Final = (("create", "created"), ("replace", "replaced"), ("delete", "deleted"))


def tell_news(workspace: Workspace, window: Window, *, now_utc: datetime) -> list[News]:
    """Return what is to be told of the run about `window`, and keep that it is; nothing of a run before the last told.

    Failures are not among it: `check_outcomes` fails for them, and that is told (headroom.airflow_glue.notifications).
    """
    kept = _kept(workspace)
    if kept["window"] > window_key(window):
        return []
    fleets = workspace.fleets
    results = at_once(lambda fleet: read_result(workspace, fleet.id, window), fleets)
    plans = at_once(lambda fleet: told_plan(workspace, fleet.id, window), fleets)
    done = {
        fleet.id: (result, plan)
        for fleet, result, plan in zip(fleets, results, plans, strict=True)
        if result and result["state"] not in _TELLS_NOTHING
    }
    news = [item for fleet_id, (result, plan) in done.items() for item in news_of(result, plan)]
    chosen, told = choose_news(done, news, kept["fleets"], now_utc=now_utc)
    known = {fleet.id for fleet in fleets}
    records = {fleet_id: _record(item) for fleet_id, item in told.items() if fleet_id in known}
    workspace.lake.write_json(TOLD_PATH, {"window": window_key(window), "fleets": records})
    return chosen


def news_of(result: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[News]:
    """Yield the news of one push's result and plan; none of one that changed nothing and waits for nobody."""
    fleet_id, state = result["fleet_id"], PushState(result["state"])
    changed = result.get("whole") or result  # of all tries, where a worker died and the next one took over
    changes = ", ".join(f"{len(changed[key])} {word}" for key, word in _CHANGES if changed[key])
    reasons = "; ".join(result["reasons"])
    if state is PushState.AWAITING_APPROVAL and result.get("moved"):
        text = f"moved again before the answer, the next hour asks: {reasons}"
        yield News(fleet_id=fleet_id, kind=NewsKind.REFUSED, text=text)
    elif state is PushState.AWAITING_APPROVAL:
        asked = json.dumps([plan.get("plan_id"), *(result[key] for key, _ in _CHANGES)], sort_keys=True)
        key = hashlib.sha256(asked.encode()).hexdigest()[:16]
        yield News(fleet_id=fleet_id, kind=NewsKind.APPROVAL_WANTED, key=key, text=changes)
    elif _has_written(state, result):
        yield News(fleet_id=fleet_id, kind=NewsKind.PUSHED, key=result["push_id"], text=changes)
    elif state is PushState.REJECTED:
        yield News(fleet_id=fleet_id, kind=NewsKind.REJECTED, key=result["push_id"], text=reasons)
    elif state is PushState.REFUSED:
        yield News(fleet_id=fleet_id, kind=NewsKind.REFUSED, text=reasons)
    elif state is PushState.PAUSED:
        yield News(fleet_id=fleet_id, kind=NewsKind.DRIFTED, text=reasons)
    if state is not PushState.PAUSED and (drift := drift_told_in(str(plan.get("forecast_note") or ""))):
        yield News(fleet_id=fleet_id, kind=NewsKind.DRIFTED, text=drift.partition(" for ")[0])


def _has_written(state: PushState, result: Mapping[str, Any]) -> bool:
    """Whether what the plan wants was written and verified, by this try or by one before whose worker died."""
    if state is PushState.VERIFIED:
        return bool(result["write_calls"] or result.get("whole"))
    return state is PushState.UNCHANGED and bool(result.get("whole"))


def _kept(workspace: Workspace) -> dict[str, Any]:
    """Return what was told; a file that is none tells nothing, so that all is told anew rather than nothing ever."""
    try:
        record = workspace.lake.read_json(TOLD_PATH) or {}
        fleets = {fleet_id: _told(item) for fleet_id, item in record.get("fleets", {}).items()}
        return {"window": str(record.get("window", "")), "fleets": fleets}
    except (LakeError, AttributeError, KeyError, TypeError, ValueError):
        return {"window": "", "fleets": {}}


def _told(record: Mapping[str, Any]) -> Told:
    lasting = {kind: (reason, datetime.fromisoformat(at)) for kind, (reason, at) in record["lasting"].items()}
    return Told(events=record["events"], lasting=lasting)


def _record(told: Told) -> dict[str, Any]:
    lasting = {kind: [reason, at.isoformat()] for kind, (reason, at) in told.lasting.items()}
    return {"events": {str(kind): key for kind, key in told.events.items()}, "lasting": lasting}
