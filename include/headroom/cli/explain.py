"""`headroom explain`: why a fleet's minimum is what it is, down to the forecast and its inputs."""

import argparse
import json
from datetime import datetime

from headroom.cli.exits import EXIT_OK, BadInput
from headroom.cli.push_text import plain_console
from headroom.cli.terminal import plain
from headroom.pipelines.explain import ExplainError, explain_minimum
from headroom.pipelines.workspace import open_workspace

_LABEL_WIDTH = 9


def explain(options: argparse.Namespace) -> int:
    """Print the chain from a fleet's bounds at a time down to what they rest on; reads only."""
    try:
        told = explain_minimum(open_workspace(), options.fleet, options.at)
    except ExplainError as error:
        raise BadInput(str(error)) from error
    if options.json:
        print(json.dumps(told.record(), indent=1, default=_json_value))  # noqa: T201, the command's output
        return EXIT_OK
    console = plain_console()
    for label, text in told.lines():
        console.print(plain(f"{label:<{_LABEL_WIDTH}} {text}"), soft_wrap=True)
    return EXIT_OK


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
