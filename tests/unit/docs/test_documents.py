"""What the documents say is there, is there: files, headings, commands, options, verbs, rules, DAGs, permissions."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headroom.actuation.outcome import PushState
from headroom.cli.parser import build_parser
from headroom.cli.reference import subcommands

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
POLICIES = sorted((DOCS / "iam").glob("*.json"))

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<place>[^)\s]+)\)")
FENCED = re.compile(r"^ *```(?P<language>\w*)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|(?<=[\s/(`]))headroom (?P<name>[a-z]+)(?P<rest>[^#|;&]*)")
OPTION = re.compile(r"(?<=\s)--[a-z0-9-]+")
VERB = re.compile(r"(?:^|(?<=\s))make (?P<name>[a-z][a-z-]*)")
RULE = re.compile(r"""rule="(?P<name>[a-z_]+)\"""")
SERVICES = {
    *("application-autoscaling", "autoscaling", "bcm-data-exports", "cloudwatch", "ec2", "ecs"),
    *("elasticloadbalancing", "iam", "pricing", "s3", "sagemaker", "servicequotas"),
}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code_of(text: str) -> Iterator[str]:
    """Every line of the fenced blocks, and every span of code outside them."""
    for block in FENCED.finditer(text):
        yield from block["code"].splitlines()
    yield from INLINE.findall(FENCED.sub("", text))


def anchors_of(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    text = FENCED.sub("", document.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options_of(command: ArgumentParser) -> set[str]:
    return {text for action in command._actions for text in action.option_strings}  # noqa: SLF001, argparse has no public list of options


@each_document
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(document: Path) -> None:
    broken = []
    for link in LINK.finditer(document.read_text()):
        place, _, anchor = link["place"].partition("#")
        if "://" in place:
            continue
        target = (document.parent / place).resolve() if place else document
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link["place"])
    assert broken == []


@each_document
def test_every_command_and_option_that_a_document_shows_is_the_parsers(document: Path) -> None:
    options = {name: options_of(command) for name, command in subcommands(build_parser()).items()}
    unknown = []
    for code in code_of(document.read_text()):
        for shown in COMMAND.finditer(code):
            if shown["name"] not in options:
                unknown.append(shown["name"])
            else:
                strange = set(OPTION.findall(shown["rest"])) - options[shown["name"]]
                unknown += [f"{shown['name']} {option}" for option in sorted(strange)]
    assert unknown == []


@each_document
def test_every_make_verb_that_a_document_shows_is_in_the_makefile(document: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {verb["name"] for code in code_of(document.read_text()) for verb in VERB.finditer(code)}
    assert shown - verbs == set()


def test_the_runbook_has_every_rule_that_can_refuse_a_push() -> None:
    sources = [
        file for layer in ("scheduling", "actuation") for file in (ROOT / "include/headroom" / layer).glob("*.py")
    ]
    rules = {rule["name"] for file in sources for rule in RULE.finditer(file.read_text())}
    assert {"kill_switch", "owner_edit", "restore"} <= rules  # they are still written as the pattern expects
    runbook = (DOCS / "runbook.md").read_text()
    assert [rule for rule in sorted(rules) if f"| `{rule}` |" not in runbook] == []


def test_the_runbook_has_every_way_a_push_can_end() -> None:
    runbook = (DOCS / "runbook.md").read_text()
    assert [state for state in PushState if f"`{state}`" not in runbook] == []


def test_every_dag_is_listed_and_every_listed_dag_is_there() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "reference" / "dags.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(file.stem for file in (ROOT / "dags").glob("*.py"))


def permissions(policy: Path) -> list[str]:
    statements: list[dict[str, Any]] = json.loads(policy.read_text())["Statement"]
    actions = [statement["Action"] for statement in statements]
    return [action for item in actions for action in ([item] if isinstance(item, str) else item)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.name)
def test_a_policy_allows_nothing_outside_the_services_we_call(policy: Path) -> None:
    assert {permission.split(":")[0] for permission in permissions(policy)} <= SERVICES


def test_the_read_policy_changes_nothing() -> None:
    reading = ("Describe", "Get", "List", "Simulate")
    assert [
        item for item in permissions(DOCS / "iam" / "read.json") if not item.split(":")[1].startswith(reading)
    ] == []
