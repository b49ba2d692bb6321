"""Rollbacks and explanations asked for oddly: of no push, twice, too late, for reasons no file takes, at odd times."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipelines.hour_of_fleets import DAMAGED, NOW, SOUND, Fleets

import headroom.cli.explain
import headroom.cli.operations
import headroom.pipelines.rollback
from headroom.actuation.errors import ActuationError
from headroom.actuation.outcome import PushOutcome, PushState
from headroom.cli import main
from headroom.pipelines.rollback import MOST_REASON_CHARACTERS, rollback

LINES = pytest.CaptureFixture[str]


@pytest.fixture
def fleets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    """Both fleets are pushed to."""
    pushed = Fleets(tmp_path)
    pushed.schedule()
    assert all(isinstance(result, PushOutcome) for result in pushed.push().values())
    for target in pushed.targets.values():
        target.calls.clear()
    for module in (headroom.cli.operations, headroom.cli.explain, headroom.pipelines.rollback):
        monkeypatch.setattr(module, "open_workspace", pushed.opened)
    return pushed


def push_id(fleets: Fleets, fleet_id: str = DAMAGED) -> str:
    return fleets.ledger(fleet_id)[0].parent.name.removeprefix("push=")


def error_of(capsys: LINES, *arguments: str, code: int = 2) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", "is no push id; expected one such as"),
        ("\x1b[31m", "is no push id"),
        ("../../etc", "is no push id"),
        ("x" * 5000, "…"),
        ("chat-large-20261399T0600Z-00000000", "is no push id|the ledger has no push"),
        ("chat-large-20261118T0600Z-00000000", "the ledger has no push"),
        ("chat-7-20261118T0600Z-00000000", "no fleet 'chat-7'; known are chat-32, chat-large"),
    ],
)
def test_a_push_that_nobody_made_is_one_line(fleets: Fleets, capsys: LINES, asked: str, told: str) -> None:
    line = error_of(capsys, "rollback", "--apply", "--", asked)
    assert any(part in line for part in told.split("|"))
    assert "\x1b" not in line
    assert fleets.writes() == []


def test_a_reason_that_no_file_takes_is_kept_as_one_line_and_cut(fleets: Fleets) -> None:
    params = {"push_id": push_id(fleets), "dry_run": False, "reason": "red \x1b[31m\n\udcff " + "too long " * 500}
    assert rollback(params, requested_by="ada\n\udcff")["state"] == "rolled_back"
    (event,) = fleets.events("rollback_intended")
    reason = event["detail"]["reason"]
    assert reason.startswith("red \\x1b[31m \\udcff too long")
    assert len(reason) == MOST_REASON_CHARACTERS
    assert event["detail"]["requested_by"] == "ada \\udcff"


def test_without_a_reason_or_twice_it_writes_once(fleets: Fleets) -> None:
    params = {"push_id": push_id(fleets), "dry_run": False, "reason": None}
    assert rollback(params)["state"] == "rolled_back"
    written = fleets.writes()
    assert written
    assert rollback(params)["reasons"] == [f"{push_id(fleets)} is rolled back already"]
    assert fleets.writes() == written
    assert fleets.writes(SOUND) == []


def test_after_the_horizon_there_is_nothing_to_write(fleets: Fleets) -> None:
    fleets.sts.now = NOW + timedelta(days=3)
    fleets.targets[DAMAGED].advance_to(fleets.sts.now)
    standing = dict(fleets.targets[DAMAGED].sizes)
    assert rollback({"push_id": push_id(fleets), "dry_run": False, "reason": ""})["state"] == "rolled_back"
    assert (fleets.writes(), fleets.targets[DAMAGED].sizes) == ([], standing)


@pytest.mark.parametrize("edit", [{"before": None}, {"before": {"ours": 5}}, {"memory": None}, {"memory": {}}])
def test_an_intent_that_does_not_say_what_stood_before_is_not_guessed_at(
    fleets: Fleets, capsys: LINES, edit: dict[str, Any]
) -> None:
    (file,) = (file for file in fleets.ledger() if file.stem.endswith("-intended"))
    record = json.loads(file.read_text())
    record["detail"] |= edit
    file.write_text(json.dumps(record))
    told = error_of(capsys, "rollback", push_id(fleets), "--apply")
    assert "-intended.json: expected" in told
    assert fleets.writes() == []
    with pytest.raises(ActuationError, match=r"-intended\.json: expected"):
        rollback({"push_id": push_id(fleets), "dry_run": False, "reason": ""})


@pytest.mark.parametrize("by", ["", " ", "\n"])
def test_nobody_confirms_nothing(fleets: Fleets, capsys: LINES, by: str) -> None:
    assert "--by: expected who confirms" in error_of(capsys, "confirm", DAMAGED, "--by", by)
    assert not fleets.events("confirmed")


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-11-18T05:59", "is before any record|has none|not adopted"),
        ("2026-12-24", "lies ahead of the cloud's clock"),
        ("2199-12-31T23:59:59Z", "lies ahead of the cloud's clock"),
        ("2000-01-01", "is before any record"),
        ("0001-01-01", "expected a time from 2000 to 2200"),
        ("9999-12-31T23:59:59-14:00", "expected a time from 2000 to 2200"),
        ("2026-11-18T25:00", "expected a time such as"),
        ("yesterday\x1b[31m", "expected a time such as"),
        ("", "expected a time such as"),
        ("1763445600", "expected a time such as"),
    ],
)
def test_a_time_of_which_nothing_is_known_is_one_line(fleets: Fleets, capsys: LINES, at: str, told: str) -> None:
    capsys.readouterr()
    try:
        code = main(["explain", "--fleet", DAMAGED, "--at", at])
    except SystemExit as stop:
        code = int(str(stop.code))
    line = capsys.readouterr().err
    assert (code, line.count("\n")) == (2, 1)
    assert any(part in line for part in told.split("|")), line
    assert fleets.writes() == []


def test_a_naive_time_is_utc_and_an_offset_decides_between_the_two_readings_of_a_clock_set_back(
    fleets: Fleets, capsys: LINES
) -> None:
    assert fleets.ledger()

    def explained(at: str) -> str:
        assert main(["explain", "--fleet", DAMAGED, "--at", at, "--json"]) == 0
        return str(json.loads(capsys.readouterr().out)["at_utc"])

    assert explained("2026-11-18T06:06") == "2026-11-18T06:06:00+00:00"
    # the hour from 1 to 2 that New York reads twice, as if it were that day
    assert explained("2026-11-18T01:30:00-05:00") == "2026-11-18T06:30:00+00:00"
    assert explained("2026-11-18T07:30:00+01:00") == "2026-11-18T06:30:00+00:00"


@pytest.mark.parametrize("detail", [[], {"memory": 5}, {"memory": {}}, {"create": 5}])
def test_explaining_a_ledger_that_is_damaged_names_the_event(fleets: Fleets, capsys: LINES, detail: object) -> None:
    (file,) = (file for file in fleets.ledger() if file.stem.endswith("-intended"))
    record = json.loads(file.read_text())
    record["detail"] = detail
    file.write_text(json.dumps(record))
    assert "expected" in error_of(capsys, "explain", "--fleet", DAMAGED, "--at", "2026-11-18T09:00")


@pytest.mark.parametrize("content", ["{", "[]", '{"plan_id": "x"}', '{"plan_id": "x", "setting": 5}', None])
def test_a_damaged_plan_or_result_hides_nothing_of_what_the_ledger_tells(
    fleets: Fleets, capsys: LINES, content: str | None
) -> None:
    for path in ("plans/hour=2026-11-18T05/fleet=chat-large.json", "pushes/hour=2026-11-18T05/fleet=chat-large.json"):
        fleets.file(path).unlink()
        if content is None:
            fleets.file(path).mkdir()
        else:
            fleets.file(path).write_text(content)
    assert main(["explain", "--fleet", DAMAGED, "--at", "2026-11-18T09:00"]) == 0
    assert "minimum" in capsys.readouterr().out
    assert main(["explain", "--fleet", DAMAGED, "--at", "2026-11-18T06:06"]) == 0


def test_pushed_states_of_both_fleets_are_as_before(fleets: Fleets) -> None:
    assert {result.state for result in fleets.push().values() if isinstance(result, PushOutcome)} == {
        PushState.UNCHANGED
    }
