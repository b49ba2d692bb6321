import logging

import boto3
import pytest
from botocore.stub import Stubber
from tests.unit.airflow_glue.alert_inbox import Inbox

from headroom.airflow_glue.channels import ATTEMPTS, Message, Severity, send
from headroom.domain.foreign_text import MOST_CHARACTERS

FIRE = Message(severity=Severity.CRITICAL, text="the fleet is on fire")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:headroom"


class Pauses(list[float]):
    """Notes the pauses instead of making them."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_message_says_how_bad_it_is_what_it_is_and_where_to_go_on() -> None:
    message = Message(
        severity=Severity.WARNING, text="it broke", run_url="http://a/runs/1", runbook="docs/runbook.md#x"
    )
    assert message.lines({}) == [
        "[warning] Headroom: it broke",
        "run: http://a/runs/1",
        "runbook: docs/runbook.md#x",
    ]


def test_a_message_reaches_the_url_that_is_set(inbox: Inbox) -> None:
    assert send(FIRE, environment={"HEADROOM_ALERT_URL": inbox.url})
    assert inbox.texts == ["[critical] Headroom: the fleet is on fire"]


def test_without_a_channel_a_message_is_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    assert not send(FIRE, environment={})
    assert "the fleet is on fire" in caplog.text


def test_a_server_that_is_busy_is_asked_again_after_growing_pauses(inbox: Inbox) -> None:
    inbox.statuses = [503, 429]
    pauses = Pauses()
    assert send(FIRE, environment={"HEADROOM_ALERT_URL": inbox.url}, pause=pauses)
    assert (inbox.texts, pauses) == (["[critical] Headroom: the fleet is on fire"], [1.0, 2.0])


def test_a_server_that_stays_away_is_given_up_after_three_attempts_and_only_its_host_is_logged(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.statuses = [500] * 9
    assert not send(FIRE, environment={"HEADROOM_ALERT_URL": inbox.url}, pause=Pauses())
    assert inbox.requests == ATTEMPTS
    assert "could not be delivered to 127.0.0.1: HTTP 500" in caplog.text
    assert "s3cr3t-token" not in caplog.text


def test_a_refusal_is_not_asked_again(inbox: Inbox) -> None:
    inbox.statuses = [403, 200]
    assert not send(FIRE, environment={"HEADROOM_ALERT_URL": inbox.url}, pause=Pauses())
    assert inbox.requests == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "not a url", "http://[::1", "https://"])
def test_only_web_addresses_are_posted_to(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not send(FIRE, environment={"HEADROOM_ALERT_URL": url}, pause=Pauses())
    assert "expected an http or https URL" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/s3cr3t-token", "http://127.0.0.1:99999/s3cr3t-token", "http://h/a b"]
)
def test_a_host_that_is_not_there_raises_nothing_and_leaks_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not send(FIRE, environment={"HEADROOM_ALERT_URL": url}, pause=Pauses())
    assert "could not be delivered" in caplog.text
    assert "s3cr3t-token" not in caplog.text


def test_a_message_holds_no_secret_and_mentions_nobody(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    cause = "<!channel>\nno answer from http://ada:plant3d-pass@h plant3d-key-4f9c1d7e"
    environment = {"HEADROOM_ALERT_URL": f"{inbox.url}?key=plant3d-key-4f9c1d7e"}
    assert send(Message(severity=Severity.CRITICAL, text=cause, runbook="r#x"), environment=environment)
    assert inbox.texts == [
        "[critical] Headroom: &lt;!channel&gt; no answer from http://ada:***@h ***\nrunbook: r#x",
    ]
    assert "plant3d" not in caplog.text


def test_a_redirect_is_not_followed(inbox: Inbox) -> None:
    inbox.statuses = [302]
    assert not send(FIRE, environment={"HEADROOM_ALERT_URL": inbox.url}, pause=Pauses())
    assert (inbox.requests, inbox.texts) == (1, [])


def test_a_long_cause_is_cut() -> None:
    assert len(Message(severity=Severity.INFO, text="word " * 9000).lines({})[0]) < MOST_CHARACTERS + 50


def test_good_news_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        send(Message(severity=Severity.INFO, text="well again"), environment={})
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_message_is_published_to_the_topic_in_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("sns", region_name="eu-west-1")
    asked: dict[str, object] = {}

    def give(service: str, **options: object) -> object:
        asked.update({"service": service, "region": options["region_name"]})
        return client

    text = "[critical] Headroom: the fleet is on fire"
    with Stubber(client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "1"},
            {
                "TopicArn": TOPIC,
                "Subject": text,
                "Message": text,
                "MessageAttributes": {"severity": {"DataType": "String", "StringValue": "critical"}},
            },
        )
        monkeypatch.setattr(boto3, "client", give)
        assert send(FIRE, environment={"HEADROOM_ALERT_SNS_TOPIC": TOPIC})
    assert asked == {"service": "sns", "region": "eu-west-1"}


@pytest.mark.parametrize("topic", ["headroom", f"{TOPIC}.fifo"])
def test_what_is_no_topic_for_people_is_named(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not send(FIRE, environment={"HEADROOM_ALERT_SNS_TOPIC": topic})
    assert "HEADROOM_ALERT_SNS_TOPIC: expected a topic's ARN" in caplog.text


def test_an_endpoint_that_is_none_is_logged_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost")
    assert not send(FIRE, environment={"HEADROOM_ALERT_SNS_TOPIC": TOPIC})
    assert f"the alert could not be published to {TOPIC}: Invalid endpoint: localhost" in caplog.text


def test_one_channel_that_fails_keeps_the_other_from_nothing(inbox: Inbox) -> None:
    both = {"HEADROOM_ALERT_URL": inbox.url, "HEADROOM_ALERT_SNS_TOPIC": "headroom"}
    assert not send(FIRE, environment=both)
    assert len(inbox.texts) == 1
