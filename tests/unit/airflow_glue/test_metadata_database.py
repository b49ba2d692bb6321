import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from headroom.airflow_glue.metadata_database import KeepingError, connection_variables, save


def test_postgresqls_programs_connect_as_airflow_does() -> None:
    address = "postgresql+psycopg2://ada:love%2Flace@db:6432/airflow?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert connection_variables(make_url(address)) == {
        "PGHOST": "db",
        "PGPORT": "6432",
        "PGUSER": "ada",
        "PGPASSWORD": "love/lace",
        "PGDATABASE": "airflow",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ca.pem",
    }


def test_what_the_address_leaves_open_is_left_to_them() -> None:
    assert connection_variables(make_url("postgresql+psycopg2://db/airflow")) == {
        "PGHOST": "db",
        "PGDATABASE": "airflow",
    }


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "airflow.db") as session:
        session.execute("create table alembic_version (version_num text)")
    session.close()
    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(KeepingError, match="is no regular file"):
        save(make_url(f"sqlite:///{tmp_path}/airflow.db"), pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
