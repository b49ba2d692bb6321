"""Serves a sandbox cloud over HTTP, on loopback unless told otherwise, with its own clock in the Date header."""

import logging
import threading
from datetime import datetime
from email.utils import format_datetime

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.ports import LOOPBACK
from headroom.sandbox.wsgi import SandboxApplication

log = logging.getLogger(__name__)
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104, only where the user asks for it
POLL_SECONDS = 0.1
"""How long it may take to notice that it shall stop."""


class SandboxServer:
    """A threaded HTTP server in a thread of its own; `port` 0 takes a free one. OSError where the port is taken.

    `host` is an address of this machine. `url` is how this machine itself reaches the server.
    """

    def __init__(self, cloud: SandboxCloud, *, host: str = LOOPBACK, port: int = 0) -> None:
        self._server = make_server(
            host, port, SandboxApplication(cloud), threaded=True, request_handler=_request_handler(cloud)
        )
        own_address = LOOPBACK if host == EVERY_ADDRESS else host
        self.url = f"http://{own_address}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="sandbox-server", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port; calls that hang in a fault are cut off with the process."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _request_handler(cloud: SandboxCloud) -> type[MotoRequestHandler]:
    class RequestHandler(MotoRequestHandler):
        """werkzeug sets a Date of its own, by the wall clock, and logs to stderr: neither is wanted."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            now: datetime = cloud.now()
            return format_datetime(now, usegmt=True) if timestamp is None else super().date_time_string(timestamp)

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002, werkzeug's name
            log.debug("%s " + message, type, *args)  # noqa: G003, werkzeug hands over a format

    return RequestHandler
