"""`python -m headroom.airflow_glue.metadata_database save|restore FILE`: Airflow's metadata database in one file.

PostgreSQL by pg_dump's custom format, SQLite by its own online copy; Airflow may run meanwhile. Restoring wants an
empty database, so that it can overwrite nothing, and leaves it empty where it fails.
"""

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line

OK, BAD_INPUT, REFUSED, FAILED = 0, 2, 3, 4
REVISION_TABLE: Final = "alembic_version"
_SQLITE_START: Final = b"SQLite format 3\0"
_DUMP_START: Final = b"PGDMP"
_TLS_VARIABLES: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
"""Of an address's query, and how PostgreSQL's programs are told the same."""


class KeepingError(Exception):
    """Why nothing was saved or restored, in one line, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Save or restore the database that AIRFLOW__DATABASE__SQL_ALCHEMY_CONN or airflow.cfg names."""
    parser = argparse.ArgumentParser(prog="python -m headroom.airflow_glue.metadata_database", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("save", save, "write the database to FILE, which its owner alone may read"),
        ("restore", restore, "fill the database, which must be empty, from FILE"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("file", metavar="FILE", type=Path)
        one.set_defaults(command=command)
    options = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{options.command(_database(), options.file)}\n")
    except KeepingError as error:
        sys.stderr.write(f"headroom: {one_line(redact(error))}\n")
        return error.exit_code
    return OK


def save(database: URL, file: Path) -> str:
    """Write the database to `file`, replaced whole; return what was done."""
    if not _tables(database):
        raise KeepingError(f"{_name(database)} is empty: there is nothing to save", REFUSED)
    if _is_sqlite(database) and file.exists() and file.samefile(str(database.database)):
        raise KeepingError(f"{file}: is the database itself; expected another file to save it to", BAD_INPUT)
    with _beside(file) as partial:
        if _is_sqlite(database):
            _copy_sqlite(Path(str(database.database)), partial)
        else:
            _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}"], database)
        size = partial.stat().st_size
    return f"saved {_name(database)} to {file}, {size:,} bytes; keep AIRFLOW__CORE__FERNET_KEY elsewhere"


def restore(database: URL, file: Path) -> str:
    """Fill the empty database from `file`; return what was done. It stays empty where anything fails."""
    tables = _tables(database)
    if tables:
        message = f"{_name(database)} has {len(tables)} tables; expected an empty database, for nothing is overwritten"
        raise KeepingError(message, REFUSED)
    _check_revision(_revision_of(database, file), file)
    if _is_sqlite(database):
        with _beside(Path(str(database.database))) as partial:
            _copy_sqlite(file, partial)
    else:
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        _run(["pg_restore", *options, f"--dbname={database.database}", str(file)], database)
    return f"restored {len(_tables(database))} tables into {_name(database)}; next: `airflow db migrate`, then start"


def _database() -> URL:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            from airflow.configuration import conf  # noqa: PLC0415, its import takes seconds, prints and tries it

            database = make_url(conf.get("database", "sql_alchemy_conn"))
    except (SQLAlchemyError, ValueError, RuntimeError, ImportError, OSError) as error:
        message = f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: Airflow cannot use it: {type(error).__name__}: {error}"
        raise KeepingError(message, BAD_INPUT) from error
    if database.get_backend_name() not in ("postgresql", "sqlite"):
        message = f"{database.get_backend_name()}: only PostgreSQL and SQLite are saved; use the database's own tools"
        raise KeepingError(message, BAD_INPUT)
    return database


def _is_sqlite(database: URL) -> bool:
    return database.get_backend_name() == "sqlite"


def _name(database: URL) -> str:
    return f"the database {database.database}" + ("" if _is_sqlite(database) else f" at {database.host}")


def _tables(database: URL) -> list[str]:
    if _is_sqlite(database) and not Path(str(database.database)).exists():
        return []  # connecting would make the file
    engine = create_engine(database)
    try:
        return list(inspect(engine).get_table_names())
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise KeepingError(f"{_name(database)} does not answer: {cause}", FAILED) from error
    finally:
        engine.dispose()


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a path beside `file` to write to, and put it in its place where all went well; readable by its owner."""
    if not file.name:
        raise KeepingError(f"{file}: expected a file's name, found a folder", BAD_INPUT)
    if file.exists() and not file.is_file():
        raise KeepingError(f"{file}: is no regular file; expected one, which is replaced, or none yet", BAD_INPUT)
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield partial
        partial.replace(file)
    except OSError as error:
        raise KeepingError(f"{file}: cannot be written: {error.strerror or error}", FAILED) from error
    finally:
        partial.unlink(missing_ok=True)


def _open_to_read(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            contextlib.closing(_open_to_read(source)) as read,
            contextlib.closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
            ((verdict,),) = written.execute("pragma quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise KeepingError(f"{source}: cannot be copied: {error}", FAILED) from error
    if verdict != "ok":
        raise KeepingError(f"{source}: is damaged: {verdict}", BAD_INPUT)


def _revision_of(database: URL, file: Path) -> str:
    """Return the migration that the saved database stands at."""
    start, what = (_SQLITE_START, "a copy of SQLite") if _is_sqlite(database) else (_DUMP_START, "a dump of PostgreSQL")
    try:
        with file.open("rb") as opened:
            found = opened.read(len(start))
    except OSError as error:
        raise KeepingError(f"{file}: cannot be read: {error.strerror}", BAD_INPUT) from error
    if found != start:
        raise KeepingError(f"{file}: expected {what}, as this database is one, found something else", BAD_INPUT)
    revision = _sqlite_revision(file) if _is_sqlite(database) else _dump_revision(database, file)
    if not revision:
        raise KeepingError(f"{file}: expected a database of Airflow, found no table {REVISION_TABLE}", BAD_INPUT)
    return revision


def _sqlite_revision(file: Path) -> str:
    try:
        with contextlib.closing(_open_to_read(file)) as session:
            row = session.execute(f"select version_num from {REVISION_TABLE}").fetchone()  # noqa: S608, a constant
    except sqlite3.Error as error:
        raise KeepingError(f"{file}: expected a database of Airflow: {error}", BAD_INPUT) from error
    return str(row[0]) if row else ""


def _dump_revision(database: URL, file: Path) -> str:
    lines = _run(["pg_restore", "--data-only", f"--table={REVISION_TABLE}", "--file=-", str(file)], database, BAD_INPUT)
    rows = iter(lines.splitlines())
    return next((next(rows, "").strip() for line in rows if line.startswith("COPY ")), "").removeprefix("\\.")


def _check_revision(revision: str, file: Path) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        from airflow.utils.db import _get_script_object  # noqa: PLC0415, Airflow has no public way to its migrations

        known = {script.revision for script in _get_script_object().walk_revisions()}
    if revision not in known:
        message = (
            f"{file}: is of migration {revision}, which this Airflow does not know; expected its own or an older one"
        )
        raise KeepingError(message, BAD_INPUT)


def connection_variables(database: URL) -> dict[str, str]:
    """Return how PostgreSQL's programs are told to connect as Airflow does, TLS included; no command line shows it."""
    told = {
        "PGHOST": database.host,
        "PGPORT": database.port,
        "PGUSER": database.username,
        "PGDATABASE": database.database,
        "PGPASSWORD": database.password,
        **{variable: database.query.get(name) for name, variable in _TLS_VARIABLES.items()},
    }
    return {variable: str(value) for variable, value in told.items() if value is not None}


def _run(command: list[str], database: URL, exit_code: int = FAILED) -> str:
    """Run one of PostgreSQL's programs and return what it printed."""
    environment = {**os.environ, **connection_variables(database)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603, ours
    except FileNotFoundError as error:
        message = f"{command[0]} is not installed; it comes with the package postgresql-client"
        raise KeepingError(message, BAD_INPUT) from error
    if done.returncode:
        raise KeepingError(f"{command[0]}: {' '.join(done.stderr.split())}", exit_code)
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
