"""Tasks import the pipelines late, so no parse would notice a name or an argument that is not there."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

DAGS_FOLDER = Path(__file__).resolve().parents[2] / "dags"


def pipeline_calls() -> list[tuple[str, str, str, list[str], int]]:
    """Return every call of a pipelines function: file, module, function, keywords, count of positional arguments."""
    calls = []
    for path in sorted(DAGS_FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "headroom.pipelines"
            for alias in node.names
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in imported
            ):
                names = [keyword.arg or "" for keyword in node.keywords]
                calls.append((path.stem, node.func.value.id, node.func.attr, names, len(node.args)))
    return calls


def test_every_dag_calls_the_pipelines() -> None:
    assert {call[0] for call in pipeline_calls()} == {path.stem for path in DAGS_FOLDER.glob("*.py")}


@pytest.mark.parametrize("call", pipeline_calls(), ids=lambda call: f"{call[0]}-{call[1]}.{call[2]}")
def test_a_call_fits_the_function_it_names(call: tuple[str, str, str, list[str], int]) -> None:
    _, module, function, names, positional = call
    signature = inspect.signature(getattr(import_module(f"headroom.pipelines.{module}"), function))
    signature.bind(*[None] * positional, **dict.fromkeys(names))
