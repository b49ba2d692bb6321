"""Answers at odd moments: of nobody, twice, of a fleet that is gone, after the world moved; and what is told."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipelines.hour_of_fleets import CHUNK, DAMAGED, NOW, SOUND, WINDOW, Fleets

from headroom.pipelines.approvals import pending_approvals, push_answered
from headroom.pipelines.outcomes import read_outcomes
from headroom.pipelines.push_news import tell_news

CHAT = DAMAGED


@pytest.fixture
def fleets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    """Both fleets' pushes wait for a person."""
    waiting = Fleets(tmp_path, mode="approve")
    waiting.serve_tasks(monkeypatch)
    waiting.schedule()
    waiting.push()
    return waiting


def request_of(fleet_id: str) -> dict[str, Any]:
    return next(request for request in pending_approvals(WINDOW, CHUNK) if request["fleet_id"] == fleet_id)


def answer_to(request: dict[str, Any], *, by: str | None = "ada", is_approved: object = True) -> dict[str, Any]:
    return {
        "fleet_id": request["fleet_id"],
        "plan_id": request["plan_id"],
        "shown": request["shown"],
        "is_approved": is_approved,
        "by": by,
        "note": "fine",
        "asked_at_utc": NOW.isoformat(),
        "at_utc": NOW.isoformat(),
    }


@pytest.mark.parametrize(("by", "is_approved"), [(None, True), ("", True), ("\n", True), ("ada", "yes"), ("ada", None)])
def test_an_approval_of_nobodys_or_that_is_none_writes_nothing(
    fleets: Fleets, by: str | None, is_approved: object
) -> None:
    request = request_of(CHAT)
    push_answered(WINDOW, request, answer_to(request, by=by, is_approved=is_approved))
    assert fleets.writes() == []
    assert len(fleets.events("rejected")) == 1
    assert fleets.events("approved") == []


def test_a_name_and_a_note_of_control_characters_are_kept_as_one_line(fleets: Fleets) -> None:
    request = request_of(CHAT)
    answer = {**answer_to(request, by="ada\x1b[31m\ud800"), "note": "a\nb\x00"}
    push_answered(WINDOW, request, answer)
    (event,) = fleets.events("approved")
    assert (event["detail"]["approved_by"], event["detail"]["note"]) == ("ada\\x1b[31m\\ud800", "a b\\x00")


def test_the_same_approval_twice_writes_once(fleets: Fleets) -> None:
    request = request_of(CHAT)
    push_answered(WINDOW, request, answer_to(request))
    written = fleets.writes()
    assert written
    push_answered(WINDOW, request, answer_to(request))
    push_answered(WINDOW, request, answer_to(request, by="bob", is_approved=False))
    assert fleets.writes() == written
    assert len(fleets.events("approved")) == 1


def test_an_answer_about_another_fleet_writes_nothing_there(fleets: Fleets) -> None:
    request = request_of(SOUND)
    push_answered(WINDOW, {**request, "fleet_id": CHAT}, {**answer_to(request), "fleet_id": CHAT})
    assert (fleets.writes(CHAT), fleets.writes(SOUND)) == ([], [])


def test_an_approval_of_a_fleet_that_was_deleted_writes_nothing_and_says_so(fleets: Fleets) -> None:
    request = request_of(CHAT)
    listed = (fleets.folder / "fleets.yaml").read_text()
    entries = listed.split("  - id: ")
    (fleets.folder / "fleets.yaml").write_text("  - id: ".join(part for part in entries if not part.startswith(CHAT)))
    assert push_answered(WINDOW, request, answer_to(request))["ask_again"] is None
    assert fleets.writes() == []
    outcomes = read_outcomes(fleets.opened(), dag_id="scale_ahead", window=WINDOW, part=f"5-approved-{CHAT}")
    assert [outcome.cause for outcome in outcomes] == [
        "it was answered for a fleet that fleets.yaml no longer has: nothing is pushed"
    ]


@pytest.mark.parametrize("mode", ["observe", "recommend"])
def test_an_approval_that_a_mode_has_overtaken_writes_nothing(fleets: Fleets, mode: str) -> None:
    request = request_of(CHAT)
    file = fleets.folder / "fleets.yaml"
    file.write_text(file.read_text().replace("mode: approve", f"mode: {mode}"))
    fleets.workspace = fleets.opened()
    push_answered(WINDOW, request, answer_to(request))
    assert fleets.writes() == []


def test_what_moved_is_told_once_whether_it_is_asked_again_or_left_to_the_next_hour(fleets: Fleets) -> None:
    def told() -> list[tuple[str, str]]:
        news = tell_news(fleets.opened(), WINDOW, now_utc=NOW)
        return [(item.kind.value, item.text.partition(":")[0]) for item in news if item.fleet_id == CHAT]

    first = request_of(CHAT)
    assert told() == [("approval wanted", "3 created")]
    fleets.targets[CHAT].sizes["DesiredCapacity"] = 9
    again = push_answered(WINDOW, first, answer_to(first))["ask_again"]
    assert again is not None
    asked_again = told()
    assert [kind for kind, _ in asked_again] in ([], ["approval wanted"])
    assert told() == []

    fleets.targets[CHAT].sizes["DesiredCapacity"] = 15
    assert push_answered(WINDOW, again, answer_to(again))["ask_again"] is None
    assert told() == [("refused", "moved again before the answer, the next hour asks")]
    assert told() == []
    assert fleets.writes() == []
