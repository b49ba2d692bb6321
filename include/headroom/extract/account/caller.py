"""Who our credentials are in a place, and the cloud's clock there: the first question that is put to any place."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from headroom.domain.account import Caller, Identity
from headroom.extract.clients import Clients
from headroom.extract.cloud_clock import date_of
from headroom.extract.errors import SourceError, describe_failure

_ASSUMED: Final = re.compile(r"arn:(?P<partition>[\w-]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")


def read_caller(clients: Clients, *, region: str, account: str | None = None) -> Caller:
    """Return who we are in an account, asked in a region; what STS refuses or leaves unanswered is in `cause`."""
    try:
        answer = clients.client("sts", region=region, account=account).get_caller_identity()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        return Caller(cloud_utc=_clock(error.response), cause=describe_failure(error), error_code=code)
    except BotoCoreError as error:
        return Caller(cause=describe_failure(error), error_code=type(error).__name__)
    except SourceError as error:
        return Caller(cause=str(error), error_code=_code_behind(error))
    arn = str(answer["Arn"])
    identity = Identity(account=str(answer["Account"]), arn=arn, principal_arn=principal_of(arn))
    return Caller(identity=identity, cloud_utc=_clock(answer))


def _code_behind(error: SourceError) -> str:
    """Return the code of what botocore raised while the account was entered, else the SourceError's own name."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return str(cause.response.get("Error", {}).get("Code", ""))
    return type(cause if isinstance(cause, BotoCoreError) else error).__name__


def principal_of(arn: str) -> str | None:
    """Return the role or user that IAM's simulator knows; None for the account's root.

    A role's path is not in the ARN of its session, so a role with one is not found by the simulator.

    >>> principal_of("arn:aws:sts::123456789012:assumed-role/headroom-read/worker")
    'arn:aws:iam::123456789012:role/headroom-read'
    """
    assumed = _ASSUMED.fullmatch(arn)
    if assumed is not None:
        return f"arn:{assumed['partition']}:iam::{assumed['account']}:role/{assumed['role']}"
    return arn if ":user/" in arn else None


def _clock(response: Mapping[str, Any]) -> datetime | None:
    try:
        return date_of(response)
    except ValueError:
        return None
