"""A worker lost in the middle of a task: the other one finishes the run, and nothing is lost or done twice."""

from collections import Counter

import pytest
from tests.integration.team.runs_under_test import (
    EDITED_FLEET,
    STEPS,
    LosingHour,
    PlayedHours,
    differences,
    ledger_events,
)

from headroom.lake.layout import chunk_name, chunk_of
from headroom.pipelines.windows import window_key
from headroom.sandbox.team_stack import TeamStack

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

FORECAST, _, PUSH, _ = STEPS


@pytest.mark.parametrize("task_id", ["extract_hour", FORECAST, PUSH])
def test_a_task_whose_worker_was_killed_is_done_by_the_other_in_its_second_try(
    losing_hour: LosingHour, task_id: str
) -> None:
    assert losing_hour.kills[task_id].tries == 2


def test_the_lake_holds_what_an_undisturbed_hour_leaves_but_for_what_tells_of_the_cut_push(
    one_machine: PlayedHours, played_team: tuple[PlayedHours, TeamStack], losing_hour: LosingHour
) -> None:
    played, _ = played_team
    hour = window_key(losing_hour.window)[:13]
    chunk = chunk_of(EDITED_FLEET)
    fleets = sorted(fleet_id for fleet_id in played.demo.fleets if chunk_of(fleet_id) == chunk)
    pushed_twice = {
        # The first try was cut off after its call was carried out; the second one says so in the ledger,
        *(f"ledger/fleet={EDITED_FLEET}/push={event['push_id']}" for event in _cut_push(played)),
        # and what it reports is what it found and did itself: "unchanged" where the first had written already.
        *(f"pushes/hour={hour}/fleet={fleet_id}.json" for fleet_id in fleets),
        f"outcomes/scale_ahead/{window_key(losing_hour.window)}/3-push-{chunk_name(chunk)}.json",
        f"reports/run/{hour}.",
        "reports/latest.",
        # So does the message about the run: what the first try wrote is not news of the second.
        "alerts/pushes.json",
    }
    differing = differences(one_machine.next_lake, played.next_lake)
    assert [path for path in differing if not path.startswith(tuple(pushed_twice))] == []


def test_each_action_stands_once_at_the_target_as_after_an_undisturbed_hour(
    one_machine: PlayedHours, played_team: tuple[PlayedHours, TeamStack], losing_hour: LosingHour
) -> None:
    played, _ = played_team
    assert losing_hour.kills
    for fleet_id, actions in played.next_actions.items():
        assert set(Counter(action["ScheduledActionName"] for action in actions).values()) == {1}
        assert actions == one_machine.next_actions[fleet_id], fleet_id


def test_no_write_call_is_made_twice(
    one_machine: PlayedHours, played_team: tuple[PlayedHours, TeamStack], losing_hour: LosingHour
) -> None:
    played, _ = played_team
    assert losing_hour.kills
    written = Counter((call["service"], call["operation"]) for call in played.next_writes)
    assert written == Counter((call["service"], call["operation"]) for call in one_machine.next_writes)
    assert len(played.next_writes) > 0


def test_the_ledger_tells_of_the_push_that_was_cut_off_and_that_it_was_verified(
    played_team: tuple[PlayedHours, TeamStack], losing_hour: LosingHour
) -> None:
    played, _ = played_team
    assert losing_hour.kills
    states = [event["state"] for event in _cut_push(played)]
    # Whatever the call that was held did not do, the second try does under an intent of its own.
    assert (states[0], states[-1]) == ("intended", "verified")
    assert set(states) <= {"intended", "applied", "verified"}


def _cut_push(played: PlayedHours) -> list[dict[str, str]]:
    return ledger_events(played.demo.stack.lake_files, EDITED_FLEET, played.window)
