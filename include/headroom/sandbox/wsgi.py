"""The sandbox's WSGI application: control requests, injected faults, the call log, and the cloud behind them."""

import json
import logging
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from werkzeug.http import HTTP_STATUS_CODES

from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError, read_call, render_error
from headroom.sandbox.calls import Call, is_write_operation
from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.control import PREFIX, answer_control
from headroom.sandbox.faults import Fault

log = logging.getLogger(__name__)

MOTO_PREFIX = "/moto-api"
StartResponse = Callable[..., Any]


class SandboxApplication:
    """The application in front of one cloud; called by several threads at once."""

    def __init__(self, cloud: SandboxCloud) -> None:
        self._cloud = cloud

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        call = read_call(environ)
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith(PREFIX):
            status, document = answer_control(self._cloud, str(environ["REQUEST_METHOD"]), path, call.body)
            answer = Answer(status, [("Content-Type", "application/json")], json.dumps(document).encode())
        elif path.startswith(MOTO_PREFIX):
            answer = self._cloud.answer(call)
        else:
            answer = self._answer_aws(call)
        return _send(answer, environ, start_response)

    def _answer_aws(self, call: AwsCall) -> Answer:
        with self._cloud.lock:
            fault = self._cloud.faults.take(
                service=call.service, operation=call.operation, region=call.region, text=call.text
            )
        if fault is None:
            answer = self._cloud.answer(call)
            self._record(call, answer.status)
            return answer
        return self._answer_with_fault(call, fault)

    def _answer_with_fault(self, call: AwsCall, fault: Fault) -> Answer:
        """Answer as the fault says; ConnectionResetError, after cutting the connection, where no answer may come.

        What is carried out although its answer hangs stands in the log of calls meanwhile.
        """
        if not fault.is_applied:
            time.sleep(fault.delay_seconds)
        answer = self._spoiled_answer(call, fault)
        if answer is None:
            self._record(call, None, "fault: connection dropped" + (" after applying" if fault.is_applied else ""))
        else:
            self._record(call, answer.status, f"fault: {fault.code if fault.status else 'slow or partly failed'}")
        if fault.is_applied:
            time.sleep(fault.delay_seconds)
        return _cut(call) if answer is None else answer

    def _spoiled_answer(self, call: AwsCall, fault: Fault) -> Answer | None:
        """Carry the call out where the fault lets it through; return what is answered, None for nothing at all."""
        call.failing_items, call.failing_code = fault.failing_items, fault.code
        is_spoiled = fault.status is not None or fault.is_connection_dropped
        answer = self._cloud.answer(call) if fault.is_applied or not is_spoiled else None
        if fault.is_connection_dropped:
            return None
        if fault.status is not None:
            return render_error(call, AwsError(fault.code, fault.message), status=fault.status)
        return answer

    def _record(self, call: AwsCall, status: int | None, detail: str = "") -> None:
        operation = call.operation or str(call.environ["REQUEST_METHOD"]).title()
        path = str(call.environ.get("PATH_INFO", ""))
        log.info("%s %s -> %s %s", call.service, operation, status, detail)
        with self._cloud.lock:
            self._cloud.calls.record(
                Call(
                    service=call.service,
                    operation=operation,
                    is_write=is_write_operation(operation),
                    at=self._cloud.now(),
                    status=status,
                    detail=detail or (path.strip("/") if call.service == "s3" else ""),
                    caller=call.caller,
                )
            )


def _send(answer: Answer, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Hand the answer to the server, which adds the Date."""
    headers = [(name, value) for name, value in answer.headers if name.lower() not in ("date", "content-length")]
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    announced = {name.lower(): value for name, value in answer.headers}.get("content-length") if is_head else None
    headers.append(("Content-Length", announced or str(len(answer.body))))
    headers.append(("x-amzn-RequestId", str(uuid.uuid4())))  # where an answer in JSON carries it
    start_response(f"{int(answer.status)} {HTTP_STATUS_CODES.get(answer.status, 'Unknown')}", headers)
    return [] if is_head else [answer.body]


def _cut(call: AwsCall) -> NoReturn:
    """Close the client's connection without an answer."""
    connection = call.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("a fault that was asked for at /_sandbox/faults")
