"""What is damaged of one fleet stops that fleet, with a cause that names file and key, and none beside it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipelines.hour_of_fleets import CHUNK, DAMAGED, END, NOW, SOUND, WINDOW, Fleets

from headroom.actuation.outcome import PushOutcome, PushState
from headroom.domain.window import Window
from headroom.lake.errors import UnreadableFileError
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.storage import LocalStorage
from headroom.pipelines.approvals import pending_approvals
from headroom.pipelines.arrivals import settle_arrivals
from headroom.pipelines.costs_so_far import costs_so_far
from headroom.pipelines.daily_marts import KPI_TABLE, write_kpis
from headroom.pipelines.ledger_events import LEDGER_TABLE, settle_ledger
from headroom.pipelines.on_call import on_call_record
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, read_outcomes
from headroom.pipelines.push_news import tell_news
from headroom.pipelines.push_results import read_result, result_path, shown_path
from headroom.pipelines.pushes import push_chunk
from headroom.pipelines.report import build_run_report
from headroom.pipelines.schedules import plan_path, schedule_fleets
from headroom.pipelines.sound_arrivals import ARRIVAL_TABLE
from headroom.scheduling import CostSoFar

Edit = Callable[[dict[str, Any]], object]
RESULT, PLAN = result_path(DAMAGED, WINDOW), plan_path(DAMAGED, WINDOW)
TODAY, BOTH = Window.day_of(NOW), {DAMAGED, SOUND}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    Fleets(folder).schedule()
    return folder / "lake"


@pytest.fixture
def fleets(planned: Path, tmp_path: Path) -> Fleets:
    """Both fleets are planned, and nothing is pushed yet."""
    shutil.copytree(planned, tmp_path / "lake")
    return Fleets(tmp_path, has_lake=True)


@pytest.fixture
def asked(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    """Both fleets' pushes wait for a person."""
    shutil.copytree(planned, tmp_path / "lake")
    waiting = Fleets(tmp_path, mode="approve", has_lake=True)
    waiting.serve_tasks(monkeypatch)
    waiting.push()
    return waiting


def replace_file(file: Path, content: str | None) -> None:
    """Put text in a file's place, or with None a folder."""
    if file.exists():
        file.unlink()
    if content is None:
        file.mkdir(parents=True)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def edit_json(file: Path, edit: Edit) -> None:
    record = json.loads(file.read_text())
    edit(record)
    file.write_text(json.dumps(record))


def pushed_but_the_damaged(fleets: Fleets, *told: str) -> None:
    """Push both; only the sound one is written to, and the other's cause tells each of `told`."""
    results = fleets.push()
    sound, cause = results[SOUND], results[DAMAGED]
    assert isinstance(sound, PushOutcome), sound
    assert sound.state in (PushState.VERIFIED, PushState.UNCHANGED)
    assert isinstance(cause, str)
    assert all(part in cause for part in told), cause
    assert fleets.writes(DAMAGED) == []


def set_all(key: str, value: object) -> Edit:
    return lambda record: [action.update({key: value}) for action in record["wanted"]]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "\x00", '{"wanted": NaN}', "[" * 100_000, None])
def test_a_plan_that_is_none_stops_its_fleet_alone(fleets: Fleets, content: str | None) -> None:
    replace_file(fleets.plan_file(), content)
    pushed_but_the_damaged(fleets, "fleet=chat-large.json", "clear the hour's schedule task")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (set_all("min_instances", 1), "plan_id: expected chat-large-20261118T0600Z-"),
        (set_all("min_instances", "7"), "wanted: expected a list of actions"),
        (set_all("starts_at_utc", "2026-11-18T07:00:00"), "plan_id: expected"),
        (set_all("starts_at_utc", None), "wanted: expected a list of actions"),
        (set_all("purpose", "boost"), "wanted: expected a list of actions"),
        (lambda record: record.update(wanted=[]), "plan_id: expected"),
        (lambda record: record.update(wanted=None), "wanted: expected a list of actions"),
        (lambda record: record.pop("plan_id"), "plan_id: expected"),
        (lambda record: record.update(made_at_utc="2026-11-18T05:00:00+00:00"), "made_at_utc: expected"),
        (lambda record: record.update(estimate=None), "estimate: expected"),
        (lambda record: record["estimate"].update(planned_usd_per_day="?"), "planned_usd_per_day: expected"),
        (lambda record: record.update(on_demand_usd_per_hour="2.0"), "on_demand_usd_per_hour: expected"),
        (lambda record: record.pop("on_demand_usd_per_hour"), "on_demand_usd_per_hour: expected"),
        (lambda record: record.update(most_rate_per_second=[1]), "most_rate_per_second: expected"),
        (lambda record: record.update(short_hours_utc=["2026-11-18T07:00:00"]), "short_hours_utc: expected"),
    ],
)
def test_a_plan_that_is_not_as_it_was_written_is_not_pushed(fleets: Fleets, edit: Edit, told: str) -> None:
    edit_json(fleets.plan_file(), edit)
    pushed_but_the_damaged(fleets, "plans/hour=2026-11-18T05/fleet=chat-large.json", told)


def test_another_fleets_plan_is_not_pushed(fleets: Fleets) -> None:
    shutil.copy(fleets.plan_file(SOUND), fleets.plan_file())
    pushed_but_the_damaged(fleets, "fleet_id: expected 'chat-large', found 'chat-32'")


def test_planning_anew_mends_a_damaged_plan_and_not_a_folder_in_its_place(fleets: Fleets) -> None:
    replace_file(fleets.plan_file(), "{")
    fleets.schedule()
    assert json.loads(fleets.plan_file().read_text())["fleet_id"] == DAMAGED
    replace_file(fleets.plan_file(), None)
    fleets.schedule()
    pushed_but_the_damaged(fleets, "plans/hour=2026-11-18T05/fleet=chat-large.json: expected a file")


def newest_event(fleets: Fleets) -> Path:
    return next(file for file in fleets.ledger() if file.stem.endswith("-verified"))


def set_memory(*keys: str, to: object) -> Edit:
    def edit(record: dict[str, Any]) -> None:
        inside = record["detail"]["memory"]
        for key in keys[:-1]:
            inside = inside[key]
        inside[keys[-1]] = to

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        set_memory("baseline", "min_instances", to="3"),
        set_memory("baseline", "max_instances", to=-1),
        set_memory("setting", "min_instances", to=2.5),
        set_memory("setting", "min_instances", to=True),
        set_memory("baseline", to=None),
        set_memory("actions", to=[{"name": 5}]),
        set_memory("ours_in_force", to=["x"]),
        set_memory("paused_reason", to=5),
        set_memory("revision", to="9"),
        set_memory("at_utc", to="2026-11-18T06:00:00"),
        lambda record: record.update(at_utc="2026-11-18T06:05:00"),
        lambda record: record.update(detail=[]),
        lambda record: record.update(push_id="chat-32-20261118T0600Z-00000000"),
    ],
)
def test_a_damaged_event_of_the_ledger_stops_its_fleet_alone(fleets: Fleets, edit: Edit) -> None:
    fleets.push()
    edit_json(newest_event(fleets), edit)
    fleets.targets[DAMAGED].calls.clear()
    pushed_but_the_damaged(fleets, "0004-verified.json: expected an event of the ledger as Headroom wrote it")


def test_pushes_of_another_fleet_in_the_ledgers_folder_are_not_taken_for_its_own(fleets: Fleets) -> None:
    fleets.push()
    shutil.rmtree(fleets.file(f"ledger/fleet={DAMAGED}"))
    shutil.copytree(fleets.file(f"ledger/fleet={SOUND}"), fleets.file(f"ledger/fleet={DAMAGED}"))
    fleets.targets[DAMAGED].calls.clear()
    pushed_but_the_damaged(fleets, "expected pushes of fleet chat-large only in its folder of the ledger")


def test_what_others_put_into_the_ledgers_folder_hinders_nobody(fleets: Fleets) -> None:
    for path in ("notes.txt", "push=x/0001-intended.json", ".DS_Store"):
        replace_file(fleets.file(f"ledger/fleet={DAMAGED}/{path}"), "hello")
    assert {result.state for result in fleets.push().values() if isinstance(result, PushOutcome)} == {
        PushState.VERIFIED
    }


@pytest.mark.parametrize(
    "content", ["", "null", "[]", "{}", '{"push_id": "x", "expires_at_utc": "2026-11-18T06:00:00"}']
)
def test_a_lock_that_cannot_be_read_refuses_its_fleet_alone_and_says_so(fleets: Fleets, content: str) -> None:
    replace_file(fleets.file(f"locks/fleet={DAMAGED}/00000001.json"), content)
    results = fleets.push()
    assert [result.state for result in results.values() if isinstance(result, PushOutcome)] == [
        PushState.VERIFIED if fleet_id == SOUND else PushState.REFUSED for fleet_id in results
    ]
    (event,) = fleets.events("refused")
    assert "locks/fleet=chat-large/00000001.json cannot be read" in event["detail"]["reasons"][0]
    assert fleets.writes() == []


def test_a_folder_in_the_locks_place_stops_its_fleet_alone(fleets: Fleets) -> None:
    replace_file(fleets.file(f"locks/fleet={DAMAGED}/00000001.json"), None)
    pushed_but_the_damaged(fleets, "locks/fleet=chat-large/00000001.json: expected a file")


class _Refusing(Lake):
    """A lake that takes no plan of the damaged fleet, and, if `keeps_old`, does not let go of the one that is there."""

    def __init__(self, folder: Path, *, keeps_old: bool) -> None:
        super().__init__(_Keeping(folder) if keeps_old else LocalStorage(folder))

    def write_json(self, path: str, obj: object) -> None:
        if path == PLAN:
            raise UnreadableFileError(f"{path}: expected a file that can be read and written")
        super().write_json(path, obj)


class _Keeping(LocalStorage):
    def delete(self, path: str) -> None:
        raise UnreadableFileError(f"{path}: expected a file that can be read and written")


def test_a_plan_that_cannot_be_kept_leaves_none_of_an_earlier_try_to_be_pushed(fleets: Fleets) -> None:
    refusing = replace(fleets.workspace, lake=_Refusing(fleets.file(""), keeps_old=False))
    outcomes = schedule_fleets(refusing, WINDOW, CHUNK)
    assert [(item.subject, item.status) for item in outcomes if item.is_bad] == [(DAMAGED, OutcomeStatus.FAILED)]
    pushed_but_the_damaged(fleets, "it has no plan in this run")


def test_where_an_earlier_trys_plan_stays_the_task_fails_so_that_nothing_is_pushed(fleets: Fleets) -> None:
    refusing = replace(fleets.workspace, lake=_Refusing(fleets.file(""), keeps_old=True))
    with pytest.raises(UnreadableFileError, match=PLAN):
        schedule_fleets(refusing, WINDOW, CHUNK)


def test_a_result_that_cannot_be_kept_fails_its_fleet_and_every_other_is_recorded(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleets.serve_tasks(monkeypatch)
    replace_file(fleets.file(RESULT), None)
    push_chunk(WINDOW, CHUNK, approvals={})
    causes = {item.subject: item.cause for item in read_outcomes(fleets.workspace, dag_id="scale_ahead", window=WINDOW)}
    assert causes[SOUND] == ""
    assert causes[DAMAGED].startswith("it ended as verified, and its result cannot be kept: pushes/hour=2026-11-18T05/")


def test_a_ledger_that_cannot_be_read_leaves_its_fleets_days_unknown_and_the_others_are_summed(fleets: Fleets) -> None:
    fleets.push()
    prices: dict[str, float | None] = {DAMAGED: 2.0, SOUND: 2.0}
    # of today the six hours until 06:00, with the 4 instances that the hour's plan read, at 2 USD each
    known = CostSoFar(until_utc=END, known_usd=48.0, estimated_days=1, unknown_days=17)
    assert costs_so_far(fleets.workspace, END, prices) == {DAMAGED: known, SOUND: known}
    for file in fleets.ledger():
        file.write_text("{")
    unknown = CostSoFar(until_utc=END, unknown_days=18)
    assert costs_so_far(fleets.workspace, END, prices) == {DAMAGED: unknown, SOUND: known}


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"state": "awaiting_approval"}', None])
def test_a_damaged_result_stops_nobodys_requests(asked: Fleets, content: str | None) -> None:
    replace_file(asked.file(RESULT), content)
    assert [request["fleet_id"] for request in pending_approvals(WINDOW, CHUNK)] == [SOUND]
    (outcome,) = read_outcomes(asked.workspace, dag_id="scale_ahead", window=WINDOW)
    assert (outcome.subject, outcome.status.value) == (DAMAGED, "failed")
    assert outcome.cause.startswith(f"nobody was asked: {RESULT}")


def test_nobody_is_asked_about_a_plan_or_a_showing_that_is_damaged_and_that_is_told(asked: Fleets) -> None:
    result = json.loads(asked.file(RESULT).read_text())
    showing = asked.file(shown_path(DAMAGED, WINDOW, result["shown"]))
    edit_json(showing, lambda record: record.update(current_instances=1))
    assert [request["fleet_id"] for request in pending_approvals(WINDOW, CHUNK)] == [SOUND]
    edit_json(asked.plan_file(SOUND), set_all("min_instances", 1))
    assert pending_approvals(WINDOW, CHUNK) == []
    outcomes = read_outcomes(asked.workspace, dag_id="scale_ahead", window=WINDOW)
    causes = {outcome.subject: outcome.cause for outcome in outcomes}
    assert "what it would show is not on record" in causes[DAMAGED]
    assert "plan_id: expected" in causes[SOUND]


def test_a_result_in_which_one_thing_is_damaged_is_none_and_the_others_are_told(fleets: Fleets) -> None:
    fleets.push()
    workspace, file = fleets.opened(), fleets.file(RESULT)
    sound = file.read_text()
    assert read_result(workspace, DAMAGED, WINDOW) == json.loads(sound)
    damages: list[dict[str, object]] = [
        {"push_id": None},
        {"write_calls": "2"},
        {"reasons": [5]},
        {"whole": {"create": 5}},
        {"overdue": None},
        {"verdicts": [{}]},
        {"create": [5]},
        {"delete": [5]},
        {"moved": 5},
        {"shown": ["a"]},
    ]
    for damage in damages:
        file.write_text(json.dumps(json.loads(sound) | damage))
        assert read_result(workspace, DAMAGED, WINDOW) is None, damage
    file.write_text(json.dumps(json.loads(sound) | {"reasons": [5]}))
    assert [news.fleet_id for news in tell_news(workspace, WINDOW, now_utc=NOW)] == [SOUND]


@pytest.mark.parametrize("content", ["{", "[]", '{"state": "verified"}', '{"state": "levitating"}', None])
def test_a_damaged_result_or_plan_hides_one_fleet_from_news_watch_and_page(fleets: Fleets, content: str | None) -> None:
    fleets.push()
    replace_file(fleets.file(RESULT), content)
    replace_file(fleets.plan_file(), content)
    workspace = fleets.opened()
    assert [(news.fleet_id, news.kind.value) for news in tell_news(workspace, WINDOW, now_utc=NOW)] == [
        (SOUND, "pushed")
    ]
    watched = on_call_record(workspace, WINDOW, now_utc=NOW + timedelta(minutes=10))
    assert {fleet.fleet_id: fleet.state for fleet in watched.fleets} == {DAMAGED: None, SOUND: PushState.VERIFIED}
    page = {section.fleet_id: section.state for section in build_run_report(workspace, WINDOW).fleets}
    assert page == {DAMAGED: "no plan", SOUND: "verified"}


def settled(fleets: Fleets) -> tuple[list[Outcome], dict[str, set[str]]]:
    """Settle what the day's ledger gives; return how it failed, and by mart the fleets with a row."""
    workspace = fleets.opened()
    failed = [
        *settle_ledger(workspace, TODAY),
        *settle_arrivals(workspace, TODAY),
        *write_kpis(workspace, TODAY),
    ]
    rows: dict[str, set[str]] = {}
    for name in (LEDGER_TABLE, ARRIVAL_TABLE, KPI_TABLE):
        table = workspace.lake.read_table(settled_path(name, TODAY.day))
        rows[name] = set() if table is None else set(table["fleet_id"].to_pylist())
    return failed, rows


@pytest.mark.parametrize(
    ("edit", "was_settled"),
    [
        (None, True),
        (lambda record: record.update(detail=[]), False),
        (lambda record: record["detail"].update(memory=5), False),
    ],
)
def test_a_damaged_ledger_keeps_one_fleets_day_from_being_settled_and_what_stood_of_it_stays(
    fleets: Fleets, *, edit: Edit | None, was_settled: bool
) -> None:
    fleets.push()
    if was_settled:
        assert settled(fleets) == ([], {LEDGER_TABLE: BOTH, ARRIVAL_TABLE: BOTH, KPI_TABLE: BOTH})
    if edit is None:
        newest_event(fleets).write_text("{")
    else:
        edit_json(newest_event(fleets), edit)

    failed, rows = settled(fleets)

    assert {(outcome.subject, outcome.status.value) for outcome in failed} == {(DAMAGED, "failed")}
    assert all(re.search(r"/0004-verified\.json: |: event 4 \(verified\): ", outcome.cause) for outcome in failed)
    steps = {outcome.step for outcome in failed}
    assert {"arrivals", "kpi"} <= steps
    # the mart of events reads no memory: with that damaged alone it has the fleet's rows all the same
    has_events = was_settled or "ledger" not in steps
    assert rows == {
        LEDGER_TABLE: BOTH if has_events else {SOUND},
        ARRIVAL_TABLE: BOTH if was_settled else {SOUND},
        KPI_TABLE: BOTH if was_settled else {SOUND},
    }
