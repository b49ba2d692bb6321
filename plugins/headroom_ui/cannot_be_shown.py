"""What a page says in place of itself where configuration or lake cannot be read: which file or key, and why."""

from collections.abc import Callable
from functools import wraps
from html import escape
from typing import ParamSpec

from fastapi.responses import HTMLResponse

from headroom.config import ConfigError
from headroom.config.secrets import redact
from headroom.domain.foreign_text import one_line
from headroom.extract.errors import CLOUD_ERRORS
from headroom.lake.errors import LakeError

Asked = ParamSpec("Asked")
MOST_CHARACTERS = 1000
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Headroom</title></head>
<body style="font-family: system-ui, sans-serif; max-width: 40em; margin: 3em auto; line-height: 1.5">
<h1>This page cannot be shown</h1>
<p><code>{cause}</code></p>
<p>Pushes and rollbacks read the same. At a shell, <b>headroom doctor</b> says what else is wrong.</p>
</body>
</html>
"""


def say_what_cannot_be_read(page: Callable[Asked, HTMLResponse]) -> Callable[Asked, HTMLResponse]:
    """Return `page`, answering 503 with the cause where what it shows cannot be read; a defect of ours stays one."""

    @wraps(page)
    def answer(*arguments: Asked.args, **named: Asked.kwargs) -> HTMLResponse:
        try:
            return page(*arguments, **named)
        except (ConfigError, LakeError, OSError, *CLOUD_ERRORS) as error:
            cause = one_line(redact(error))[:MOST_CHARACTERS]
            return HTMLResponse(PAGE.format(cause=escape(cause)), status_code=503)

    return answer
