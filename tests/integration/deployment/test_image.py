"""The Dockerfile's steps without Docker: an environment from requirements.txt alone runs what the services run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.deployment.compose_file import command_of, example_values, health_check_of, services
from tests.unit.deployment.dockerfile import ROOT, copies_from_the_project, stages

pytestmark = pytest.mark.integration

TIMEOUT_SECONDS = 600
BUILD = [source for rest in stages()["build"].of("COPY") for source in rest.split()[:1]]

IMPORT_EVERYTHING = """
import pkgutil, sys
import headroom
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors, get_plugin_info

names = [module.name for module in pkgutil.walk_packages(headroom.__path__, "headroom.")]
for name in names:
    if not name.startswith("headroom.sandbox") and not name.endswith("__main__"):
        __import__(name)
bag = DagBag()
assert bag.import_errors == {}, bag.import_errors
assert [plugin["name"] for plugin in get_plugin_info() if plugin["name"] == "headroom_ui"], get_import_errors()
import headroom_ui.app
assert not [name for name in ("moto", "flask_cors", "pytest") if name in sys.modules]
print(len(names), sorted(bag.dags))
"""


class Image:
    """The build stage, made in a folder in place of `/`."""

    def __init__(self, root: Path) -> None:
        self.environment_folder = root / "opt" / "venv"
        self.code = root / "opt" / "headroom"
        self.home = root / "home"
        self.home.mkdir(parents=True)
        self.code.mkdir(parents=True)
        for source, place in copies_from_the_project():
            if source in BUILD:
                self._copy(source, place)
        uv = [sys.executable, "-m", "uv"]
        self.run_outside(*uv, "venv", "--quiet", "--python", sys.executable, str(self.environment_folder))
        python = str(self.environment_folder / "bin" / "python")
        self.run_outside(*uv, "pip", "install", "--quiet", "--python", python, "-r", "requirements.txt")
        self.run_outside("tools/link_package.sh", str(self.environment_folder))

    def _copy(self, source: str, place: str) -> None:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, self.code / place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (self.code / place).mkdir(exist_ok=True)
            shutil.copy(ROOT / source, self.code / place)

    def run_outside(self, *command: str) -> None:
        environment = {**os.environ, "UV_NATIVE_TLS": "1"}
        subprocess.run(command, cwd=self.code, env=environment, check=True, timeout=TIMEOUT_SECONDS)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as in a container: with the image's variables and none of this machine's."""
        environment = {
            "PATH": f"{self.environment_folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLCONFIGDIR": str(self.home / "matplotlib"),
            "NUMBA_CACHE_DIR": str(self.home / "numba"),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.code / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.code / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        return subprocess.run(
            command,
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    def files(self) -> dict[str, int]:
        """Every file of code and packages, with when it was written."""
        folders = (self.code, self.environment_folder)
        return {
            str(path): path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()
        }


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    root = tmp_path_factory.mktemp("image")
    yield Image(root)
    shutil.rmtree(root)


def test_everything_but_the_sandbox_runs_on_the_lock_alone_and_writes_nothing_beside_itself(image: Image) -> None:
    before = image.files()
    done = image.run("python", "-c", IMPORT_EVERYTHING)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "'scale_ahead'" in done.stdout
    assert image.files() == before


def test_the_command_is_on_the_path(image: Image) -> None:
    done = image.run("headroom", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "rollback" in done.stdout


def test_the_sandbox_is_not_in_it(image: Image) -> None:
    assert image.run("python", "-c", "import moto").returncode != 0


def test_every_program_that_a_service_or_its_check_calls_is_in_it(image: Image) -> None:
    ours = [service for service in services().values() if service.get("build", {}).get("target") == "headroom"]
    lines = [command_of(service, example_values()) for service in ours]
    lines += [health_check_of(service, example_values()) for service in ours if "healthcheck" in service]
    programs = {line[2].split()[0] if line[0] == "/bin/sh" else line[0] for line in lines}
    assert programs == {"airflow", "celery", "python"}
    assert [name for name in sorted(programs) if not (image.environment_folder / "bin" / name).exists()] == []
