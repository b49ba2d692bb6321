"""An Airflow Connection for AWS -> the credentials of the running task, by the variables that every AWS client reads.

A task runs in a process of its own, so what is set here is seen by nobody else. Without HEADROOM_AWS_CONN_ID
credentials come the way boto3 finds them.
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from headroom.config import ConfigError
from headroom.config.caller import session_name

if TYPE_CHECKING:  # DAG files import this module, and boto3 takes half a second
    import boto3

CONNECTION_VARIABLE = "HEADROOM_AWS_CONN_ID"
_REPLACED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""What would tell a client of other credentials."""


def use_aws_connection(_context: Mapping[str, Any] | None = None) -> None:
    """Let the running task act with the Connection that HEADROOM_AWS_CONN_ID names; Airflow calls it before a task.

    ConfigError where there is no such Connection, or it gives no credentials: a task never goes on with others.
    """
    connection_id = os.environ.get(CONNECTION_VARIABLE)
    if connection_id:
        session, endpoint_url = session_of(connection_id)
        set_credentials(os.environ, connection_id, session=session, endpoint_url=endpoint_url)


def session_of(connection_id: str) -> "tuple[boto3.Session, str | None]":
    """Return the Connection's session, its role assumed, and its endpoint_url; ConfigError where it is not defined."""
    # The provider takes seconds to import, and nobody without a Connection needs it.
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: PLC0415
    from airflow.sdk.exceptions import AirflowNotFoundException  # noqa: PLC0415

    hook = AwsBaseHook(aws_conn_id=connection_id, client_type="sts")
    try:
        hook.get_connection(connection_id)  # asked first: the hook itself goes on with other credentials
    except AirflowNotFoundException as error:
        raise ConfigError(f"{CONNECTION_VARIABLE}: there is no Airflow Connection {connection_id!r}") from error
    # The role of the Connection, if it has one, is entered under our name; a name of the Connection's own stays.
    hook.conn_config.assume_role_kwargs.setdefault("RoleSessionName", session_name())
    return hook.get_session(), hook.conn_config.endpoint_url


def set_credentials(
    environment: MutableMapping[str, str], connection_id: str, *, session: "boto3.Session", endpoint_url: str | None
) -> None:
    """Put a session's credentials, region and endpoint into `environment`, and take out what speaks of others."""
    credentials = session.get_credentials()
    if credentials is None:
        raise ConfigError(f"{CONNECTION_VARIABLE}: the Airflow Connection {connection_id!r} gives no credentials")
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
