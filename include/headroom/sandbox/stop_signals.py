"""Being asked to end: turned into one exception while there is work, and left alone while cleaning up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818, a request more than an error
    """Somebody asked the program to end."""


@contextmanager
def raising_on_stop() -> Iterator[None]:
    """Raise Interrupted on the first Ctrl-C, SIGTERM or closed terminal while the context lasts.

    Later ones are ignored, and so are all after the context: what follows is cleaning up, which must not be cut short.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _ignore_all()
        raise Interrupted

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        _ignore_all()


@contextmanager
def holding_stop_signals() -> Iterator[None]:
    """Put a request to end off until the context is over, so that no process is started and then not known of."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: held.append(number)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def _ignore_all() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
