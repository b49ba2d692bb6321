"""docs/team.md: what it tells people to type names services, files and options that are there."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from tests.unit.deployment.compose_file import example_lines, services

from headroom.sandbox.seeding import LAKE_BUCKET

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "team.md").read_text()
FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = [line for block in FENCED.finditer(PAGE) if block["language"] == "sh" for line in block["code"].splitlines()]
COMMANDS = [shlex.split(line, comments=True) for line in [*LINES, *re.findall(r"`([^`\n]+)`", PAGE)] if "'" not in line]
COMPOSE_VERBS = {"up", "ps", "exec", "down", "build", "stop", "logs"}
WITHOUT_VALUE = {"--detach", "--build", "--follow", "-T"}


def compose_commands() -> list[tuple[str, list[str]]]:
    """Verb and arguments, without options, of every `docker compose`."""
    found = [words[2:] for words in COMMANDS if words[:2] == ["docker", "compose"]]
    assert all(not word.startswith("-") or word in WITHOUT_VALUE for words in found for word in words[1:2])
    return [(words[0], [word for word in words[1:] if word not in WITHOUT_VALUE]) for words in found]


def test_it_shows_compose_commands() -> None:
    assert {verb for verb, _ in compose_commands()} == COMPOSE_VERBS


def test_every_service_that_a_command_names_is_there() -> None:
    named = {services_of for verb, rest in compose_commands() for services_of in (rest[:1] if verb == "exec" else rest)}
    assert named
    assert named - set(services()) == set()


def inside(words: list[str]) -> list[str]:
    """What a command runs inside a container or pod, or the command itself."""
    if words[:3] == ["docker", "compose", "exec"]:
        return [word for word in words[3:] if word not in WITHOUT_VALUE][1:]
    return words[words.index("--") + 1 :] if "--" in words else words


def test_every_airflow_command_is_one_that_airflow_has() -> None:
    parser = get_parser()
    shown = [words[1:] for words in map(inside, COMMANDS) if words[:1] == ["airflow"] and words[1:]]
    shown = [words for words in shown if "…" not in words]
    assert len(shown) >= 4
    for words in shown:
        parser.parse_args(words)


def test_every_variable_of_env_is_one_that_compose_reads() -> None:
    blocks = [block["code"] for block in FENCED.finditer(PAGE) if block["code"].startswith("# .env")]
    shown = {
        line.partition("=")[0] for block in blocks for line in block.splitlines() if "=" in line and line[0] != "#"
    }
    assert shown
    assert shown - {name for name, _, _ in example_lines()} == set()


@pytest.mark.parametrize("block", [block["code"] for block in FENCED.finditer(PAGE) if block["language"] == "yaml"])
def test_an_override_changes_a_service_that_is_there(block: str) -> None:
    assert set(yaml.safe_load(block)["services"]) - set(services()) == set()


def test_the_sandboxs_lake_is_a_bucket_that_it_has() -> None:
    assert f"HEADROOM_LAKE=s3://{LAKE_BUCKET}/" in PAGE


def test_the_files_that_kubernetes_is_given_are_those_of_a_configuration() -> None:
    given = set(re.findall(r"--from-file=(\w+\.yaml)", PAGE))
    assert given == {path.name for path in (ROOT / "include" / "headroom" / "defaults").glob("*.yaml")}
