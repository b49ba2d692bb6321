"""Airflow's metadata database in a file and back: PostgreSQL and SQLite as they are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from tests.integration.needed_servers import require_servers

from headroom.sandbox.ports import find_free_ports
from headroom.sandbox.postgres_server import LocalPostgres
from headroom.sandbox.team_airflow import TEAM_ACCOUNTS, TEAM_OPTIONS

pytestmark = pytest.mark.integration

SECRET = "a-password-of-a-connection"
FERNET_KEY = "ZmVybmV0LWtleS1vZi10aGVzZS10ZXN0cy1hbG9uZSE="
ROOT = Path(__file__).parents[3]
KEEPER = ("headroom.airflow_glue.metadata_database",)


@dataclass(frozen=True)
class Place:
    """Where an Airflow has its home and its database."""

    home: Path
    url: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.url,
            "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
            "AIRFLOW__CORE__AUTH_MANAGER": TEAM_OPTIONS["CORE__AUTH_MANAGER"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "HEADROOM_ADMIN_PASSWORD": "a-password-of-the-admin",
        }
        return subprocess.run(
            [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, check=False
        )

    def rows(self) -> dict[str, list[str]]:
        """Return every table's rows, as text."""
        engine = create_engine(self.url)
        try:
            with engine.connect() as session:
                names = inspect(engine).get_table_names()
                return {
                    name: sorted(map(str, session.execute(text(f'select * from "{name}"')).fetchall()))  # noqa: S608
                    for name in names
                }
        finally:
            engine.dispose()


@dataclass(frozen=True)
class Database:
    """A database that Airflow has used, its backup, and an empty one of the same kind."""

    used: Place
    empty: Place
    file: Path
    said: str


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_servers()
    (port,) = find_free_ports(1)
    server = LocalPostgres(tmp_path_factory.mktemp("database"), port=port)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp(request.param)
    urls = [f"sqlite:///{folder / name}.db" for name in ("used", "empty")]
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as session:
            for name in ("used", "empty"):
                session.execute(text(f"create database {name}"))
        engine.dispose()
        urls = [make_url(url).set(database=name).render_as_string(hide_password=False) for name in ("used", "empty")]
    used, empty = (Place(folder / f"home-{position}", url) for position, url in enumerate(urls))
    prepared = used.run(*TEAM_ACCOUNTS)
    assert prepared.returncode == 0, prepared.stderr
    stored = used.run("airflow", "connections", "add", "bills", "--conn-type", "aws", "--conn-password", SECRET)
    assert stored.returncode == 0, stored.stderr
    file = folder / "kept" / "airflow #1 50%?.backup"
    file.parent.mkdir()
    saved = used.run(*KEEPER, "save", str(file))
    assert saved.returncode == 0, saved.stderr
    return Database(used, empty, file, saved.stdout)


def test_every_row_of_every_table_comes_back_and_secrets_can_be_read_with_the_key(database: Database) -> None:
    restored = database.empty.run(*KEEPER, "restore", str(database.file))
    assert restored.returncode == 0, restored.stderr
    rows = database.empty.rows()
    assert len(rows) > 40
    assert rows["connection"]
    assert rows["ab_user"]
    assert rows == database.used.rows()
    read = database.empty.run("airflow", "connections", "get", "bills", "--output", "json")
    assert SECRET in read.stdout
    checked = database.empty.run("airflow", "db", "check-migrations", "--migration-wait-timeout", "1")
    assert checked.returncode == 0, checked.stderr


def test_a_database_that_holds_anything_is_left_as_it_is(database: Database) -> None:
    before = database.used.rows()
    refused = database.used.run(*KEEPER, "restore", str(database.file))
    assert refused.returncode == 3
    assert "expected an empty database" in refused.stderr
    assert database.used.rows() == before


def test_the_file_is_its_owners_alone_and_holds_no_plain_secret(database: Database) -> None:
    assert database.file.stat().st_mode & 0o077 == 0
    assert SECRET.encode() not in database.file.read_bytes()
    assert "FERNET_KEY" in database.said


def test_a_file_that_is_none_of_ours_or_cut_short_restores_nothing(database: Database, tmp_path: Path) -> None:
    target = _another_empty(database, tmp_path)
    cut, foreign = tmp_path / "cut", tmp_path / "foreign"
    data = database.file.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    foreign.write_bytes(b"something else")
    for file in (cut, foreign, tmp_path / "absent"):
        refused = target.run(*KEEPER, "restore", str(file))
        assert refused.returncode in (2, 4), file
        assert len(refused.stderr.strip().splitlines()[-1].split("headroom: ")) == 2
        assert target.rows() == {}


def test_a_database_of_a_newer_airflow_is_refused_before_anything_is_written(
    database: Database, tmp_path: Path
) -> None:
    engine = create_engine(database.used.url)
    with engine.begin() as session:
        (known,) = session.execute(text("select version_num from alembic_version")).one()
        session.execute(text("update alembic_version set version_num = 'from_the_future'"))
    try:
        newer = tmp_path / "newer"
        assert database.used.run(*KEEPER, "save", str(newer)).returncode == 0
    finally:
        with engine.begin() as session:
            session.execute(text("update alembic_version set version_num = :known"), {"known": known})
        engine.dispose()
    target = _another_empty(database, tmp_path)
    refused = target.run(*KEEPER, "restore", str(newer))
    assert refused.returncode == 2
    assert "from_the_future, which this Airflow does not know" in refused.stderr
    assert target.rows() == {}


def test_a_wrong_password_and_a_place_that_cannot_be_written_are_one_line(database: Database, tmp_path: Path) -> None:
    refused = database.used.run(*KEEPER, "save", str(tmp_path / "no-folder" / "file"))
    assert refused.returncode == 4
    assert "no-folder" in refused.stderr
    url = make_url(database.used.url)
    if url.host is None:
        return  # SQLite knows no passwords
    wrong = Place(database.used.home, url.set(password="wrong-one").render_as_string(hide_password=False))
    refused = wrong.run(*KEEPER, "save", str(tmp_path / "file"))
    assert refused.returncode == 4
    assert "password authentication failed" in refused.stderr
    assert "wrong-one" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_compose_pages_own_commands_bring_every_row_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(database.used.url)
    if url.host is None:
        pytest.skip("compose keeps its database in PostgreSQL")
    folder = tmp_path / "bin"
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\n[ "$1 $2 $3 $4" = "compose exec -T postgres" ] && shift 4 && exec "$@"\n')
    docker.chmod(0o755)
    for name, value in {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PGHOST": url.host,
        "PGPORT": str(url.port),
        "PGPASSWORD": str(url.password),
    }.items():
        monkeypatch.setenv(name, value)
    lines = (ROOT / "docs" / "team.md").read_text(encoding="utf-8").splitlines()
    (dump,) = (line for line in lines if "postgres pg_dump" in line)
    (give_back,) = (line for line in lines if "postgres pg_restore" in line)
    assert url.username == "headroom"
    _new_database_of_compose(database)
    compose = Place(database.used.home, url.set(database="headroom").render_as_string(hide_password=False))
    assert compose.run(*KEEPER, "restore", str(database.file)).returncode == 0
    subprocess.run(dump, shell=True, check=True, cwd=tmp_path)  # noqa: S602, the page's own line
    _new_database_of_compose(database)
    assert compose.rows() == {}
    subprocess.run(give_back, shell=True, check=True, cwd=tmp_path)  # noqa: S602, the page's own line
    assert compose.rows() == database.used.rows()


def _new_database_of_compose(database: Database) -> None:
    engine = create_engine(database.used.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as session:
        session.execute(text("drop database if exists headroom"))
        session.execute(text("create database headroom"))
    engine.dispose()


def _another_empty(database: Database, folder: Path) -> Place:
    url = make_url(database.used.url)
    if url.host is None:
        return Place(database.empty.home, f"sqlite:///{folder / 'another.db'}")
    engine = create_engine(database.used.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as session:
        session.execute(text("drop database if exists another"))
        session.execute(text("create database another"))
    engine.dispose()
    return Place(database.empty.home, url.set(database="another").render_as_string(hide_password=False))
