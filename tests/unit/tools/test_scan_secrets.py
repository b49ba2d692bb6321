"""`make lint` finds a secret in a tracked file, by name and line, and never prints it."""

import subprocess
import sys
from base64 import b64encode
from hashlib import sha512
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "scan_secrets.py"
# Put together here, so that this file holds none.
AWS_KEY = "AKIA" + "Q3EGRTZ7XJ5B" + "WN2L"
KEY_WORD = "PRIVATE" + " KEY"
KEY_BODY = b64encode(sha512(b"no key at all").digest()).decode()
PEM = f"-----BEGIN RSA {KEY_WORD}-----\n{KEY_BODY}\n-----END RSA {KEY_WORD}-----\n"
PHRASE = "correct-horse" + "-battery-9"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "tools").mkdir()
    (tmp_path / "clean.py").write_text("limit = 5\n")
    return tmp_path


def scan(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_a_project_without_secrets_passes(project: Path) -> None:
    done = scan(project)
    assert (done.returncode, done.stdout) == (0, "1 files, 0 findings reviewed, 0 new.\n")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("settings.py", f'\nkey = "{AWS_KEY}"\n', "AWS Access Key"),
        ("values.yaml", f"\ndatabase_password: {PHRASE}\n", "Secret Keyword"),
        ("server.pem", PEM, "Private Key"),
        (".env", f"\nDATABASE_URL=postgresql://ada:{PHRASE}@db/app\n", "Basic Auth Credentials"),
    ],
)
def test_a_planted_secret_is_found_by_file_and_line_and_not_printed(
    name: str, text: str, kind: str, project: Path
) -> None:
    (project / name).write_text(text)
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    done = scan(project)
    assert done.returncode == 1
    assert f"{name}:2: {kind}\n" in done.stdout
    assert AWS_KEY not in done.stdout + done.stderr
    assert PHRASE not in done.stdout + done.stderr


def test_a_file_that_git_ignores_is_not_looked_at(project: Path) -> None:
    (project / ".gitignore").write_text(".env\n")
    (project / ".env").write_text(f"password: {PHRASE}\n")
    assert scan(project).returncode == 0


def test_in_tests_a_planted_password_is_none_but_a_key_is(project: Path) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "test_one.py").write_text(f'password = "{PHRASE}"\nkey = "{AWS_KEY}"\n')
    done = scan(project)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "tests/test_one.py:2: AWS Access Key")
    assert done.stdout.splitlines()[1] == "2 files, 0 findings reviewed, 1 new."


def test_what_was_reviewed_is_passed_over_where_it_stands_and_nowhere_else(project: Path) -> None:
    line = f'password = "{PHRASE}"\n'
    (project / "one.py").write_text(line)
    assert scan(project, "--accept", "made up for a test").returncode == 0
    assert scan(project).returncode == 0
    (project / "one.py").write_text("moved = 1\n" + line)
    assert scan(project).returncode == 0
    (project / "two.py").write_text(line)
    done = scan(project)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "two.py:1: Secret Keyword")


def test_a_reviewed_line_needs_its_reason(project: Path) -> None:
    (project / "tools" / "reviewed_secrets.txt").write_text("one.py 0123456789\n")
    done = scan(project)
    assert done.returncode == 2
    assert done.stderr.startswith("tools/reviewed_secrets.txt:1: expected file, hash and reason")
