"""Reads docker-compose.yaml as Compose does: merged, with variables put in from .env.example and what a test gives."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
ENV_EXAMPLE = ROOT / ".env.example"

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z_]+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\})")


def load_compose() -> dict[str, Any]:
    """The file with anchors and merges resolved, variables as they stand."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return document


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load_compose()["services"]
    return found


def texts_in(node: object) -> Iterator[str]:
    """Every scalar value below a node, as text."""
    if isinstance(node, dict):
        for value in node.values():
            yield from texts_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts_in(value)
    elif node is not None:
        yield str(node)


def put_in(text: str, values: Mapping[str, str]) -> str:
    """Put variables in; KeyError where Compose would refuse to start."""

    def value_of(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        given = values.get(found["name"], "")
        if found["kind"] == "?" and not given:
            raise KeyError(found["name"])
        return given or (found["text"] or "" if found["kind"] == "-" else "")

    return VARIABLE.sub(value_of, text)


def variables_of(node: object) -> set[str]:
    """The variables that a node asks for."""
    return {found["name"] for text in texts_in(node) for found in VARIABLE.finditer(text) if found["name"]}


def handed_on(service: Mapping[str, Any]) -> set[str]:
    """The names that a service gets as they are set where Compose runs, if they are."""
    return {name for name, value in service.get("environment", {}).items() if value is None}


def command_of(service: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    return [put_in(part, values) for part in service["command"]]


def health_check_of(service: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    """The command line that the check runs inside the container."""
    kind, *parts = service["healthcheck"]["test"]
    parts = [put_in(part, values) for part in parts]
    return ["/bin/sh", "-c", *parts] if kind == "CMD-SHELL" else parts


def example_lines() -> list[tuple[str, str, bool]]:
    """The name, value and whether it is set (not commented out) of every variable in .env.example."""
    found = re.findall(r"^(# )?([A-Z_]+)=(.*)$", ENV_EXAMPLE.read_text(), re.MULTILINE)
    return [(name, value, not comment) for comment, name, value in found]


def secret_names() -> set[str]:
    """The variables that `make compose-env` fills in."""
    return {name for name, value, is_set in example_lines() if is_set and not value}


def example_values() -> dict[str, str]:
    """What .env says after `make compose-env`, with a stand-in for each secret."""
    return {name: value or f"secret-of-{name.lower()}" for name, value, is_set in example_lines() if is_set}
