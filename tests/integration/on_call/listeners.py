"""Where metrics arrive: a StatsD server over UDP and an OpenTelemetry collector over HTTP, on loopback."""

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

LARGEST_DATAGRAM = 65535


class StatsdListener:
    """Keeps the newest value of every gauge, by its name."""

    def __init__(self) -> None:
        self.gauges: dict[str, float] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._is_closing.is_set():
            return
        self._is_closing.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                datagram = self._socket.recv(LARGEST_DATAGRAM)
            except TimeoutError:
                if self._is_closing.is_set():
                    return  # what was on its way has been read
                continue
            for line in datagram.decode().splitlines():
                name, _, rest = line.partition(":")
                value, _, kind = rest.partition("|")
                if kind == "g":
                    self.gauges[name] = float(value)


class OtlpCollector:
    """Keeps the newest value of every gauge, by its name and attributes."""

    def __init__(self) -> None:
        self.gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == "/v1/metrics":
                    collector.take(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def take(self, request: ExportMetricsServiceRequest) -> None:
        """Keep what one export brought."""
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.gauge.data_points:
                        labels = tuple(sorted((item.key, item.value.string_value) for item in point.attributes))
                        self.gauges[metric.name, labels] = point.as_double or float(point.as_int)

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
