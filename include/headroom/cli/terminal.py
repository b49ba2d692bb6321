"""Words on a terminal: others' names and causes as one line, neither obeyed as escape sequences nor read as markup."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line


def complain(message: str) -> None:
    """Write one line to stderr, in which secrets are masked."""
    sys.stderr.write(f"headroom: {one_line(redact(message))}\n")


def plain(text: str, *, style: str = "") -> Text:
    """Return what rich prints as it is."""
    return Text(one_line(text), style=style)


class progress:  # noqa: N801, used as a function
    """A progress bar on stderr, where that is a terminal, as the callback (done, total) that long work calls."""

    def __init__(self, text: str) -> None:
        self._bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._task = self._bar.add_task(text, total=None)

    def __enter__(self) -> Any:  # noqa: ANN401, a callback
        self._bar.start()
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
