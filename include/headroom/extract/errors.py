"""What a source's failure looks like to the rest: one error whose message says which source, and why."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from headroom.config.secrets import redact

THROTTLING_CODES = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    },
)
"""Error codes that mean "too fast" (botocore.retries.standard.ThrottledRetryableChecker, botocore 1.44.5)."""


CLOUD_ERRORS = (BotoCoreError, ClientError)
"""What botocore raises, for the edge of the program that names no single source."""


class SourceError(RuntimeError):
    """A source that did not answer or answered nonsense, after retries; the message says which source and why."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class BadExport(SourceError):  # noqa: N818, reads as what was found
    """A billing export that cannot be read as it is; the message names file, column and what was expected.

    `key` is the file's key in the export's bucket where there is a file to keep for looking into (`fetch_file`).
    """

    key: str | None = None


def describe_failure(error: ClientError | BotoCoreError) -> str:
    """Return in one line what AWS or the network said: `AccessDenied (HTTP 403): User ... is not authorized ...`."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = said.get("Code", "an error without code")
        message = redact(" ".join(str(said.get("Message", "")).split()))
        return f"{code}{f' (HTTP {status})' if status else ''}: {message}"
    return f"{type(error).__name__}: {redact(' '.join(str(error).split()))}"


def is_refusal(error: ClientError | BotoCoreError) -> bool:
    """Return whether the request itself was refused (not permitted, not valid), so another one may succeed."""
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return 400 <= status < 500 and error.response.get("Error", {}).get("Code") not in THROTTLING_CODES


@contextmanager
def answering(source: str) -> Iterator[None]:
    """Turn what botocore raises, its own retries being over, into a SourceError that names `source`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise SourceError(f"{source} did not answer: {describe_failure(error)}") from error
