"""A real Airflow asks a person: approved in a browser and over the API, rejected, unanswered, and the world moved."""

from typing import Any

import pytest
from tests.integration.end_to_end.approvals_under_test import (
    EDITED,
    IN_THE_UI,
    OVERTAKEN,
    REJECTED,
    UI_NOTE,
    Played,
    play,
)
from tests.integration.end_to_end.demo_under_test import Demo

from headroom.domain.window import Window
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_process import USER

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


@pytest.fixture(scope="module")
def played(demo: Demo) -> Played:
    return play(demo)


def details(played: Played, fleet_id: str, state: str, window: Window | None = None) -> list[dict[str, Any]]:
    """Return what the ledger keeps of a fleet's events of one state, of the pushes of a window's plan."""
    moment = f"-{(window or played.window).end_utc:%Y%m%dT%H%MZ}-"
    events = played.demo.ledger_events(fleet_id)
    return [event["detail"] for event in events if event["state"] == state and moment in event["push_id"]]


def test_a_request_shows_diff_cost_risk_replay_and_checks(played: Played) -> None:
    for request in played.first.values():
        parts = ("| start (UTC) |", "**Cost.** Estimated cost", "**Risk.** It buys", "**Replay.** ", "- kill_switch: ")
        assert [part for part in parts if part not in request["body"]] == []


def test_in_a_browser_it_is_read_and_approved_and_the_ledger_says_who_and_why(played: Played) -> None:
    for words in ("Estimated cost, no bill", "It buys for demand up to q90", "raise", "kill_switch"):
        assert words in played.page_text
    (approved,) = details(played, IN_THE_UI, "approved")
    assert (approved["approved_by"], approved["note"]) == (USER, UI_NOTE)
    assert played.writes_of[IN_THE_UI] != []
    assert details(played, IN_THE_UI, "verified") != []


def test_rejected_nothing_is_written_and_the_ledger_says_who_and_why(played: Played) -> None:
    (rejected,) = details(played, REJECTED, "rejected")
    assert (rejected["rejected_by"], rejected["note"]) == (USER, "a load test runs")
    assert played.writes_of[REJECTED] == []
    assert details(played, REJECTED, "intended") == []


def test_an_owners_edit_before_the_answer_is_not_written_over_and_taking_back_is_asked_for(played: Played) -> None:
    assert played.writes_of[EDITED] == []
    (moved,) = details(played, EDITED, "asked_again")
    assert moved["approved_by"] == USER
    assert moved["reasons"] == ["the owner changed the target, and the fleet is paused"]
    again = played.again[EDITED]["body"]
    assert again.startswith(f"**Asked again.** `{USER}` approved at ")
    assert "Take back our pending actions, but for the last?" in again
    # Approved, that is what was done: the last of our actions alone stands and gives the new maximum back.
    assert len(played.standing_of[EDITED]) == 1


def test_somebody_elses_action_before_the_answer_is_told_and_approved_with_it_the_plan_is_written(
    played: Played,
) -> None:
    assert played.writes_of[OVERTAKEN] == []
    (moved,) = details(played, OVERTAKEN, "asked_again")
    assert moved["reasons"] == ["owner-launch, a scheduled action of somebody else, has come"]
    assert "- `owner-launch, a scheduled action of somebody else, has come`" in played.again[OVERTAKEN]["body"]
    (approved,) = details(played, OVERTAKEN, "approved")
    assert approved["shown"] != moved["shown"]
    assert details(played, OVERTAKEN, "verified") != []
    assert "owner-launch" in played.standing_of[OVERTAKEN]


def test_the_run_in_which_all_that_happened_is_green(played: Played) -> None:
    assert played.state == "success"


def test_people_are_told_that_answers_are_wanted_and_after_them_what_was_pushed_and_rejected(played: Played) -> None:
    lines = [text.splitlines()[0] for text in played.demo.messages]
    wanted, *answered = [line for line in lines if f"scale_ahead of {window_key(played.window)}" in line]
    assert [fleet_id for fleet_id in played.first if fleet_id not in wanted.partition("approval wanted ")[2]] == []
    assert "pushed" not in wanted
    pushed = " ".join(line.partition("; pushed ")[2] or line.partition(": pushed ")[2] for line in answered)
    assert any(f"rejected {REJECTED}" in line for line in answered)
    assert IN_THE_UI in pushed
    assert REJECTED not in pushed


def test_unanswered_means_no(played: Played) -> None:
    (rejected,) = details(played, OVERTAKEN, "rejected", played.unanswered)
    assert (rejected["rejected_by"], rejected["note"]) == (None, "")
    assert played.unanswered_writes == []
    assert details(played, OVERTAKEN, "intended", played.unanswered) == []
    assert played.unanswered_state == "success"
