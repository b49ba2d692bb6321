"""`headroom discover`: drafts fleets.yaml from what an account has; it only reads it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from headroom.cli.exits import EXIT_FAILED, EXIT_OK, BadInput
from headroom.cli.terminal import complain, plain
from headroom.config import Settings, load_fleets
from headroom.config.sources import AwsAccess
from headroom.domain.fleet import ACCOUNT_PATTERN, REGION_PATTERN
from headroom.pipelines.discover import Discovery, account_clients, discover


def discover_account(options: argparse.Namespace) -> int:
    """Draft fleets.yaml from what the account has."""
    check_places(options.region, options.account)
    _check_role(options.role_arn)
    out: Path = options.out
    if not out.parent.is_dir():
        raise BadInput(f"--out: no folder at {out.parent}; expected one to write {out.name} into")
    if out.is_dir():
        raise BadInput(f"--out: {out} is a folder; expected a file such as {out / 'fleets.yaml'}")
    if out.exists() and not out.is_file():
        raise BadInput(f"--out: {out} is no regular file; expected one, or none yet")
    if out.exists() and not options.force:
        raise BadInput(f"--out: {out} is there already; --force replaces it, or name another file to compare with it")
    settings = Settings.from_environment(os.environ)
    clients = account_clients(settings, role_arn=options.role_arn)
    with show_steps("reading the account") as on_step:
        found = discover(
            clients,
            regions=options.region,
            accounts=options.account or (),
            has_cpu_fleets=options.include_cpu,
            on_step=on_step,
        )
    write_draft(out, found.text)
    if options.json:
        print(json.dumps({"path": str(out), **found.summary()}, indent=1))  # noqa: T201, the command's output
    else:
        _print_discovery(found, out)
    for item in found.unread:
        place = f" in {item.place}" if item.place else ""
        complain(f"could not read {item.lost}: {item.operation}{place}: {item.cause}")
    return EXIT_FAILED if found.unread else EXIT_OK


def check_places(regions: list[str], accounts: list[str] | None) -> None:
    """Raise BadInput where a region or an account cannot be one."""
    for region in regions:
        if REGION_PATTERN.fullmatch(region) is None:
            raise BadInput(f"--region: expected an AWS region such as us-east-1, found {region!r}")
    for account in accounts or ():
        if ACCOUNT_PATTERN.fullmatch(account) is None:
            raise BadInput(f"--account: expected an AWS account's 12 digits, found {account!r}")


def _check_role(role_arn: str | None) -> None:
    try:
        AwsAccess(role_arn=role_arn)
    except ValueError as error:
        raise BadInput(f"--role-arn: {error}") from error


def write_draft(out: Path, text: str) -> None:
    """Write a fleets.yaml; one that does not load is left beside, and what stands at `out` stays: ConfigError."""
    beside = out.with_name(f".{out.name}.new")
    beside.write_text(text, encoding="utf-8")
    load_fleets(beside)
    beside.replace(out)


def _print_discovery(found: Discovery, out: Path) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for item in found.drafts:
        draft = item.draft
        chip = f", {draft.found.accelerator}" if draft.found.accelerator else ""
        state = "" if draft.demand else " (in comments: no metric of its demand was found)"
        place = f"{draft.found.place.region}{chip}"
        console.print(plain(f"{draft.fleet_id}: {draft.found.target.kind} {draft.found.target.name}, {place}{state}"))
    for skipped in found.skipped:
        console.print(plain(f"left out: {skipped.found.target.name}: {skipped.reason}"))
    console.print(
        f"wrote {out}: {_counted(len(found.drafts), 'fleet')} drafted in mode observe, "
        f"{_counted(found.guess_count, 'guess', 'guesses')} to look at",
        markup=False,
    )


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


@contextmanager
def show_steps(first: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's stderr what is being done; silent elsewhere."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    with console.status(first) as status:
        yield status.update
