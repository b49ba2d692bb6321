"""`headroom doctor`: prints what was found, one line a finding, and says by its exit code how bad it is."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime

from headroom.cli.account import check_places, show_steps
from headroom.cli.exits import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_OK, EXIT_REFUSED
from headroom.cli.terminal import complain
from headroom.config.secrets import redact
from headroom.onboarding.findings import Level, counts
from headroom.pipelines.doctor import Diagnosis, examine


def examine_installation(options: argparse.Namespace) -> int:
    """Say what is missing or in the way, and how to get it."""
    check_places(options.region or [], [])
    with show_steps("looking") as on_step:
        found = examine(os.environ, here_utc=lambda: datetime.now(UTC), regions=options.region or (), on_step=on_step)
    if options.json:
        print(json.dumps(_summary(found), indent=1))  # noqa: T201, the command's output
    else:
        _print(found, is_quiet=options.quiet)
    for message in found.bad_input:
        complain(message)
    return _exit_code(found)


def _exit_code(found: Diagnosis) -> int:
    if found.bad_input:
        return EXIT_BAD_INPUT
    if found.has(Level.PROBLEM):
        return EXIT_REFUSED
    return EXIT_FAILED if found.has(Level.UNKNOWN) else EXIT_OK


def _summary(found: Diagnosis) -> dict[str, object]:
    return {
        "counts": counts(found.findings),
        "findings": [
            {
                "level": str(item.level),
                "topic": str(item.topic),
                "subject": redact(item.subject),
                "message": redact(item.message),
                "remedy": redact(item.remedy),
                "link": item.link,
            }
            for item in found.findings
        ],
    }


def _print(found: Diagnosis, *, is_quiet: bool) -> None:
    for item in found.findings:
        if not (is_quiet and item.level is Level.OK):
            sys.stdout.write(f"{redact(item.line)}\n")
    number = counts(found.findings)
    worse = f"{number['problem']} problems, {number['unknown']} unknown, {number['warning']} warnings"
    sys.stdout.write(f"{worse}, {number['ok']} in order\n")
