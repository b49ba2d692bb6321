"""Where messages to people go: the log, a URL that takes {"text": ...}, an SNS topic; bounded in time, never raising.

HEADROOM_ALERT_URL takes what Slack, Mattermost, Teams workflows and most alert routers accept. HEADROOM_ALERT_SNS_TOPIC
is a topic's ARN. A URL may hold a token: only its host is ever logged. Secrets are masked; names and causes can neither
mention, link nor format anything where they are read.
"""

import http.client
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from headroom.config.secrets import redact
from headroom.domain.foreign_text import MOST_CHARACTERS, chat_text, one_line
from headroom.domain.secrets import ALERT_URL as URL_VARIABLE

TOPIC_VARIABLE = "HEADROOM_ALERT_SNS_TOPIC"
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
"""Three attempts of at most this long, pauses of one and two seconds between them: 18 seconds at the most."""

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:(?P<region>[a-z0-9-]+):\d{12}:[\w-]{1,256}")
"""No FIFO topic: it would want each message in a group, and reaches nobody but queues."""
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

log = logging.getLogger(__name__)


class Severity(StrEnum):
    """How much it matters now."""

    CRITICAL = "critical"
    """Capacity may not come: somebody looks within the hour."""
    WARNING = "warning"
    """Looked at during the day."""
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said: `text` in a line or few, `run_url` and `runbook` where to go on."""

    severity: Severity
    text: str
    run_url: str = ""
    runbook: str = ""

    def lines(self, environment: Mapping[str, str] = os.environ) -> list[str]:
        """Return what is said, then where to go on, a line each, secrets masked and nothing in them unseen."""
        text = one_line(redact(self.text, environment))
        cut = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"
        places = (("run", self.run_url), ("runbook", self.runbook))
        return [
            f"[{self.severity}] Headroom: {cut}",
            *(f"{name}: {one_line(place)}" for name, place in places if place),
        ]


class _NoRedirects(HTTPRedirectHandler):
    """A redirected POST would arrive elsewhere, as a GET without its message."""

    def redirect_request(self, *_: object) -> None:
        """Follow none: the answer becomes an HTTPError."""


def send(
    message: Message,
    *,
    environment: Mapping[str, str] = os.environ,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Log the message and send it to every channel that is set; return whether all of them took it.

    What cannot be delivered is logged and never raised: it must not hide the failure it is about.
    """
    lines = message.lines(environment)
    log.log(logging.INFO if message.severity is Severity.INFO else logging.ERROR, "alert: %s", "; ".join(lines))
    delivered = []
    if url := environment.get(URL_VARIABLE):
        delivered.append(_post(url, "\n".join(map(chat_text, lines)), pause))
    if topic := environment.get(TOPIC_VARIABLE):
        delivered.append(_publish(topic, "\n".join(lines), message.severity))
    return bool(delivered) and all(delivered)


def _post(url: str, text: str, pause: Callable[[float], None]) -> bool:
    host = _host_of(url)
    if host is None:
        log.error("%s: expected an http or https URL", URL_VARIABLE)
        return False
    body = json.dumps({"text": text}).encode()
    request = Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310, _host_of checks the scheme
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS):
                return True
        except HTTPError as error:
            why = f"HTTP {error.code}"
            if error.code not in _TRY_AGAIN:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Not its text, which may quote the URL.
            why = type(error).__name__
    log.error("the alert could not be delivered to %s: %s", host, why)
    return False


def _host_of(url: str) -> str | None:
    """Return the host of a web address, None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None


def _publish(topic: str, text: str, severity: Severity) -> bool:
    match = _TOPIC.fullmatch(topic)
    if match is None:
        log.error("%s: expected a topic's ARN such as arn:aws:sns:us-east-1:123456789012:headroom", TOPIC_VARIABLE)
        return False
    import boto3  # noqa: PLC0415, half a second that only an alert has to pay
    from botocore.config import Config  # noqa: PLC0415, as above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415, as above

    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries=retries)
    subject = text.splitlines()[0].encode("ascii", "replace").decode()[:100]
    try:
        boto3.client("sns", region_name=match["region"], config=config).publish(
            TopicArn=topic,
            Subject=subject,
            Message=text,
            MessageAttributes={"severity": {"DataType": "String", "StringValue": str(severity)}},
        )
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an AWS_ENDPOINT_URL that is none
        log.error("the alert could not be published to %s: %s", topic, one_line(redact(error)))  # noqa: TRY400, one line will do
        return False
    return True
