"""Free loopback ports for the servers that a try-out starts."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def find_free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different loopback ports that nothing listens on now.

    Another process may take one before it is used: start the server at once, and look whether it came up.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for listener in sockets:
            listener.bind((LOOPBACK, 0))
        return tuple(listener.getsockname()[1] for listener in sockets)
