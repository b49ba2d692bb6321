"""Scale-out changes nothing: two Celery workers with the lake in S3 leave what one machine with a local lake leaves."""

import pytest
from tests.integration.team.runs_under_test import PlayedHours, differences

from headroom.sandbox.team_stack import TeamStack

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

TABLES_AND_DOCUMENTS = ("raw/", "mart/", "plans/", "pushes/", "ledger/", "outcomes/", "reports/")


def test_the_teams_lake_is_byte_for_byte_the_lake_of_one_machine(
    one_machine: PlayedHours, played_team: tuple[PlayedHours, TeamStack]
) -> None:
    played, _ = played_team
    for folder in TABLES_AND_DOCUMENTS:
        assert any(path.startswith(folder) for path in one_machine.first_lake), folder
    assert differences(one_machine.first_lake, played.first_lake) == []
