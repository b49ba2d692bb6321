"""Secrets in texts: which values of an environment are secret, and what looks like one in any text; pure.

Error messages are others' words: an SDK puts the address it could not reach into them, password and all, and AWS the
request it could not verify. So every error of ours, and every cause that is written down, goes through `redact`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

MASK: Final = "***"
SHORTEST_SECRET: Final = 8
"""A shorter value would also be found in words that are none."""
ALERT_URL: Final = "HEADROOM_ALERT_URL"

_SECRET_NAME: Final = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_KEY|APIKEY|CREDENTIALS?|WEBHOOK(?:_URL)?)(?:\d*)$", re.IGNORECASE
)
_SECRET_FIELD: Final = re.compile(r"password|passwd|secret|token|private_key|api_key|access_key$", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z]{0,15}")
"""What a part of a webhook's path may be without being secret, `services` say: our own messages hold such words."""
_USER_INFO: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<secret>[^\s/?#'\"<>]+)@")

_KEY: Final = r"[A-Za-z0-9_.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|signature)"
LOOKS_SECRET: Final = (
    # user:password@ in an address
    r"(?<=://)[^\s/?#'\"<>@]*:[^\s/?#'\"<>]*(?=@)",
    # password=..., ?token=..., X-Amz-Signature=...
    rf"(?i:(?<![A-Za-z0-9]){_KEY})=[^\s&;,'\"<>)]+",
    # "password": "...", as JSON and Python print it
    rf"(?i:['\"]{_KEY}['\"]: ?['\"])[^'\"]+",
    # headers, as AWS repeats them in what it could not verify
    r"(?i:\b(?:authorization|x-amz-security-token|x-api-key)\b['\"]?[:=] ?['\"]?(?:(?:bearer|basic) )?)[^\s'\",;]+",
    r"(?i:\bbearer )[A-Za-z0-9._~+/=-]{12,}",
    # session tokens and the like: no word of ours is that long
    r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{120,}(?![A-Za-z0-9+/=_-])",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)
"""Regular expressions; none spans a line but the last, and each takes time that grows with the text's length alone."""
_LOOKS_SECRET: Final = tuple(re.compile(pattern) for pattern in LOOKS_SECRET)
_SHOWN_KEY: Final = re.compile(
    r"(?i)\A(?:authorization|x-amz-security-token|x-api-key|['\"][\w.-]+['\"]|[\w.-]+)['\"]?\s?[=:]\s?['\"]?"
)


def secrets_of(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values in `environment` that must not be shown: by their variable's name, and passwords in addresses.

    Of HEADROOM_ALERT_URL all but the host and plain words is secret: whoever knows a webhook's path may post to it.
    """
    found: set[str] = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            found.add(value)
        if name == ALERT_URL:
            found |= _parts_of_address(value)
        if name.startswith("AIRFLOW_CONN_"):
            found |= set(_fields_of_connection(value))
        for matched in _USER_INFO.finditer(value):
            user, separator, password = matched["secret"].partition(":")
            found |= {password, unquote(password)} if separator else {user}
    return frozenset(secret for secret in found if len(secret) >= SHORTEST_SECRET)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` with `secrets`, and whatever looks like one, masked; what is masked once stays as it is.

    >>> redact("no answer from http://ada:lovelace1@proxy:3128/?token=abc&page=2")
    'no answer from http://ada:***@proxy:3128/?token=***&page=2'
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(_masked, text)
    return text


def _masked(found: re.Match[str]) -> str:
    """Keep the name of what is masked, so that a reader knows what stood there."""
    shown = _SHOWN_KEY.match(found[0])
    return f"{shown[0] if shown else ''}{MASK}"


def _parts_of_address(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    found = {url}
    for text in (parts.path, parts.query, parts.fragment):
        pieces = {piece for piece in re.split(r"[/&=]", text) if _WORD.fullmatch(piece) is None}
        if pieces:
            found |= {text, *pieces, *map(unquote, pieces)}
    return found


def _fields_of_connection(value: str) -> Iterator[str]:
    """Yield the password, and the secret fields of `extra`, of an Airflow Connection that is written as JSON."""
    try:
        fields = json.loads(value)
    except ValueError:
        return
    if isinstance(fields, dict) and isinstance(fields.get("extra"), str):
        yield from _fields_of_connection(fields["extra"])
    yield from _secret_fields(fields)


def _secret_fields(value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name, field in value.items():
        if isinstance(field, str) and _SECRET_FIELD.search(str(name)):
            yield field
        yield from _secret_fields(field)
