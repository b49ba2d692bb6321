"""An hour in which a person is asked about every fleet, answered in every way there is, and one nobody answers."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import requests
from playwright.sync_api import Page
from tests.chromium import headless_chromium
from tests.integration.end_to_end.demo_under_test import SERVICES, Demo, starts_at, wait_until

from headroom.airflow_glue.approval import ANSWER_VARIABLE
from headroom.config.settings import PROJECT_ROOT
from headroom.domain.fleet import Fleet, Mode, TargetKind
from headroom.domain.window import Window
from headroom.sandbox.airflow_api import AirflowApiError, DagRun, TaskRun
from headroom.sandbox.airflow_process import USER

IN_THE_UI, OVERTAKEN, REJECTED, EDITED = "chat-large", "vision-batch", "rerank", "embed-search"
"""Approved in a browser; approved after somebody else's action had come; rejected; approved after its owner's edit."""
SECONDS_TO_ANSWER = 15
UI_MILLISECONDS = 60_000.0
UI_NOTE = "seen with search"


@dataclass
class Played:
    """What was asked, and what had come of each answer when it was given."""

    demo: Demo
    window: Window
    first: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each fleet's first request, as Airflow describes it."""
    again: dict[str, dict[str, Any]] = field(default_factory=dict)
    page_text: str = ""
    """What the browser showed of the request that was approved in it."""
    writes_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The calls that wrote between an answer and what came of it, by fleet."""
    standing_of: dict[str, set[str]] = field(default_factory=dict)
    """Names of the actions that stood when the hour's run had ended, by fleet."""
    state: str = ""
    unanswered: Window | None = None
    unanswered_writes: list[dict[str, Any]] = field(default_factory=list)
    unanswered_state: str = ""


def play(demo: Demo) -> Played:
    """Play both hours; leave every fleet in mode auto and none paused."""
    for fleet in demo.fleets.values():
        demo.set_mode(fleet.id, Mode.APPROVE)
        delete_latest(demo, fleet)  # so that there is something to push
    window = demo.next_hour()
    before = demo.request_hour(window)
    played = Played(demo, window)
    wait_until(lambda: len(requests_by_fleet(demo)) == len(demo.fleets), "a request about every fleet")
    wait_until(lambda: demo.summary_exists(window), "the run's report")
    played.first = requests_by_fleet(demo)
    _reject(played)
    _approve_what_moved(played)
    _approve_in_the_ui(played)
    for fleet_id in played.again:
        answer(demo, fleet_id, "Approve", until=lambda of=fleet_id: last_state(demo, of) == "verified")
    played.state = demo.wait_for_hour(window, before).state
    played.standing_of = {fleet.id: names_at(demo, fleet) for fleet in demo.fleets.values()}
    _confirm(demo, EDITED)
    for fleet in demo.fleets.values():
        demo.set_mode(fleet.id, Mode.APPROVE if fleet.id == OVERTAKEN else Mode.AUTO)
    _leave_unanswered(played)
    demo.set_mode(OVERTAKEN, Mode.AUTO)
    return played


def _reject(played: Played) -> None:
    demo = played.demo
    demo.stack.cloud.clear_calls()
    answer(demo, REJECTED, "Reject", note="a load test runs", until=lambda: last_state(demo, REJECTED) == "rejected")
    played.writes_of[REJECTED] = demo.write_calls()


def _approve_what_moved(played: Played) -> None:
    demo = played.demo
    edit_bounds(demo, demo.fleets[EDITED])
    add_somebody_elses_action(demo, demo.fleets[OVERTAKEN])
    for fleet_id in (EDITED, OVERTAKEN):
        demo.stack.cloud.clear_calls()
        answer(demo, fleet_id, "Approve", until=lambda of=fleet_id: is_asked_again(demo, of))
        played.writes_of[fleet_id] = demo.write_calls()
        played.again[fleet_id] = requests_by_fleet(demo)[fleet_id]


def _approve_in_the_ui(played: Played) -> None:
    demo = played.demo
    demo.stack.cloud.clear_calls()
    with headless_chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(UI_MILLISECONDS)
        played.page_text = approve_in_the_ui(page, demo, played.first[IN_THE_UI])
    wait_until(lambda: last_state(demo, IN_THE_UI) == "verified", "the push that was approved in the browser")
    played.writes_of[IN_THE_UI] = demo.write_calls()


def _leave_unanswered(played: Played) -> None:
    demo = played.demo
    set_variable(demo, ANSWER_VARIABLE, str(SECONDS_TO_ANSWER / 60))
    delete_latest(demo, demo.fleets[OVERTAKEN])
    window = played.unanswered = demo.next_hour()
    before = demo.request_hour(window)
    wait_until(lambda: OVERTAKEN in requests_by_fleet(demo), "a request that nobody answers")
    wait_until(lambda: demo.summary_exists(window), "the other fleets' pushes")
    demo.stack.cloud.clear_calls()
    played.unanswered_state = demo.wait_for_hour(window, before).state
    played.unanswered_writes = demo.write_calls()


def approve_in_the_ui(page: Page, demo: Demo, request: dict[str, Any]) -> str:
    """Log in, find the request, open it, say why and press Approve; return what the page showed of it."""
    airflow, task = demo.stack.airflow, request["task_instance"]
    page.goto(f"{airflow.url}/required_actions")
    page.fill("input[name=username]", USER)
    page.fill("input[name=password]", airflow.password)
    page.locator("button[type=submit]").click()
    page.get_by_text(request["subject"]).first.wait_for()
    run = f"{airflow.url}/dags/{task['dag_id']}/runs/{quote(task['dag_run_id'], safe='')}"
    page.goto(f"{run}/tasks/{task['task_id']}/mapped/{task['map_index']}/required_actions")
    approve = page.get_by_test_id("hitl-option-Approve")
    approve.wait_for()
    shown = page.inner_text("body")
    page.locator("#element_note").fill(UI_NOTE)
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as told:
        approve.click()
    assert told.value.ok, told.value.text()
    return shown


def requests_by_fleet(demo: Demo) -> dict[str, dict[str, Any]]:
    """Return the open requests, by fleet."""
    found = {}
    for request in demo.stack.airflow.api.open_approvals():
        fleet_id = next(fleet_id for fleet_id in demo.fleets if f" {fleet_id}?" in request["subject"])
        found[fleet_id] = request
    return found


def is_asked_again(demo: Demo, fleet_id: str) -> bool:
    """Whether the second request about a fleet is open."""
    return requests_by_fleet(demo).get(fleet_id, {}).get("subject", "").startswith("Asked again")


def answer(demo: Demo, fleet_id: str, choice: str, *, until: Callable[[], bool], note: str = "") -> None:
    """Answer the open request about a fleet, and wait for what is to come of it."""
    api = demo.stack.airflow.api
    task_id = requests_by_fleet(demo)[fleet_id]["task_instance"]["task_id"]

    def answered() -> bool:
        # An answer within a second of the question can be lost by Airflow 3.3: the task then asks anew.
        request = requests_by_fleet(demo).get(fleet_id)
        if request is not None and request["task_instance"]["task_id"] == task_id:
            instance = request["task_instance"]
            run = DagRun(dag_id=instance["dag_id"], run_id=instance["dag_run_id"], key=None, state="running")
            task = TaskRun(task_id=task_id, map_index=instance["map_index"], state=None)
            with suppress(AirflowApiError):  # answered already, and not yet closed
                api.answer_approval(run, task, choice=choice, note=note)
        return until()

    wait_until(answered, f"what comes of {choice} for {fleet_id}")


def last_state(demo: Demo, fleet_id: str) -> str:
    """Return the newest state in a fleet's ledger."""
    return str(demo.ledger_events(fleet_id)[-1]["state"])


def names_at(demo: Demo, fleet: Fleet) -> set[str]:
    """Return the names of the actions that stand at a fleet's target."""
    return {action["ScheduledActionName"] for action in demo.actions_at(fleet)}


def resource_of(fleet: Fleet) -> dict[str, str]:
    """Return how Application Auto Scaling names a fleet's target."""
    service, (parent, name) = SERVICES[fleet.target.kind], fleet.target.name.split("/")
    if service == "ecs":
        resource, dimension = f"service/{parent}/{name}", "ecs:service:DesiredCount"
    else:
        resource, dimension = f"endpoint/{parent}/variant/{name}", "sagemaker:variant:DesiredInstanceCount"
    return {"ServiceNamespace": service, "ResourceId": resource, "ScalableDimension": dimension}


def delete_latest(demo: Demo, fleet: Fleet) -> None:
    """Delete the latest of the actions at a fleet's target, as somebody may by hand."""
    latest = max(demo.actions_at(fleet), key=starts_at)["ScheduledActionName"]
    cloud = demo.stack.cloud
    if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
        cloud.client("autoscaling").delete_scheduled_action(
            AutoScalingGroupName=fleet.target.name, ScheduledActionName=latest
        )
    else:
        cloud.client("application-autoscaling").delete_scheduled_action(
            ScheduledActionName=latest, **resource_of(fleet)
        )


def edit_bounds(demo: Demo, fleet: Fleet) -> None:
    """Raise the maximum at a scalable target by one, as its owner may."""
    client, resource = demo.stack.cloud.client("application-autoscaling"), resource_of(fleet)
    (target,) = client.describe_scalable_targets(
        ServiceNamespace=resource["ServiceNamespace"], ResourceIds=[resource["ResourceId"]]
    )["ScalableTargets"]
    client.register_scalable_target(
        **resource, MinCapacity=target["MinCapacity"], MaxCapacity=target["MaxCapacity"] + 1
    )


def add_somebody_elses_action(demo: Demo, fleet: Fleet) -> None:
    """Put an action of the owner's at an Auto Scaling group, which takes nothing from ours."""
    client = demo.stack.cloud.client("autoscaling")
    (found,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet.target.name])["AutoScalingGroups"]
    client.put_scheduled_update_group_action(
        AutoScalingGroupName=fleet.target.name,
        ScheduledActionName="owner-launch",
        StartTime=demo.stack.cloud.clock() + timedelta(hours=5, minutes=17),
        MaxSize=found["MaxSize"],
    )


def set_variable(demo: Demo, key: str, value: str) -> None:
    """Set an Airflow Variable, as in the UI."""
    api = demo.stack.airflow.api
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {api.token()}"}
        body = {"key": key, "value": value}
        answer = session.post(f"{api.url}/api/v2/variables", json=body, headers=headers, timeout=30)
    assert answer.ok, answer.text


def _confirm(demo: Demo, fleet_id: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "headroom.cli", "confirm", fleet_id, "--by", "ada"],
        cwd=PROJECT_ROOT,
        env=demo.stack.environment,
        check=True,
        capture_output=True,
    )
