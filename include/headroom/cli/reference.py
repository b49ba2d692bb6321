"""The reference pages of commands and tables, made from the parser and the registry: `make docs` writes them."""

import argparse
import sys
from pathlib import Path

from headroom.cli.parser import build_parser
from headroom.columns import COLUMNS, METRICS
from headroom.lake.tables import TABLES

COMMANDS_INTRO = """# Commands

Made from the parser by `make docs`. `.venv/bin/headroom COMMAND --help` says the same.

Exit codes: 0 done; 2 bad input, one line on stderr that names the file, column or key and what was expected; 3
something was refused by mode or guardrail; 4 something failed at the cloud while the others went on; 130 interrupted.
"""

TABLES_INTRO = """# Tables

Made from the registry by `make docs`. Raw tables and marts are Parquet files in the lake; the warehouse holds the marts
in schema `main`. Missing is NULL, never 0. Windows are half-open and in UTC. Money is DECIMAL.
"""


def commands_page(parser: argparse.ArgumentParser) -> str:
    """Return the page of every command and option."""
    lines = [COMMANDS_INTRO]
    for name, command in subcommands(parser).items():
        lines += [f"## headroom {name}", "", command.description or "", ""]
        rows = [
            f"| `{_spelling(action)}` | {'yes' if action.required else 'no'} | {_help(action)} |"
            for action in command._actions  # noqa: SLF001, argparse has no public list of options
            if not isinstance(action, argparse._HelpAction)  # noqa: SLF001, as above
        ]
        if rows:
            lines += ["| option | needed | meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command by name."""
    for action in parser._actions:  # noqa: SLF001, argparse has no public list of subparsers
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001, as above
            return dict(action.choices)
    return {}


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices and not action.option_strings:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return f"{action.option_strings[0]} {value}".strip() if action.option_strings else str(value)


def _help(action: argparse.Action) -> str:
    text = action.help or ""
    if action.default not in (None, False, argparse.SUPPRESS) and action.option_strings:
        text = f"{text} (default {action.default})".strip()
    return text


def tables_page() -> str:
    """Return the page of every table and column, and of the metrics that are read."""
    lines = [TABLES_INTRO]
    for table in TABLES.values():
        key = ", ".join(f"`{name}`" for name in table.key) or "none"
        lines += [f"## {table.name}", "", f"{table.layer.capitalize()}; grain: {table.grain}; key: {key}.", ""]
        lines += ["| column | type | meaning |", "| --- | --- | --- |"]
        for field in table.schema:
            known = COLUMNS.get(field.name)
            kind = known.type if known else str(field.type)
            meaning = known.description if known else "as FOCUS 1.2 defines it"
            lines.append(f"| `{field.name}` | {kind} | {meaning} |")
        lines.append("")
    lines += ["## Metrics", "", "Canonical names in `metric_sample` and under `metrics:` in fleets.yaml.", ""]
    lines += ["| metric | statistic | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{metric.name}` | {metric.statistic} | {metric.description} |" for metric in METRICS.values()]
    return "\n".join(lines).rstrip() + "\n"


def write_pages(folder: Path) -> None:
    """Write the pages into `folder`."""
    (folder / "commands.md").write_text(commands_page(build_parser()), encoding="utf-8")
    (folder / "tables.md").write_text(tables_page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
