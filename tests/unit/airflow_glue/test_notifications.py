import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from headroom.airflow_glue.notifications import (
    FailureNotifier,
    must_finish_within,
    report_missed_deadline,
    send_alert,
)


class Inbox:
    """A chat room that takes messages over HTTP."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.texts.append(json.loads(body)["text"])
                self.send_response(inbox.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    inbox = Inbox()
    thread = threading.Thread(target=inbox.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()
    thread.join()


def failed_task(*, map_index: int = -1) -> dict[str, object]:
    task = SimpleNamespace(dag_id="scale_ahead", task_id="push_chunk", map_index=map_index)
    return {"task_instance": task, "partition_key": "2026-11-18T05:00:00", "exception": RuntimeError("no answer")}


def test_an_alert_reaches_the_url_that_is_set(inbox: Inbox) -> None:
    assert send_alert("the fleet is on fire", environment={"HEADROOM_ALERT_URL": inbox.url})
    assert inbox.texts == ["the fleet is on fire"]


def test_without_a_url_an_alert_is_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    assert not send_alert("the fleet is on fire", environment={})
    assert "the fleet is on fire" in caplog.text


def test_an_alert_that_cannot_be_delivered_is_logged_and_hides_no_failure(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.status = 500
    assert not send_alert("news", environment={"HEADROOM_ALERT_URL": inbox.url})
    assert "could not be delivered" in caplog.text


def test_only_web_addresses_are_posted_to(caplog: pytest.LogCaptureFixture) -> None:
    assert not send_alert("news", environment={"HEADROOM_ALERT_URL": "file:///etc/passwd"})
    assert "expected an http or https URL" in caplog.text


def test_a_failure_names_task_chunk_window_and_cause(caplog: pytest.LogCaptureFixture) -> None:
    FailureNotifier().notify(failed_task(map_index=2))
    assert "Headroom: scale_ahead.push_chunk[2] failed for 2026-11-18T05:00:00: no answer" in caplog.text


def test_a_failure_of_a_run_by_hand_names_its_param(caplog: pytest.LogCaptureFixture) -> None:
    context = {**failed_task(), "partition_key": None, "params": {"window": "2026-11-17"}, "exception": None}
    FailureNotifier().notify(context)
    assert "scale_ahead.push_chunk failed for 2026-11-17: the task was ended from outside" in caplog.text


def test_a_missed_deadline_names_run_and_limit(caplog: pytest.LogCaptureFixture) -> None:
    report_missed_deadline(minutes=10.0, context={"dag_run": {"dag_id": "settle_days", "dag_run_id": "manual__1"}})
    assert "Headroom: settle_days manual__1 is not done 10 minutes after it was queued" in caplog.text


def test_the_deadline_carries_its_limit_to_the_callback() -> None:
    alert = must_finish_within(timedelta(minutes=70))
    assert alert.interval == timedelta(minutes=70)
    assert alert.callback.kwargs == {"minutes": 70.0}
    assert alert.callback.path == "headroom.airflow_glue.notifications.report_missed_deadline"


def test_an_alert_holds_no_secret_and_mentions_nobody(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    url = f"{inbox.url}?key=plant3d-key-4f9c1d7e"
    text = "<!channel>\nno answer from http://ada:plant3d-pass@h plant3d-key-4f9c1d7e"
    assert send_alert(text, environment={"HEADROOM_ALERT_URL": url})
    assert inbox.texts == ["&lt;!channel&gt; no answer from http://ada:***@h ***"]
    assert "plant3d" not in caplog.text


def test_a_url_that_no_request_can_be_made_of_is_logged_without_its_token(caplog: pytest.LogCaptureFixture) -> None:
    url = "http://127.0.0.1:1/hook/plant3d token-4f9c1d7e"
    assert not send_alert("news", environment={"HEADROOM_ALERT_URL": url})
    assert "could not be delivered" in caplog.text
    assert "token-4f9c1d7e" not in caplog.text


def test_a_redirect_is_not_followed(inbox: Inbox) -> None:
    inbox.status = 302
    assert not send_alert("news", environment={"HEADROOM_ALERT_URL": inbox.url})
    assert inbox.texts == ["news"]
