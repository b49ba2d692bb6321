"""`headroom claims`: the article's claims, and what a replay of generated demand says of each."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from headroom.cli.exits import EXIT_OK, BadInput
from headroom.cli.out_folder import check_out, write_out
from headroom.cli.replay import MOST_SEED
from headroom.cli.terminal import progress
from headroom.pipelines.claims import CLAIMS_FILES, replay_claims, write_claims
from headroom.reporting.claims_report import claims_summary


def claims(options: argparse.Namespace) -> int:
    """Play the scenarios and write DIR/claims.json, DIR/claims.md and DIR/claims.html."""
    check_out(options.out, CLAIMS_FILES)
    if not 0 <= options.seed <= MOST_SEED:
        raise BadInput(f"--seed: expected a whole number from 0 to {MOST_SEED}, found {options.seed}")
    with progress("replaying the claims") as on_progress:
        report = replay_claims(options.seed, on_progress=on_progress)
    write_out(options.out, lambda storage: write_claims(storage, report))
    summary = claims_summary(report)
    if options.json:
        print(json.dumps(summary, allow_nan=False))  # noqa: T201, the command's output
    else:
        _print_claims(summary)
    return EXIT_OK


def _print_claims(summary: dict[str, Any]) -> None:
    table = Table(title="the article's claims")
    table.add_column("claim")
    for heading in ("claimed", "replayed", "verdict"):
        table.add_column(heading, no_wrap=True)
    for claim in summary["claims"]:
        table.add_row(claim["key"].replace("_", " "), claim["claimed_text"], claim["replayed_text"], claim["verdict"])
    Console().print(table)
