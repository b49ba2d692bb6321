"""Pages of a list, as AWS APIs hand them out: an opaque token says where the next page starts."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from headroom.sandbox.api_protocol import AwsError

Row = TypeVar("Row")


def token_of(*numbers: int) -> str:
    """Return an opaque token for a place."""
    return base64.urlsafe_b64encode(",".join(map(str, numbers)).encode()).decode()


def place_of(token: str, *, code: str, count: int) -> tuple[int, ...]:
    """Return the `count` numbers of a token; AwsError with `code` where it is none of ours."""
    try:
        place = tuple(int(part) for part in base64.urlsafe_b64decode(token.encode()).decode().split(","))
    except (binascii.Error, ValueError) as error:
        raise AwsError(code, "The token is not valid") from error
    if len(place) != count or any(number < 0 for number in place):
        raise AwsError(code, "The token is not valid")
    return place


def page_of(
    rows: Sequence[Row],
    *,
    token: str | None,
    size: int | None,
    default_size: int,
    max_size: int,
    token_error: str = "InvalidNextToken",  # noqa: S107, an error code
    size_error: str = "ValidationError",
) -> tuple[list[Row], str | None]:
    """Return the asked page and the token of the next one; AwsError for a bad token or a page beyond `max_size`."""
    if size is not None and not 1 <= size <= max_size:
        raise AwsError(size_error, f"The page size must lie between 1 and {max_size}, found {size}")
    start = place_of(token, code=token_error, count=1)[0] if token else 0
    stop = start + (size or default_size)
    return list(rows[start:stop]), token_of(stop) if stop < len(rows) else None
