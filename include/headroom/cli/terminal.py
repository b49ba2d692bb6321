"""Words on a terminal: others' names and causes as one line, neither obeyed as escape sequences nor read as markup."""

import sys

from rich.text import Text

from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line


def complain(message: str) -> None:
    """Write one line to stderr, in which secrets are masked."""
    sys.stderr.write(f"headroom: {one_line(redact(message))}\n")


def plain(text: str, *, style: str = "") -> Text:
    """Return what rich prints as it is."""
    return Text(one_line(text), style=style)
