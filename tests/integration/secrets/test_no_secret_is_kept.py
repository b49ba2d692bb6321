"""Planted secrets are searched for in all that is written: logs, lake, metadata database, pages, command lines."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from psycopg2 import sql
from tests.integration.secrets.conftest import IN_ERRORS, SAID_BY_THE_CLOUD, Played

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

MEANT_TO_HOLD_ONE = ("redis/redis.conf",)
"""Readable by its owner alone; a password on the command line could be read by everybody."""


def found(secrets: set[str], text: bytes) -> list[str]:
    return sorted(secret for secret in secrets if secret.encode() in text)


def leaks(secrets: set[str], texts: Iterator[tuple[str, bytes]]) -> dict[str, list[str]]:
    """Return, by name, which secrets stand in which text; every text is looked at."""
    seen = {name: found(secrets, text) for name, text in texts}
    assert seen
    return {name: holds for name, holds in seen.items() if holds}


def files_of(played: Played) -> Iterator[tuple[str, bytes]]:
    for path in sorted(played.stack.folder.rglob("*")):
        name = str(path.relative_to(played.stack.folder))
        if path.is_file() and not path.is_symlink() and name not in MEANT_TO_HOLD_ONE:
            yield name, path.read_bytes()


def lake_of(played: Played) -> Iterator[tuple[str, bytes]]:
    files = played.stack.lake_files
    for path in files.list(""):
        data = files.read_bytes(path)
        yield path, path.encode() + data
        if path.endswith(".parquet"):
            yield f"{path} as rows", "\n".join(strings_of(pq.read_table(io.BytesIO(data)))).encode()


def strings_of(table: pa.Table) -> Iterator[str]:
    yield str(table.schema.metadata)
    for column in table.columns:
        if not pa.types.is_floating(column.type) and not pa.types.is_timestamp(column.type):
            yield from map(str, column.unique().to_pylist() if pa.types.is_string(column.type) else column.to_pylist())


def database_of(played: Played) -> Iterator[tuple[str, bytes]]:
    address = played.stack.database.url.replace("postgresql+psycopg2", "postgresql")
    connection = psycopg2.connect(address)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select table_name from information_schema.tables where table_schema = 'public'")
            for (name,) in cursor.fetchall():
                cursor.execute(sql.SQL("select row::text from {} as row").format(sql.Identifier(name)))
                yield f"table {name}", "\n".join(row for (row,) in cursor.fetchall()).encode()
    finally:
        connection.close()


def pages_of(played: Played) -> Iterator[tuple[str, bytes]]:
    api = played.stack.airflow.api
    paths = ["/headroom/report", "/api/v2/connections", "/api/v2/variables", "/api/v2/plugins", "/api/v2/importErrors"]
    paths += ["/api/v2/dags/~/dagRuns?limit=100", "/api/v2/eventLogs?limit=200", "/api/v2/dags/~/dagRuns/~/hitlDetails"]
    paths += ["/api/v2/dags/~/dagRuns/~/taskInstances?limit=200"]
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {api.token()}"
        for path in paths:
            answer = session.get(f"{api.url}{path}", timeout=60)
            assert answer.ok, path
            yield path, answer.content


def test_the_secrets_are_really_there(played: Played) -> None:
    environment = played.stack.airflow._environment  # noqa: SLF001, what its processes are given
    assert len(played.secrets) > 20
    assert found(played.secrets, "\n".join(environment.values()).encode())
    assert all(secret in SAID_BY_THE_CLOUD for secret in IN_ERRORS)


def test_no_log_and_no_file_beside_them_holds_one(played: Played) -> None:
    assert leaks(played.secrets, files_of(played)) == {}


def test_no_file_of_the_lake_holds_one_in_its_bytes_or_its_rows(played: Played) -> None:
    assert leaks(played.secrets, lake_of(played)) == {}


def test_no_table_of_the_metadata_database_holds_one_xcom_notes_and_rendered_fields_included(played: Played) -> None:
    assert leaks(played.secrets, database_of(played)) == {}


def test_no_page_and_no_answer_of_the_api_holds_one(played: Played) -> None:
    assert leaks(played.secrets, pages_of(played)) == {}


def test_no_command_line_that_everybody_can_read_holds_one(played: Played) -> None:
    assert len(played.command_lines) >= 8
    assert leaks(played.secrets, ((line, line.encode()) for line in played.command_lines)) == {}


def test_what_failed_is_told_with_the_secrets_masked(played: Played) -> None:
    """The failures did pass through log, lake and alert: what was searched for had been there to be found."""
    causes = [text for path, text in lake_of(played) if path.startswith("outcomes/") and b"cannot verify" in text]
    assert causes
    assert all(
        b"http://ada:***@proxy.example:3128/?X-Amz-Signature=*** x-amz-security-token:***" in text for text in causes
    )
    logs = [text.decode() for name, text in files_of(played) if name.endswith(".log")]
    tracebacks = [text for text in logs if "PutObject" in text and "cannot verify" in text]
    assert tracebacks
    assert all("error_detail" in text for text in tracebacks)
    assert any("the alert could not be delivered" in text for text in logs)
    assert any("***" in text for text in played.alerts)
    assert leaks(played.secrets, ((text, text.encode()) for text in played.alerts)) == {}


def test_files_that_hold_a_password_are_their_owners_alone(played: Played) -> None:
    for name in MEANT_TO_HOLD_ONE:
        assert (played.stack.folder / name).stat().st_mode & 0o077 == 0
    for path in Path(played.stack.folder).rglob("airflow.cfg"):
        assert path.stat().st_mode & 0o077 == 0
