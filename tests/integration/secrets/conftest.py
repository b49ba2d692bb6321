"""A team's Airflow with secrets planted everywhere a user puts one, played through good hours and failing ones."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from rich.console import Console
from tests.integration.end_to_end.demo_under_test import Demo, starts_at, wait_until
from tests.integration.needed_servers import require_servers

from headroom.config import load_fleets
from headroom.domain.fleet import Mode
from headroom.domain.secrets import secrets_of
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import AirflowApi, TaskRun
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_run import bring_up, read_summary, run_chain
from headroom.sandbox.local_stack import DEMO_CONFIG
from headroom.sandbox.process_group import session_members
from headroom.sandbox.team_stack import TeamStack

HISTORY_DAYS, BACKFILLED_DAYS = 15, 1
APPROVED_FLEET = "vision-batch"


def planted(what: str) -> str:
    return f"plant3d-{what}-4f9c1d7e"


SAID_BY_THE_CLOUD = (
    f"cannot verify http://ada:{planted('endpoint')}@proxy.example:3128/?X-Amz-Signature={planted('signature')} "
    f"x-amz-security-token:{planted('header')}"
)
PASSWORDS = {name: planted(f"password-of-{name}") for name in ("viewer", "user")}
IN_ERRORS = {planted("endpoint"), planted("signature"), planted("header")}


@dataclass
class Played:
    """What was played, and what each person got who asked for something."""

    demo: Demo
    stack: TeamStack
    secrets: set[str]
    alerts: list[str]
    refused: dict[str, int] = field(default_factory=dict)
    writes_of_the_refused: list[dict[str, Any]] = field(default_factory=list)
    writes_of_the_approved: list[dict[str, Any]] = field(default_factory=list)
    approved_by: list[str] = field(default_factory=list)
    actions_before: list[str] = field(default_factory=list)
    actions_after: list[str] = field(default_factory=list)
    command_lines: list[str] = field(default_factory=list)


@contextmanager
def chat_room() -> Iterator[tuple[str, list[str]]]:
    """A webhook that reads every message and then fails."""
    texts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/{planted('hook')}?key={planted('query')}", texts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="package")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    require_servers()
    folder = tmp_path_factory.mktemp("secrets")
    config = folder / "config"
    shutil.copytree(DEMO_CONFIG, config)
    with pytest.MonkeyPatch.context() as patch, chat_room() as (hook, alerts):
        patch.setenv("HEADROOM_ALERT_URL", hook)
        patch.setenv("PAGER_API_TOKEN", planted("token"))
        patch.setenv("HTTP_BASIC_ADDRESS", f"https://ada:{planted('address')}@host.example/")
        extra = json.dumps({"aws_session_token": planted("extra"), "region_name": "us-east-1"})
        connection = {"conn_type": "aws", "login": "AKIAEXAMPLE", "password": planted("connection"), "extra": extra}
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        stack = TeamStack(folder / "stack", config_folder=config)
        environment = stack.airflow._environment  # noqa: SLF001, what its processes are given
        environment["AWS_SECRET_ACCESS_KEY"] = planted("aws-key")
        environment["AWS_SESSION_TOKEN"] = planted("aws-session")
        # The temporary folder, the hook's words and so on are in every log by right.
        ours = {secret for secret in secrets_of(environment) if secret not in ("hook", urlsplit(hook).path)}
        secrets = {*ours, *IN_ERRORS, stack.airflow.password}
        try:
            played = _play(stack, config, secrets, alerts)
            yield played
        finally:
            stack.stop()


def _play(stack: TeamStack, config: Path, secrets: set[str], alerts: list[str]) -> Played:
    calendar = bring_up(stack, Display(Console()), history_days=HISTORY_DAYS, backfilled_days=BACKFILLED_DAYS)
    admin = Person(stack.airflow.api)
    stored = {"password": planted("stored"), "extra": json.dumps({"api_key": planted("stored-extra")})}
    assert admin.ask("POST", "/api/v2/connections", connection_id="bills", conn_type="http", **stored) == 201
    for name in ("viewer", "user"):
        person = {"username": name, "email": f"{name}@example.invalid", "first_name": name, "last_name": "Tester"}
        made = admin.ask(
            "POST", "/auth/fab/v1/users", **person, password=PASSWORDS[name], roles=[{"name": name.capitalize()}]
        )
        assert made in (200, 201)
    run_chain(stack, Display(Console()), calendar)
    fleets = {fleet.id: fleet for fleet in load_fleets(config / "fleets.yaml")}
    demo = Demo(stack, calendar, read_summary(stack, calendar), fleets)
    played = Played(demo, stack, {*secrets, *stored.values(), *PASSWORDS.values(), planted("stored-extra")}, alerts)
    _play_an_hour_with_an_approval(played)
    demo.set_mode(APPROVED_FLEET, Mode.AUTO)  # nobody answers a question of the next hour
    _play_failures(played)
    played.command_lines = [
        " ".join(process.cmdline()) for session in stack.sessions().values() for process in session_members(session)
    ]
    return played


class Person:
    """Somebody who asks Airflow's API."""

    def __init__(self, api: AirflowApi) -> None:
        self._url, self._token = api.url, api.token()

    def ask(self, method: str, path: str, **body: Any) -> int:
        """Return the status of a request."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {self._token}"}
            return session.request(method, f"{self._url}{path}", json=body, headers=headers, timeout=30).status_code


def _play_an_hour_with_an_approval(played: Played) -> None:
    """A fleet waits for an answer: a viewer tries everything that writes, then a user approves."""
    demo, cloud = played.demo, played.stack.cloud
    demo.set_mode(APPROVED_FLEET, Mode.APPROVE)
    latest = max(demo.actions_at(demo.fleets[APPROVED_FLEET]), key=starts_at)["ScheduledActionName"]
    cloud.client("autoscaling").delete_scheduled_action(AutoScalingGroupName=APPROVED_FLEET, ScheduledActionName=latest)
    window = demo.next_hour()
    api = played.stack.airflow.api
    demo.request_hour(window)
    wait_until(lambda: bool(api.open_approvals()), "a request for approval")
    wait_until(lambda: demo.summary_exists(window), "the other fleets' pushes")
    persons = {name: AirflowApi(api.url, user=name, password=PASSWORDS[name]) for name in ("viewer", "user")}
    cloud.clear_calls()
    played.refused = _everything_that_writes(Person(persons["viewer"]), played)
    played.writes_of_the_refused = demo.write_calls()
    played.actions_before = _actions_of_the_approved_fleet(demo)

    def approve_until_the_run_ends() -> bool:
        # An answer within a second of the question can be lost by Airflow 3.3: the task then asks anew.
        for asked in api.open_approvals():
            instance = asked["task_instance"]
            task = TaskRun(task_id=instance["task_id"], map_index=instance["map_index"], state=None)
            persons["user"].answer_approval(demo.runs("scale_ahead", window)[-1], task, choice="Approve")
        return demo.runs("scale_ahead", window)[-1].is_finished

    wait_until(approve_until_the_run_ends, "the run after its approval")
    files = played.stack.lake_files
    names = [path for path in files.list(f"ledger/fleet={APPROVED_FLEET}") if path.endswith("-approved.json")]
    played.approved_by = [json.loads(files.read_bytes(path))["detail"]["approved_by"] for path in names]
    played.writes_of_the_approved = demo.write_calls()
    played.actions_after = _actions_of_the_approved_fleet(demo)


def _actions_of_the_approved_fleet(demo: Demo) -> list[str]:
    """Return the names of the fleet's actions: the call log does not say whom a scaling call was about."""
    return sorted(action["ScheduledActionName"] for action in demo.actions_at(demo.fleets[APPROVED_FLEET]))


def _everything_that_writes(person: Person, played: Played) -> dict[str, int]:
    (asked, *_) = played.stack.airflow.api.open_approvals()
    instance = asked["task_instance"]
    run = f"/api/v2/dags/scale_ahead/dagRuns/{instance['dag_run_id']}"
    push_id = _newest_push(played)
    window = f"{played.demo.calendar.live_hour.start_utc.isoformat()}"
    return {
        "approve": person.ask(
            "PATCH",
            f"{run}/taskInstances/{instance['task_id']}/{instance['map_index']}/hitlDetails",
            chosen_options=["Approve"],
            params_input={},
        ),
        "roll back": person.ask(
            "POST",
            "/api/v2/dags/rollback_scaling/dagRuns",
            logical_date=None,
            conf={"push_id": push_id, "dry_run": False},
        ),
        "push": person.ask("POST", "/api/v2/dags/scale_ahead/dagRuns", logical_date=None, conf={"window": window}),
        "push again": person.ask("POST", f"{run}/clear", dry_run=False),
        "pause": person.ask("PATCH", "/api/v2/dags/scale_ahead", is_paused=True),
    }


def _newest_push(played: Played) -> str:
    paths = played.stack.lake_files.list(f"ledger/fleet={APPROVED_FLEET}")
    return max(path.split("push=")[1].split("/")[0] for path in paths if "push=" in path)


def _play_failures(played: Played) -> None:
    """A source that quotes secrets, a lake that quotes them into a traceback, a rollback of nothing; alerts fail."""
    demo, cloud, api = played.demo, played.stack.cloud, played.stack.airflow.api
    window = demo.next_hour()
    said = {"status": 403, "message": SAID_BY_THE_CLOUD, "count": None}
    cloud.add_fault(service="cloudwatch", operation="GetMetricData", match="rerank-prod", **said)
    before = demo.request_hour(window)
    wait_until(lambda: demo.runs("extract_utilization", window)[-1].is_finished, "the extraction")
    demo.wait_for_hour(window, before)
    cloud.clear_faults()
    cloud.add_fault(service="s3", operation="PutObject", match="/raw/spot_price/", **said)
    run = api.trigger("extract_spot_prices", key=window_key(window))
    rollback = api.trigger("rollback_scaling", parameters={"push_id": "rerank-20200101T0000Z-00000000"})

    def has_failed_once() -> bool:
        return any(task.state in ("up_for_retry", "failed") for task in demo.tasks(run))

    wait_until(has_failed_once, "a traceback")
    cloud.clear_faults()
    wait_until(lambda: all(one.is_finished for one in api.runs("rollback_scaling")), f"the end of {rollback.run_id}")
