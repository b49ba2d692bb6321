"""The commands of the runbook's sections about pushes, as they stand there."""

import re
from pathlib import Path

FENCED = re.compile(r"^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
TOOLS = ("headroom", "aws", "airflow", "cat", "ls", "rm", "echo", "mkdir", "cp", "mv")
FIRST, AFTER_LAST = "## A push was refused", "## The scheduler was killed"
BESIDE = ("### The ledger is gone",)
"""Sections that stand elsewhere and are about pushes, too."""


def commands_of(page: Path) -> list[str]:
    """Return every command line without its comment: whole lines of the blocks, and spans of code that are commands."""
    text = page.read_text(encoding="utf-8")
    parts = [text[text.index(FIRST) : text.index(AFTER_LAST)], *(_section(text, heading) for heading in BESIDE)]
    found: list[str] = []
    for part in parts:
        blocks = [line for block in FENCED.finditer(part) for line in _whole_lines(block["code"])]
        spans = [span for span in INLINE.findall(FENCED.sub("", part)) if _is_command(span)]
        found += [_without_comment(line) for line in (*blocks, *spans)]
    return list(dict.fromkeys(found))


def _section(text: str, heading: str) -> str:
    return re.split(r"^#+ ", text[text.index(heading) + len(heading) :], maxsplit=1, flags=re.MULTILINE)[0]


def _whole_lines(code: str) -> list[str]:
    lines = re.sub(r"(\\|\|)\n\s*", lambda end: "" if end[1] == "\\" else "| ", code).splitlines()
    return [line for line in lines if line.strip()]


def _is_command(span: str) -> bool:
    """Whether a span of code is a whole command: `headroom confirm` alone only speaks of one."""
    words = span.split()
    return words[0] in TOOLS and len(words) > (2 if words[0] == "headroom" else 1)


def _without_comment(line: str) -> str:
    return re.sub(r"\s+#.*$", "", line).strip()
