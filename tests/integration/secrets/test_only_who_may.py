"""On a running team: a viewer changes nothing at the cloud, a user may, and the ledger says who it was."""

import pytest
from tests.integration.secrets.conftest import Played

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


def test_a_viewer_can_neither_approve_nor_push_nor_roll_back_nor_pause_and_the_cloud_hears_nothing(
    played: Played,
) -> None:
    assert set(played.refused) == {"approve", "roll back", "push", "push again", "pause"}
    assert set(played.refused.values()) == {403}
    assert played.writes_of_the_refused == []


def test_a_user_may_approve_which_the_ledger_keeps_and_then_the_cloud_is_written_to(played: Played) -> None:
    assert set(played.approved_by) == {"user"}
    assert played.writes_of_the_approved != []
    assert played.actions_after != played.actions_before
