"""What comes from a queue, a file or a person is read as data, never as code."""

import ast
from pathlib import Path

import pytest
from airflow.configuration import conf
from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG

from headroom.config import ConfigError, load_fleets
from headroom.config.settings import PROJECT_ROOT

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "loads_pickle", "read_pickle", "unsafe_load", "full_load"}
SOURCES = sorted(file for folder in ("include", "dags", "plugins") for file in (PROJECT_ROOT / folder).rglob("*.py"))


def names_used(file: Path) -> set[str]:
    """Modules that a file imports, and functions that it calls, as `name()`."""
    used = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            used |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            used.add(f"{node.func.id}()")
    return used


def test_no_module_of_ours_unpickles_or_evaluates() -> None:
    forbidden = FORBIDDEN_MODULES | {f"{name}()" for name in FORBIDDEN_CALLS}
    found = {str(file): names & forbidden for file in SOURCES if (names := names_used(file)) & forbidden}
    assert len(SOURCES) > 200
    assert found == {}


def test_celery_takes_json_alone() -> None:
    assert DEFAULT_CELERY_CONFIG["accept_content"] == ["json"]


def test_airflow_makes_no_class_from_what_a_task_handed_on_but_its_own() -> None:
    assert conf.get("core", "allowed_deserialization_classes").split() == ["airflow.*"]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.getcwd", "!ruby/object:X {}"])
def test_yaml_makes_no_object(tag: str, tmp_path: Path) -> None:
    file = tmp_path / "fleets.yaml"
    file.write_text(f"fleets: {tag}\n")
    with pytest.raises(ConfigError, match=r"fleets\.yaml:1: not valid YAML"):
        load_fleets(file)
