"""The same functions without Airflow: `headroom COMMAND`.

Exit codes: 0 done; 2 bad input, one line on stderr; 3 something was refused by mode or guardrail; 4 something failed at
the cloud while the others went on; 130 interrupted from the keyboard.
"""

from collections.abc import Sequence

from headroom.cli.exits import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, BadInput
from headroom.cli.parser import build_parser
from headroom.cli.terminal import complain
from headroom.config import ConfigError
from headroom.extract.errors import CLOUD_ERRORS, SourceError, describe_failure
from headroom.lake.errors import LakeError
from headroom.pipelines.windows import WindowError

__all__ = ["build_parser", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (ConfigError, BadInput, WindowError, LakeError, OSError) as error:
        return _complain(str(error), EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED)
    except SourceError as error:
        return _complain(str(error), EXIT_FAILED)
    except CLOUD_ERRORS as error:
        return _complain(f"the lake or the cloud did not answer: {describe_failure(error)}", EXIT_FAILED)


def _complain(message: str, code: int) -> int:
    complain(message)
    return code
