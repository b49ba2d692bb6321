"""A chat room that takes messages over HTTP, and refuses them as it is told to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Inbox:
    """Keeps the texts it took; answers with `statuses` one after the other, then with 200."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.statuses: list[int] = []
        self.requests = 0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.requests += 1
                status = inbox.statuses.pop(0) if inbox.statuses else 200
                if status == 200:
                    inbox.texts.append(json.loads(body)["text"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/s3cr3t-token"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()
