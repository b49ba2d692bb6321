"""The team set-up for real: PostgreSQL, Redis, two Celery workers, the lake in S3, the whole chain through them."""

import pytest
from tests.integration.end_to_end.demo_under_test import Demo
from tests.integration.team.conftest import HISTORY_DAYS
from tests.integration.team.runs_under_test import PlayedHours

from headroom.sandbox.demo_run import report_path
from headroom.sandbox.process_group import session_members
from headroom.sandbox.team_stack import TeamStack

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


def test_every_push_is_verified_and_stands_in_the_cloud(played_team: tuple[PlayedHours, TeamStack]) -> None:
    played, _ = played_team
    assert {fleet["state"] for fleet in played.demo.first_summary["fleets"]} == {"verified"}
    for fleet_id, standing in played.first_actions.items():
        planned = {action["name"] for action in played.demo.first_of(fleet_id)["actions"]}
        assert {action["ScheduledActionName"] for action in standing} == planned != set()


def test_the_lake_is_in_s3_and_the_newest_page_is_handed_out(team: tuple[Demo, TeamStack]) -> None:
    _, stack = team
    assert stack.lake_files.url("reports/latest.html").startswith("s3://headroom-lake/")
    assert stack.settled_days() == HISTORY_DAYS - 1
    assert "chat-large" in report_path(stack).read_text()
    assert not (stack.lake_folder / "raw").exists()


def test_no_password_is_in_a_log_or_in_the_lake(team: tuple[Demo, TeamStack]) -> None:
    _, stack = team
    secrets = [url.split(":", 2)[2].split("@")[0] for url in (stack.database.url, stack.queue.url)]
    secrets.append(stack.airflow.password)
    assert all(len(secret) >= 16 for secret in secrets)
    logs = [path for path in stack.folder.rglob("*.log") if path.is_file()]
    assert logs
    lake = stack.lake_files
    texts = {
        **{str(path): path.read_bytes() for path in logs},
        **{path: lake.read_bytes(path) for folder in ("outcomes", "reports", "plans") for path in lake.list(folder)},
    }
    assert [name for name, text in texts.items() for secret in secrets if secret.encode() in text] == []


def test_ending_it_leaves_no_process(team: tuple[Demo, TeamStack]) -> None:
    _, stack = team
    started = list(stack.sessions().values())
    assert len(started) >= 8
    stack.stop()
    assert {process: session_members(process) for process in started} == {process: [] for process in started}
