"""The main job through a real scheduler: bills and utilization in, scheduled-scaling actions out."""

import json
from collections import Counter
from datetime import timedelta

import pytest
import requests
from tests.integration.end_to_end.demo_under_test import Demo, starts_at, wait_until

from headroom.domain.window import Window
from headroom.pipelines.windows import window_key
from headroom.scheduling import parse_action_name

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]


def test_every_run_of_the_chain_came_once_for_its_key_and_succeeded(demo: Demo) -> None:
    days = [window_key(day) for day in demo.calendar.backfilled_days]
    hour = window_key(demo.calendar.live_hour)
    expected = {
        "extract_billing": [days[-1]],
        "extract_catalogue": [window_key(demo.calendar.today)],
        "extract_spot_prices": [hour],
        "extract_utilization": [hour],
        "plan_fleets": days,
        "report_savings": days,
        "scale_ahead": [hour],
        "settle_days": days,
    }
    for dag_id, keys in expected.items():
        runs = demo.stack.airflow.api.runs(dag_id)
        assert Counter(run.key for run in runs) == Counter(keys), dag_id
        assert {run.state for run in runs} == {"success"}, dag_id


def test_the_actions_stand_in_the_cloud_under_our_names_each_before_its_peak_by_the_lead_time(demo: Demo) -> None:
    for fleet in demo.fleets.values():
        planned = {action["name"]: action for action in demo.first_of(fleet.id)["actions"]}
        standing = {action["ScheduledActionName"]: action for action in demo.actions_at(fleet)}
        assert planned, fleet.id
        assert set(standing) == set(planned)
        for name, action in standing.items():
            start = parse_action_name(name, deployment="default", fleet_id=fleet.id)
            assert start is not None
            # AWS runs an action up to two minutes late, which our plans allow for.
            assert timedelta(0) <= starts_at(action) - start < timedelta(minutes=2)
            if planned[name]["purpose"] == "raise" and start > demo.calendar.now_utc + timedelta(hours=1):
                assert planned[name]["lead_minutes"] * 60 >= fleet.lead_time_seconds


def test_every_check_passed_and_every_push_was_read_back(demo: Demo) -> None:
    for fleet in demo.first_summary["fleets"]:
        assert fleet["state"] == "verified"
        assert fleet["checks_passed"] == fleet["checks"] > 0


def test_the_newest_report_is_in_the_airflow_ui_behind_its_login_and_nothing_else_is(demo: Demo) -> None:
    page = f"{demo.stack.airflow.url}/headroom/report"
    login = {"Authorization": f"Bearer {demo.stack.airflow.api.token()}"}
    with requests.Session() as session:
        session.trust_env = False
        refused = session.get(page, timeout=30)
        shown = session.get(page, headers=login, timeout=30)
        documentation = [
            session.get(f"{demo.stack.airflow.url}/headroom/{path}", headers=login, timeout=30).status_code
            for path in ("docs", "redoc", "openapi.json")
        ]
        plugins = session.get(f"{demo.stack.airflow.url}/api/v2/plugins", headers=login, timeout=30).json()["plugins"]
    assert refused.status_code == 401
    assert "chat-large" not in refused.text
    assert shown.status_code == 200
    assert shown.text == (demo.stack.lake_folder / "reports" / "latest.html").read_text()
    assert "chat-large" in shown.text
    assert documentation == [404, 404, 404]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "headroom_ui"]
    assert [view["href"] for view in ours["external_views"]] == ["/headroom/report", "/headroom/pushes"]


def test_a_second_push_at_the_same_clock_makes_no_write_call(demo: Demo) -> None:
    demo.stack.cloud.clear_calls()
    window = demo.calendar.live_hour
    run = demo.wait_for_hour(window, demo.request_hour(window))
    assert run.state == "success"
    assert demo.stack.cloud.calls(service="autoscaling", operation="DescribeScheduledActions")
    assert demo.write_calls() == []
    assert {fleet["state"] for fleet in demo.summary_of(window).values()} == {"unchanged"}


def test_a_replay_by_hand_reports_what_each_policy_would_have_cost_and_changes_nothing(demo: Demo) -> None:
    demo.stack.cloud.clear_calls()
    span = Window(demo.calendar.today.start_utc - timedelta(hours=6), demo.calendar.today.start_utc)
    times = {"start": f"{span.start_utc:%FT%TZ}", "end": f"{span.end_utc:%FT%TZ}"}
    chosen = {"fleet": "chat-large", **times, "policies": ["target_tracking", "headroom_reactive"]}
    api = demo.stack.airflow.api
    started = api.trigger("replay_policies", parameters=chosen)

    def finished() -> bool:
        return next(run for run in api.runs("replay_policies") if run.run_id == started.run_id).is_finished

    wait_until(finished, "the replay")
    (run,) = api.runs("replay_policies")
    assert run.state == "success"
    (folder,) = (demo.stack.lake_folder / "reports" / "replay" / "chat-large").iterdir()
    found = json.loads((folder / "replay.json").read_text())
    played = {name: policy["status"] for name, policy in found["policies"].items()}
    wanted = ("target_tracking", "headroom_reactive", "oracle_hourly", "oracle")
    assert {name for name, status in played.items() if status == "played"} == set(wanted)
    assert "headroom_reactive" in (folder / "report.html").read_text()
    assert demo.write_calls() == []


def test_a_source_that_does_not_answer_fails_its_fleet_alone_with_its_cause(demo: Demo) -> None:
    window = demo.next_hour()
    demo.stack.cloud.add_fault(
        service="cloudwatch", operation="GetMetricData", match="rerank-prod", status=500, count=None
    )
    try:
        before = demo.request_hour(window)
        wait_until(lambda: demo.runs("extract_utilization", window)[-1].is_finished, "the extraction")
        run = demo.wait_for_hour(window, before)
    finally:
        demo.stack.cloud.clear_faults()
    assert demo.runs("extract_utilization", window)[-1].state == "failed"
    fleets = demo.summary_of(window)
    assert "GetMetricData in us-east-1 did not answer" in fleets["rerank"]["cause"]
    for fleet_id in set(fleets) - {"rerank"}:
        assert fleets[fleet_id]["state"] in {"verified", "unchanged"}
        assert fleets[fleet_id]["cause"] == ""
    assert run.is_finished


def test_a_scheduler_killed_in_the_middle_of_a_run_and_started_again_loses_nothing(demo: Demo) -> None:
    window = demo.next_hour()
    before = demo.request_hour(window)
    wait_until(
        lambda: any(task.state == "running" for run in demo.runs("scale_ahead", window) for task in demo.tasks(run)),
        "a task of scale_ahead under way",
    )
    demo.stack.airflow.kill_scheduler()
    demo.stack.airflow.start_scheduler()
    run = demo.wait_for_hour(window, before)
    assert run.state == "success"
    assert {fleet["state"] for fleet in demo.summary_of(window).values()} <= {"verified", "unchanged"}
