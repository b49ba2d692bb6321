"""A person is asked, in a real Airflow: approving in a browser and over the API, rejecting, not answering, and a world
that moved after the showing."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.end_to_end.approvals_under_test import (
    EDITED,
    IN_THE_UI,
    OVERTAKEN,
    REJECTED,
    Played,
    play,
)
from tests.integration.end_to_end.demo_under_test import Demo

from headroom.pipelines.windows import window_key

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


@pytest.fixture(scope="module")
def played(demo: Demo) -> Iterator[Played]:
    yield play(demo)


def events(played: Played, fleet_id: str, state: str) -> list[dict[str, Any]]:
    return [event for event in played.demo.ledger_events(fleet_id) if event["state"] == state]
