"""The page of pushes in a real browser: what it asks of Airflow, what it says of the answers, and what never runs."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from tests.unit.security.hostile import HOSTILE

from headroom.domain.recent_push import FleetPushes, RecentPush
from headroom.reporting.pushes_page import PushesPage, pushes_policy, render_pushes_page

pytestmark = pytest.mark.integration

PUSH_ID = "chat-large-20261118T0600Z-0a1b2c3d"
API = "/airflow/api/v2/dags/rollback_scaling"
RUNS = f"{API}/dagRuns"
OUTCOME = {
    "state": "dry_run",
    "reasons": [],
    "create": [{"name": "headroom-default-chat-large-20261118T0900Z", "min_instances": 8}],
    "replace": [],
    "delete": ["headroom-default-chat-large-20261118T1000Z"],
}


def push(**other: Any) -> RecentPush:
    known = {
        "push_id": PUSH_ID,
        "moment_utc": datetime(2026, 11, 18, 6, tzinfo=UTC),
        "ended": "verified",
        "created": 2,
        "replaced": 0,
        "deleted": 1,
    }
    return RecentPush(**{**known, **other})


def page_of(*pushes: RecentPush, may_roll_back: bool = True, **other: Any) -> PushesPage:
    fleets = [FleetPushes(fleet_id="chat-large", pushes=pushes)]
    return PushesPage(fleets=fleets, may_roll_back=may_roll_back, **other)


@dataclass
class Airflow:
    """Serves a page as the plugin does, under a prefix, and answers what the page asks of Airflow's API."""

    page: str
    policy: str
    run_states: list[str] = field(default_factory=lambda: ["running", "success"])
    outcome: Any = field(default_factory=lambda: dict(OUTCOME))
    trigger_status: int = 200
    follow_status: int = 200
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        if (method, path) == ("POST", RUNS):
            return self.trigger_status, {"dag_run_id": "manual__1"} if self.trigger_status == 200 else {"detail": "no"}
        if path == f"{RUNS}/manual__1":
            return self.follow_status, {
                "state": self.run_states.pop(0) if len(self.run_states) > 1 else self.run_states[0]
            }
        if path.endswith("/xcomEntries/return_value"):
            return 200, {"value": self.outcome}
        return (200, {"is_paused": True}) if path == API else (404, {"detail": "Not Found"})

    @property
    def started(self) -> list[Any]:
        return [body["conf"] for method, path, body in self.asked if method == "POST"]


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    airflow = Airflow(render_pushes_page(page_of(push())), pushes_policy(may_roll_back=True))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/airflow/headroom/pushes"):
                self._send(200, airflow.page, "text/html; charset=utf-8")
            elif self.path == "/airflow/plugin/headroom-pushes":
                sandbox = "allow-scripts allow-same-origin allow-forms allow-downloads"  # as Airflow 3.3's UI frames it
                frame = f'<iframe id="f" sandbox="{sandbox}" src="/airflow/headroom/pushes" width="900"></iframe>'
                self._send(200, f"<title>Airflow</title>{frame}", "text/html", policy="")
            elif self.path == "/favicon.ico":
                self._send(404, "", "text/plain")
            else:
                status, found = airflow.answer("GET", self.path, None)
                self._send(status, json.dumps(found), "application/json")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"  # which another site's form cannot send
            status, found = airflow.answer("POST", self.path, body)
            self._send(status, json.dumps(found), "application/json")

        def _send(self, status: int, text: str, kind: str, *, policy: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", airflow.policy if policy is None else policy)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    airflow.url = f"http://127.0.0.1:{server.server_port}/airflow"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield airflow
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def opened(page: Page, airflow: Airflow) -> FrameLocator:
    """Open the page as Airflow shows it, in its frame, with the control of the push unfolded."""
    page.goto(f"{airflow.url}/plugin/headroom-pushes", wait_until="load")
    frame = page.frame_locator("#f")
    frame.locator("summary").click()
    return frame


def test_opening_the_page_starts_nothing(page: Page, airflow: Airflow) -> None:
    opened(page, airflow)
    assert airflow.asked == []


def test_showing_starts_a_dry_run_and_tells_what_would_change(page: Page, airflow: Airflow) -> None:
    frame = opened(page, airflow)
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_have_text(
        "Would create headroom-default-chat-large-20261118T0900Z (min 8); "
        "Would delete headroom-default-chat-large-20261118T1000Z."
    )
    assert airflow.started == [{"push_id": PUSH_ID, "dry_run": True, "reason": ""}]
    expect(frame.get_by_role("button", name="Roll back")).to_be_enabled()


def test_rolling_back_wants_a_reason_and_is_not_asked_for_twice(page: Page, airflow: Airflow) -> None:
    airflow.outcome = json.dumps({**OUTCOME, "state": "rolled_back"})
    frame = opened(page, airflow)
    apply = frame.get_by_role("button", name="Roll back")
    apply.click()
    expect(frame.locator("output")).to_contain_text("Say why first")
    assert airflow.asked == []
    frame.get_by_label("Why").fill("  incident 4711 ")
    apply.click()
    expect(frame.locator("output")).to_contain_text("Rolled back. Did create")
    assert airflow.started == [{"push_id": PUSH_ID, "dry_run": False, "reason": "incident 4711"}]
    expect(apply).to_be_disabled()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "Airflow does not let you do this (403)."),
        (401, "You are logged out"),
        (400, 'Airflow answered 400: {"det'),
    ],
)
def test_what_airflow_refuses_is_said(page: Page, airflow: Airflow, status: int, said: str) -> None:
    airflow.trigger_status = status
    frame = opened(page, airflow)
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_contain_text(said)


def test_a_failed_run_is_named_and_a_refused_rollback_says_why(page: Page, airflow: Airflow) -> None:
    airflow.run_states = ["failed"]
    frame = opened(page, airflow)
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_have_text("Run manual__1 was started. It failed: its log in Airflow says why.")
    airflow.run_states, airflow.outcome = ["success"], {**OUTCOME, "state": "refused", "reasons": ["lock: another"]}
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_have_text("Ended as refused. lock: another")


@pytest.mark.parametrize(
    ("status", "said"), [(401, "You are logged out"), (403, "does not let you"), (502, "answered 502")]
)
def test_once_a_run_was_started_nobody_is_told_that_none_was(
    page: Page, airflow: Airflow, status: int, said: str
) -> None:
    airflow.follow_status = status
    frame = opened(page, airflow)
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_contain_text("Run manual__1 was started. ")
    expect(frame.locator("output")).to_contain_text(said)
    expect(frame.locator("output")).not_to_contain_text("Nothing was started")


@pytest.mark.parametrize("outcome", [None, "null"])
def test_a_result_that_is_not_there_is_said(page: Page, airflow: Airflow, outcome: object) -> None:
    airflow.outcome = outcome
    frame = opened(page, airflow)
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_have_text(
        "Run manual__1 was started. It ended well, and left no result: see its log in Airflow."
    )


def test_an_airflow_that_does_not_answer_leaves_open_whether_a_run_was_started(page: Page, airflow: Airflow) -> None:
    frame = opened(page, airflow)
    page.route(f"**{RUNS}", lambda route: route.abort())
    frame.get_by_role("button", name="Show what would change").click()
    expect(frame.locator("output")).to_contain_text("Airflow does not answer (")
    expect(frame.locator("output")).to_contain_text("Whether it started a run, the runs of rollback_scaling say.")
    expect(frame.get_by_role("button", name="Roll back")).to_be_enabled()


def test_without_the_right_there_is_neither_control_nor_script() -> None:
    text = render_pushes_page(page_of(push(), may_roll_back=False))
    assert "<form" not in text
    assert "<script" not in text
    assert "You may look and not roll back" in text
    assert "script-src 'none'" in pushes_policy(may_roll_back=False)
    assert "connect-src" not in pushes_policy(may_roll_back=False)


def test_what_was_rolled_back_has_no_control() -> None:
    text = render_pushes_page(page_of(push(taken_back_by="by ada: too much")))
    assert "<form" not in text
    assert "rolled back by ada: too much" in text


def test_words_of_others_neither_run_nor_ask(page: Page, airflow: Airflow) -> None:
    planted = "<script>fetch('../api/v2/x')</script><img src=x onerror=\"fetch('../api/v2/y')\">"
    names = [name for name in HOSTILE if len(name) < 200 and "\udcff" not in name]
    airflow.page = render_pushes_page(page_of(*(push(why=name, who=name, rolls_back=name) for name in names))).replace(
        "<main>", f"<main>{planted}"
    )
    page.goto(f"{airflow.url}/headroom/pushes", wait_until="load")
    assert page.locator("summary").count() == len(names)
    assert [path for _, path, _ in airflow.asked if path != "/airflow/headroom/x"] == []  # the planted image
