"""Exit codes of the commands, and the error of unusable input."""

EXIT_OK, EXIT_BAD_INPUT, EXIT_REFUSED, EXIT_FAILED = 0, 2, 3, 4
EXIT_INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


class BadInput(ValueError):  # noqa: N818, the word users know it by
    """An argument or an input file cannot be used; the message names it and what was expected."""
