"""The one error of talking to a scaling target, and the place where botocore's errors become it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from headroom.config.secrets import redact


class ActuationError(RuntimeError):
    """A scaling target cannot be read or changed; the message says which call failed, for what, and why.

    `code` is AWS's error code, or the name of the connection error where no answer came; `request_id` is AWS's own of
    the call, empty where no answer came.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(redact(message))
        self.code = code
        self.request_id = request_id


class NoSuchPushError(ActuationError, LookupError):
    """There is no push of that id: asking again would find none either."""


@contextmanager
def cloud_call(operation: str, subject: str) -> Iterator[None]:
    """Turn what botocore raises inside the block, its own retries spent, into ActuationError with the cause."""
    try:
        yield
    except ClientError as error:
        fault = error.response.get("Error", {})
        code = str(fault.get("Code", "unknown"))
        raise ActuationError(
            f"{operation} of {subject}: {code}: {fault.get('Message', '')}",
            code=code,
            request_id=request_id_of(error.response),
        ) from error
    except BotoCoreError as error:
        raise ActuationError(f"{operation} of {subject}: no answer: {error}", code=type(error).__name__) from error


def request_id_of(answer: Mapping[str, Any]) -> str:
    """Return AWS's id of the request that a botocore response answers, a refusal's too; empty where it names none."""
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
