"""Words that others chose (names, tags, causes), made fit to be shown as one line: pure, and the only place for it.

HTML is Jinja's to escape and SQL's values are bound; here are the places that have no such help: terminals and logs,
chat messages, Markdown.
"""

import re
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters (terminals obey them), line breaks of every kind, marks that turn the direction of reading, what
takes no room, and halves of surrogate pairs, which no file takes."""
_SPACES: Final = re.compile(r"\s*[\r\n]+\s*|\t")
_MENTION: Final = re.compile(r"@(?=(?:all|channel|everyone|here|team)\b)", re.IGNORECASE)
_TICKS: Final = re.compile(r"`+")
MOST_CHARACTERS: Final = 3000
"""Of a chat message: what Slack's text blocks take."""


def one_line(text: str) -> str:
    r"""Return `text` as one line in which what cannot be seen is spelled out; line breaks become spaces.

    >>> one_line("red: \x1b[31m\nnext")
    'red: \\x1b[31m next'
    """
    return _INVISIBLE.sub(lambda found: _spelled(found[0]), _SPACES.sub(" ", text))


def chat_text(text: str) -> str:
    """Return `text` for a {"text": ...} message: one line that mentions nobody, links nowhere and formats nothing.

    `&`, `<` and `>` are escaped as Slack wants it ("Formatting text for app surfaces", read 2026-11), which also
    stops `<!channel>`; Mattermost's plain `@channel` is broken by a space.

    >>> chat_text("<!channel> & @here [free](http://x)")
    '&lt;!channel&gt; &amp; @ here [free] (http://x)'
    """
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MENTION.sub("@ ", line).replace("](", "] (")
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]} …"


def code_span(text: str) -> str:
    """Return `text` as a code span of Markdown, in which links, images, HTML and Markdown mean nothing.

    Not for a cell of a table, where `|` would end it.

    >>> code_span("<b>`x`"), code_span("")
    ('`` <b>`x` ``', '` `')
    """
    line = one_line(text)
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    padding = " " if not line.strip() or line.startswith("`") or line.endswith("`") or len(fence) > 1 else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else "` `"


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
