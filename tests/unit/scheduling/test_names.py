from datetime import UTC, datetime, timedelta, timezone

import pytest

from headroom.domain.scaling import CapacitySetting, PresentAction
from headroom.scheduling import action_name, is_ours, parse_action_name

START = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


def test_a_name_is_deployment_fleet_and_start_in_utc() -> None:
    berlin = START.astimezone(timezone(timedelta(hours=1)))
    for start in (START, berlin):
        name = action_name(deployment="default", fleet_id="chat-large", starts_at_utc=start)
        assert name == "headroom-default-chat-large-20261123T1405Z"


@pytest.mark.parametrize("start", [START.replace(second=1), START.replace(microsecond=1)])
def test_a_start_that_the_name_cannot_tell_is_refused(start: datetime) -> None:
    with pytest.raises(ValueError, match="whole minute"):
        action_name(deployment="default", fleet_id="chat", starts_at_utc=start)


@pytest.mark.parametrize("deployment", ["", "a-b", "Prod"])
def test_a_deployment_that_would_make_names_ambiguous_is_refused(deployment: str) -> None:
    with pytest.raises(ValueError, match="deployment id"):
        action_name(deployment=deployment, fleet_id="chat", starts_at_utc=START)


@pytest.mark.parametrize(
    "name",
    [
        "headroom-default-chat-20261123T1405Z-extra",
        "headroom-default-chat-20261123T1405",
        "headroom-default-chat-20261323T1405Z",  # month 13
        "headroom-default-chat-large-20261123T1405Z",  # another fleet whose id begins like ours
        "headroom-other-chat-20261123T1405Z",
        "Headroom-default-chat-20261123T1405Z",
        "my-headroom-default-chat-20261123T1405Z",
        "owner-morning-raise",
        "",
    ],
)
def test_a_name_that_does_not_parse_as_a_whole_is_not_ours(name: str) -> None:
    assert parse_action_name(name, deployment="default", fleet_id="chat") is None
    setting = CapacitySetting(min_instances=1, max_instances=2)
    assert not is_ours(
        PresentAction(name=name, starts_at_utc=None, setting=setting), deployment="default", fleet_id="chat"
    )
