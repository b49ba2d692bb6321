"""A push that found all in place is no news, whatever its earlier tries did that was no part of its plan."""

from tests.unit.actuation.fake_cloud import minutes
from tests.unit.actuation.planning import at, ec2, request
from tests.unit.actuation.test_push_is_killed_anywhere import World

from headroom.actuation.confirmation import confirm_baseline
from headroom.actuation.outcome import PushState
from headroom.pipelines.push_news import news_of


def test_a_push_that_only_withdrew_before_its_pause_was_confirmed_is_not_told_as_pushed() -> None:
    world = World(ec2)
    world.cloud.advance_to(at(9) + minutes(5))  # our raise of nine o'clock is in force, its restore is to come
    world.cloud.sizes["MaxSize"] = 25
    hour = request((), window_end=at(9))
    paused = world.push(hour)
    assert (paused.state, bool(paused.write_calls)) == (PushState.PAUSED, True)
    confirm_baseline("chat-large", ledger=world.ledger, now_utc=world.cloud.now, confirmed_by="ada")

    again = world.push(hour)  # the hour run again: the restore that is owed stands already

    assert again.state is PushState.UNCHANGED
    assert list(news_of(again.summary(), {})) == []
