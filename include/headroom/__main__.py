"""`python -m headroom`: the `headroom` command, which an interruption ends without a word while it is being loaded."""

import signal
import sys


def run() -> int:
    """Load the commands, which takes a second or two, and run the one that was asked for; return its exit code."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from headroom.cli import main  # noqa: PLC0415  # it is this that takes its time

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":  # not where a worker process looks at it
    sys.exit(run())
