"""What Airflow's metadata database cannot be saved to or from is one line; saving and restoring itself: integration."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from headroom.airflow_glue.metadata_database import BAD_INPUT, KeepingError, connection_variables, main, save


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "airflow.db"
    session = sqlite3.connect(file)
    session.execute("create table alembic_version (version_num text)")
    session.close()
    return file


@pytest.mark.parametrize("link", [False, True])
def test_a_database_is_not_saved_over_itself(database: Path, tmp_path: Path, link: bool) -> None:  # noqa: FBT001, a case
    target = tmp_path / "backup.db"
    target.symlink_to(database)
    before = database.stat().st_ino
    with pytest.raises(KeepingError, match="is the database itself") as refused:
        save(make_url(f"sqlite:///{database}"), target if link else database)
    assert refused.value.exit_code == BAD_INPUT
    assert database.stat().st_ino == before


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_file_without_a_name_is_refused(database: Path, name: str) -> None:
    with pytest.raises(KeepingError, match="expected a file's name, found a folder") as refused:
        save(make_url(f"sqlite:///{database}"), Path(name))
    assert refused.value.exit_code == BAD_INPUT


@pytest.mark.parametrize("url", ["not a url", "postgresql://airflow:planted-secret@host:port/airflow"])
def test_a_connection_that_is_none_is_one_line_that_names_the_setting(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)
    assert main(["save", str(tmp_path / "file")]) == BAD_INPUT
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("headroom: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: Airflow cannot use it: ")
    assert "planted-secret" not in "".join(said)
    assert list(tmp_path.iterdir()) == []


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
