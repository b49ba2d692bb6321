import dataclasses
from pathlib import Path

from headroom.cli.parser import build_parser
from headroom.cli.reference import commands_page, subcommands, tables_page
from headroom.domain.fleet import Fleet

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_the_page_of_commands_is_the_parsers_own() -> None:
    assert (REFERENCE / "commands.md").read_text() == commands_page(build_parser()), "run `make docs`"


def test_the_page_of_tables_is_the_registrys_own() -> None:
    assert (REFERENCE / "tables.md").read_text() == tables_page(), "run `make docs`"


def test_every_key_of_a_fleet_is_described() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    missing = [field.name for field in dataclasses.fields(Fleet) if f"`{field.name}`" not in page]
    assert missing == []


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
