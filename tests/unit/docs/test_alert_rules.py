"""Alert rules, metrics, causes and runbook belong together: what one names, the others have."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headroom.insight.metrics import METRICS
from headroom.insight.on_call import REFUSING_RULES
from headroom.pipelines.outcomes import OutcomeStatus

ROOT = Path(__file__).resolve().parents[3]
ALERTS = ROOT / "deploy" / "alerts"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((ALERTS / "headroom.rules.yml").read_text())["groups"] for rule in group["rules"]
]
MAPPINGS: list[dict[str, Any]] = yaml.safe_load((ALERTS / "statsd_mapping.yml").read_text())["mappings"]
METRIC = re.compile(r"airflow_(headroom_\w+)(?:\{(?P<labels>[^}]*)\})?")
FEWEST_WORDS = 3

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def anchors() -> set[str]:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def as_metric(prometheus_name: str) -> str:
    return prometheus_name.replace("headroom_", "headroom.", 1)


@each_rule
def test_a_rule_says_how_bad_it_is_what_is_wrong_and_where_the_remedy_stands(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/runbook.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors()


@each_rule
def test_a_rule_names_only_metrics_of_ours_and_only_labels_that_they_have(rule: dict[str, Any]) -> None:
    found = list(METRIC.finditer(rule["expr"]))
    assert found
    labels = {METRICS[as_metric(name[1])].label for name in found}
    used = {*re.findall(r"by \((\w+)\)", rule["expr"]), *re.findall(r"(\w+)(?:=|!~)\"", rule["expr"])}
    used |= set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert used <= labels
    values = {value for text in re.findall(r"rule!?[=~]+\"([^\"]+)\"", rule["expr"]) for value in text.split("|")}
    assert values <= set(REFUSING_RULES)


@each_rule
def test_a_rule_looks_back_as_far_as_the_newest_gauge_may_be_old(rule: dict[str, Any]) -> None:
    ranges = re.findall(r"\[(\w+)\]", rule["expr"])
    assert len(ranges) == len(METRIC.findall(rule["expr"]))
    assert set(ranges) <= {"75m", "2d", "7d"}


def test_no_two_rules_share_a_name() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))


def test_every_part_of_the_runbook_about_an_alert_has_its_rule() -> None:
    assert set(re.findall(r"^### (Headroom\w+)$", RUNBOOK, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_every_metric_with_a_label_is_mapped_from_plain_statsd_and_nothing_else_is() -> None:
    mapped = {item["match"]: (item["name"], item["labels"]) for item in MAPPINGS}
    wanted = {
        f"airflow.{metric.name}.*": (f"airflow_{metric.name.replace('.', '_')}", {metric.label: "$1"})
        for metric in METRICS.values()
        if metric.label
    }
    assert mapped == wanted


def test_every_metric_is_described() -> None:
    page = (ROOT / "docs" / "on-call.md").read_text()
    rows = [f"| `{m.name}` | {m.unit} | {m.label or ''} | {m.description} |" for m in METRICS.values()]
    assert [row for row in rows if row not in page] == []
    assert len(re.findall(r"^\| `headroom\.", page, re.MULTILINE)) == len(METRICS)


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield max((part.value for part in node.values if isinstance(part, ast.Constant)), key=len, default="")
    elif isinstance(node, ast.IfExp | ast.BoolOp):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from texts(child)


def causes() -> set[str]:
    """The sentences that the pipelines give as causes: the longest piece of each that is written out."""
    found = set()
    for file in (ROOT / "include/headroom/pipelines").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            given: list[ast.expr] = []
            names = {getattr(item, "id", "") for item in node.targets} if isinstance(node, ast.Assign) else set()
            if (isinstance(node, ast.keyword) and node.arg == "cause") or names & {"cause", "why"}:
                given = [node.value]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"_outcome", "_nothing_to_do"}:
                given = node.args
            elif isinstance(node, ast.Return) and file.stem == "pushes":
                given = [node.value] if isinstance(node.value, ast.Constant | ast.JoinedStr) else []
            found |= {text for item in given for text in texts(item)}
    return {text.strip(" ;:(),") for text in found if len(text.split()) >= FEWEST_WORDS}


def test_the_runbook_has_every_cause_that_a_step_gives_itself() -> None:
    found = causes()
    assert "the source has no sample of any of its metrics in the window" in found  # still written as looked for
    assert len(found) >= 12
    flat = " ".join(RUNBOOK.split())
    assert sorted(cause for cause in found if cause not in flat) == []


def test_the_runbook_has_every_status_that_turns_a_run_red_or_keeps_a_push_back() -> None:
    for status in (OutcomeStatus.FAILED, OutcomeStatus.QUARANTINED, OutcomeStatus.REFUSED):
        assert status.value in RUNBOOK.lower()
