"""`python -m headroom.sandbox.bootstrap_history FIRST_DAY LAST_DAY`: settle older days, all in one process."""

import json
import sys
from collections.abc import Sequence
from datetime import date


def main(arguments: Sequence[str]) -> int:
    """Settle the days and print what came of them as JSON; return 1 if a fleet or a source failed on one of them."""
    from headroom.pipelines.settle import bootstrap_history  # noqa: PLC0415, slow to import

    first_day, last_day = (date.fromisoformat(argument) for argument in arguments)
    result = bootstrap_history(first_day, last_day)
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
