import dataclasses
import re
from pathlib import Path

from headroom.cli.parser import build_parser
from headroom.cli.reference import commands_page, subcommands, tables_page
from headroom.domain.change_freeze import ChangeFreeze
from headroom.domain.fleet import Fleet
from headroom.domain.guardrail_settings import RANGES, GuardrailSettings
from headroom.scheduling.guardrail_limits import DEFAULT_LIMITS
from headroom.scheduling.guardrails import RULE_OF_LIMIT

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_the_page_of_commands_is_the_parsers_own() -> None:
    assert (REFERENCE / "commands.md").read_text() == commands_page(build_parser()), "run `make docs`"


def test_the_page_of_tables_is_the_registrys_own() -> None:
    assert (REFERENCE / "tables.md").read_text() == tables_page(), "run `make docs`"


def test_every_key_of_a_fleet_is_described() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    missing = [field.name for field in dataclasses.fields(Fleet) if f"`{field.name}`" not in page]
    assert missing == []


def test_every_guardrail_is_described_with_its_default_its_range_and_its_rule() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", page.partition("## Guardrails")[2], re.MULTILINE))
    for field in dataclasses.fields(GuardrailSettings):
        default = getattr(DEFAULT_LIMITS, field.name)
        told = "none" if default in (None, ()) else f"{default:g}"
        least, most = RANGES.get(field.name, ("", ""))
        between = f"{least:g}, {most:.12g}".replace("1000000000", "1e9") if field.name in RANGES else ""
        assert rows[field.name].startswith(
            f"{told} | {between} | `{RULE_OF_LIMIT[field.name]}` | ".replace("|  |", "| |")
        )


def test_every_key_of_a_freeze_is_described() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    assert [field.name for field in dataclasses.fields(ChangeFreeze) if f"`{field.name}`" not in page] == []


def test_the_commands_that_others_rely_on_are_there() -> None:
    contract = {
        "discover",
        "doctor",
        "forecast",
        "backtest",
        "size",
        "replay",
        "extract",
        "build",
        "plan",
        "push",
        "rollback",
        "report",
    }
    assert contract <= set(subcommands(build_parser()))


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        f"{name} {action.dest}"
        for name, command in subcommands(build_parser()).items()
        for action in command._actions  # noqa: SLF001, argparse has no public list of options
        if not action.help and not action.choices and action.metavar is None
    ]
    assert silent == []
