"""An Airflow Connection for AWS -> the credentials of the running task, by the variables that every AWS client reads.

A task runs in a process of its own, so what is set here is seen by nobody else. Without HEADROOM_AWS_CONN_ID
credentials come the way boto3 finds them.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headroom.airflow_glue.aws_connection_form import fault_of
from headroom.config import ConfigError
from headroom.config.caller import session_name
from headroom.config.secrets import redact

if TYPE_CHECKING:  # DAG files import this module, and boto3 takes half a second
    import boto3

CONNECTION_VARIABLE = "HEADROOM_AWS_CONN_ID"
_REPLACED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""What would tell a client of other credentials."""


def use_aws_connection(_context: Mapping[str, Any] | None = None) -> None:
    """Let the running task act with the Connection that HEADROOM_AWS_CONN_ID names; Airflow calls it before a task.

    ConfigError where there is no such Connection, it cannot be used as it is, or it gives no credentials: a task never
    goes on with others. One that names neither keys nor a profile takes them, for its role too, as boto3 finds them.
    """
    connection_id = os.environ.get(CONNECTION_VARIABLE)
    if connection_id:
        session, endpoint_url = session_of(connection_id)
        set_credentials(os.environ, connection_id, session=session, endpoint_url=endpoint_url)


def session_of(connection_id: str) -> "tuple[boto3.Session, str | None]":
    """Return the Connection's session, its role assumed, and its endpoint_url.

    ConfigError where it is not defined or cannot be used as it is; SourceError where AWS does not let it in.
    """
    # The provider takes seconds to import, and nobody without a Connection needs it.
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: PLC0415
    from airflow.sdk.exceptions import AirflowNotFoundException  # noqa: PLC0415

    hook = AwsBaseHook(aws_conn_id=connection_id, client_type="sts")
    try:
        # asked first: the hook itself goes on with other credentials
        fault = fault_of(hook.get_connection(connection_id))
    except AirflowNotFoundException as error:
        message = (
            f"{CONNECTION_VARIABLE}: there is no Airflow Connection {connection_id!r}, or none that Airflow can read"
        )
        raise ConfigError(message) from error
    if fault is not None:
        raise ConfigError(f"{_named(connection_id)}: {fault}")
    with _naming(connection_id):
        # The role of the Connection, if it has one, is entered under our name; a name of the Connection's own stays.
        hook.conn_config.assume_role_kwargs.setdefault("RoleSessionName", session_name())
        return hook.get_session(), hook.conn_config.endpoint_url


def set_credentials(
    environment: MutableMapping[str, str], connection_id: str, *, session: "boto3.Session", endpoint_url: str | None
) -> None:
    """Put a session's credentials, region and endpoint into `environment`, and take out what speaks of others."""
    with _naming(connection_id):
        credentials = session.get_credentials()
    if credentials is None:
        raise ConfigError(f"{_named(connection_id)} gives no credentials")
    with _naming(connection_id):
        frozen = credentials.get_frozen_credentials()
    for name in _REPLACED:
        environment.pop(name, None)
    environment["AWS_ACCESS_KEY_ID"] = frozen.access_key
    environment["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
    if frozen.token:
        environment["AWS_SESSION_TOKEN"] = frozen.token
    if session.region_name:
        environment["AWS_DEFAULT_REGION"] = session.region_name
    if endpoint_url:
        environment["AWS_ENDPOINT_URL"] = endpoint_url


@contextmanager
def _naming(connection_id: str) -> Iterator[None]:
    """Name the Connection in what goes wrong with it: a SourceError where AWS or the network may answer otherwise."""
    # boto3 takes half a second, and nobody without a Connection needs it.
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, ProfileNotFound  # noqa: PLC0415

    from headroom.extract.errors import SourceError, describe_failure  # noqa: PLC0415, as above

    try:
        yield
    except (ParamValidationError, ProfileNotFound, TypeError, ValueError, LookupError, AttributeError) as error:
        cause = redact(" ".join(str(error).split()))
        raise ConfigError(f"{_named(connection_id)} cannot be used: {type(error).__name__}: {cause}") from error
    except (ClientError, BotoCoreError) as error:
        raise SourceError(f"{_named(connection_id)} was not let in: {describe_failure(error)}") from error


def _named(connection_id: str) -> str:
    return f"{CONNECTION_VARIABLE}: the Airflow Connection {connection_id!r}"
