"""Accounts that cannot be entered, for reading or for writing: their fleet says so, and the others are pushed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.pipelines.hour_of_fleets import DAMAGED, SOUND, Fleets

from headroom.actuation.outcome import PushOutcome, PushState
from headroom.extract.errors import SourceError
from headroom.extract.push_clients import PushClients
from headroom.pipelines.workspace import Workspace

CLOSED = "999999999999"
WHY = f"account {CLOSED} is not the account of these credentials; give aws.role_arn in sources.yaml to enter it"
REFUSED = ClientError(
    {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: sts:AssumeRole"}}, "AssumeRole"
)


class Entered:
    """The cloud of both fleets, in which one account is closed: at once, or when its credentials are first needed."""

    def __init__(self, fleets: Fleets, *, at_once: bool) -> None:
        self._open = fleets.clients
        self._at_once = at_once
        self.own_fault: Exception | None = None

    def own_account(self, *, region: str) -> str:
        assert region
        if self.own_fault is not None:
            raise self.own_fault
        return "123456789012"

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        if account != CLOSED:
            return self._open.client(service, region=region, account=account)
        if self._at_once:
            raise SourceError(WHY)

        class Later:
            def __getattr__(self, name: str) -> Any:
                def call(**_: object) -> None:
                    raise REFUSED

                return call

        return Later()


@pytest.fixture
def fleets(tmp_path: Path) -> Fleets:
    """One of both fleets is in another account."""
    made = Fleets(tmp_path)
    file = tmp_path / "fleets.yaml"
    entry = f"  - id: {DAMAGED}\n"
    text = file.read_text()
    assert entry in text
    file.write_text(text.replace(entry, f'{entry}    account: "{CLOSED}"\n    region: us-east-1\n'))
    made.workspace = made.opened()
    return made


@pytest.mark.parametrize(
    ("at_once", "told"), [(True, WHY), (False, "AccessDenied: not authorized to perform: sts:AssumeRole")]
)
def test_an_account_that_cannot_be_read_stops_its_own_fleet(fleets: Fleets, at_once: bool, told: str) -> None:  # noqa: FBT001
    fleets.schedule()  # while it could
    fleets.clients = Entered(fleets, at_once=at_once)  # type: ignore[assignment]
    fleets.workspace = fleets.opened()
    results = fleets.push()
    damaged, sound = results[DAMAGED], results[SOUND]
    assert told in (damaged if isinstance(damaged, str) else " ".join(damaged.reasons))
    assert isinstance(sound, PushOutcome)
    assert sound.state is PushState.VERIFIED
    assert fleets.writes(DAMAGED) == []


def test_a_plan_of_a_fleet_whose_account_is_closed_is_none_and_the_other_is_planned(fleets: Fleets) -> None:
    fleets.clients = Entered(fleets, at_once=True)  # type: ignore[assignment]
    fleets.workspace = fleets.opened()
    fleets.schedule()
    assert not fleets.plan_file(DAMAGED).exists()
    assert fleets.plan_file(SOUND).exists()


def test_where_the_account_to_write_in_is_not_told_the_ledger_tells_how_the_push_ended(tmp_path: Path) -> None:
    fleets = Fleets(tmp_path)
    fleets.schedule()
    writing = Entered(fleets, at_once=True)
    writing.own_fault = SourceError("STS GetCallerIdentity in us-east-1 did not answer: ReadTimeoutError")
    clients = PushClients(reading=fleets.clients, writing=writing)  # type: ignore[arg-type]
    fleets.workspace = _pushing_with(fleets, clients)
    result = fleets.push()[SOUND]
    assert isinstance(result, PushOutcome)
    assert result.state is PushState.FAILED
    assert any("STS GetCallerIdentity in us-east-1 did not answer" in failure.reason for failure in result.failures)
    assert [file.stem.partition("-")[2] for file in fleets.ledger(SOUND)][-1] == "failed"
    assert fleets.writes(SOUND) == []
    writing.own_fault = None
    fleets.workspace = _pushing_with(fleets, clients)
    result = fleets.push()[SOUND]
    assert isinstance(result, PushOutcome)
    assert result.state is PushState.VERIFIED


def _pushing_with(fleets: Fleets, clients: PushClients) -> Workspace:
    return replace(fleets.opened(), push_clients=clients)
