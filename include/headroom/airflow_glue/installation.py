"""`python -m headroom.airflow_glue.installation`: what Airflow says of itself, as JSON, for `headroom doctor`.

In a process of its own, since importing Airflow takes seconds and sets up logging. No URL and no credential leaves it.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

CONNECT_TIMEOUT_SECONDS = 10


def main() -> int:
    """Print the settings that the doctor looks at; everything that Airflow itself prints goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        setting = _setting()
    sys.stdout.write(json.dumps(setting) + "\n")
    return 0


def _setting() -> dict[str, Any]:
    from airflow.configuration import conf  # noqa: PLC0415, its import prints

    url = conf.get("database", "sql_alchemy_conn")
    database_error = _database_error(url)
    if not database_error:
        # Airflow looks Connections up in its database only where it takes a process for one of its own (3.3.2).
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    setting = {
        "executor": conf.get("core", "executor"),
        "database": make_url(url).get_backend_name(),
        "database_error": database_error,
        "dags_folder": conf.get("core", "dags_folder"),
        "plugins_folder": conf.get("core", "plugins_folder"),
        "loads_examples": conf.getboolean("core", "load_examples"),
        "is_open_to_all": conf.getboolean("core", "simple_auth_manager_all_admins"),
        "parallelism": conf.getint("core", "parallelism"),
        "connection_id": "",
        "connection_arn": "",
        "connection_error": "",
    }
    from headroom.airflow_glue.aws_connection import CONNECTION_VARIABLE  # noqa: PLC0415, as above

    connection_id = os.environ.get(CONNECTION_VARIABLE, "")
    if connection_id:
        arn, error = _try_connection(connection_id)
        setting |= {"connection_id": connection_id, "connection_arn": arn, "connection_error": error}
    return setting


def _database_error(url: str) -> str:
    """Return why the metadata database cannot be used; empty where it answers and has every migration."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not Path(parsed.database or "").is_file():  # connecting would make it
            return f"there is no file at {parsed.database}"
        options: dict[str, Any] = {}
    else:
        options = {"connect_args": {"connect_timeout": CONNECT_TIMEOUT_SECONDS}}
    try:
        engine = create_engine(url, **options)
    except (SQLAlchemyError, ImportError) as error:
        return _first_line(error)
    try:
        with engine.connect() as connection:
            versions = set(connection.execute(text("select version_num from alembic_version")).scalars())
    except SQLAlchemyError as error:
        return _first_line(error)
    finally:
        engine.dispose()
    return (
        "" if versions == _newest_migrations() else "it lacks migrations of this Airflow, or has those of a newer one"
    )


def _newest_migrations() -> set[str]:
    from airflow.utils.db import _get_script_object  # noqa: PLC0415, Airflow has no public way to its migrations

    return set(_get_script_object().get_heads())


def _first_line(error: Exception) -> str:
    # The rest may repeat the statement and where to read more; SQLAlchemy puts no password into either.
    return str(error).splitlines()[0].split("(Background")[0].strip()


def _try_connection(connection_id: str) -> tuple[str, str]:
    """Return whom the Connection acts as, and why it does not work."""
    from airflow.sdk.exceptions import AirflowException  # noqa: PLC0415, as above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415, as above

    from headroom.airflow_glue.aws_connection import session_of  # noqa: PLC0415, as above
    from headroom.extract.clients import client_config  # noqa: PLC0415, as above
    from headroom.extract.errors import SourceError  # noqa: PLC0415, as above

    try:
        session, endpoint_url = session_of(connection_id)
        client = session.client(
            "sts",
            region_name=session.region_name or "us-east-1",
            endpoint_url=endpoint_url,
            config=client_config(max_attempts=1, read_timeout_seconds=CONNECT_TIMEOUT_SECONDS),
        )
        return str(client.get_caller_identity()["Arn"]), ""
    except (ClientError, BotoCoreError, SourceError, AirflowException, SQLAlchemyError, ValueError) as error:
        return "", _first_line(error) or type(error).__name__


if __name__ == "__main__":
    raise SystemExit(main())
