"""tools/make_env_file.sh: secrets that nobody else has, made once."""

import base64
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.unit.deployment.compose_file import ENV_EXAMPLE, ROOT, example_lines, secret_names

from headroom.sandbox.control_client import SANDBOX_REGION


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "make_env_file.sh", tmp_path / "tools")
    shutil.copy(ENV_EXAMPLE, tmp_path)
    return tmp_path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["tools/make_env_file.sh", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def values(project: Path) -> dict[str, str]:
    lines = [line for line in (project / ".env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_secret_is_filled_in_and_all_else_is_the_examples(project: Path) -> None:
    assert make(project).returncode == 0
    made = values(project)
    assert set(made) == {name for name, _, is_set in example_lines() if is_set}
    assert {name: value for name, value in made.items() if name not in secret_names()} == {
        name: value for name, value, is_set in example_lines() if is_set and value
    }
    assert len({made[name] for name in secret_names()}) == len(secret_names()) >= 6
    assert all(len(made[name]) >= 44 for name in secret_names())


def test_the_fernet_key_is_32_bytes_and_the_rest_fits_into_an_address(project: Path) -> None:
    make(project)
    made = values(project)
    assert len(base64.urlsafe_b64decode(made["AIRFLOW_FERNET_KEY"])) == 32
    assert all(made[name].isalnum() for name in secret_names() - {"AIRFLOW_FERNET_KEY"})


def test_only_the_owner_may_read_it_and_nothing_is_left_beside_it(project: Path) -> None:
    make(project)
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert {path.name for path in project.iterdir()} == {".env", ".env.example", "tools"}


def test_two_of_them_have_nothing_in_common(project: Path) -> None:
    make(project)
    first = values(project)
    (project / ".env").unlink()
    make(project)
    assert {name for name in secret_names() if values(project)[name] == first[name]} == set()


def test_one_that_is_there_is_never_touched(project: Path) -> None:
    (project / ".env").write_text("POSTGRES_PASSWORD=of-the-volume\n")
    done = make(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(".env is there already")
    assert (project / ".env").read_text() == "POSTGRES_PASSWORD=of-the-volume\n"


def test_no_secret_is_printed(project: Path) -> None:
    done = make(project)
    made = values(project)
    assert [name for name in secret_names() if made[name] in done.stdout + done.stderr] == []


def test_for_the_sandbox_everything_is_pointed_at_it(project: Path) -> None:
    assert make(project, "--sandbox").returncode == 0
    made = values(project)
    assert made["COMPOSE_PROFILES"] == "sandbox"
    assert made["AWS_ENDPOINT_URL"] == "http://sandbox:5000"
    assert made["AWS_DEFAULT_REGION"] == SANDBOX_REGION
    assert made["HEADROOM_CLOCK"] == "manual"
    assert (ROOT / made["HEADROOM_CONFIG_FOLDER"] / "fleets.yaml").exists()
    assert (ROOT / made["AWS_CONFIG_FILE"].removeprefix("/opt/headroom/")).exists()


def test_an_unknown_option_is_refused(project: Path) -> None:
    done = make(project, "--prod")
    assert (done.returncode, done.stderr) == (2, "make_env_file.sh: expected --sandbox or nothing, found --prod\n")


def test_it_is_kept_out_of_version_control() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
