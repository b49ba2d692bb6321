"""What Airflow's metadata database cannot be saved to or from is one line; saving and restoring itself: integration."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from headroom.airflow_glue.metadata_database import BAD_INPUT, KeepingError, main, save


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
