"""Reads and writes AWS's wire protocols: which operation a request asks for, its parameters, and answers in its shape.

Parsing and serializing follow botocore's own service models, through moto's parser and serializer, so that a handler
sees and returns plain dictionaries whatever the protocol (Query/XML, EC2, JSON 1.0 and 1.1, REST).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from botocore.exceptions import BotoCoreError
from botocore.model import OperationNotFoundError
from botocore.utils import parse_timestamp
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers as WsgiHeaders
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wsgi import get_input_stream

from headroom.domain.account import Place

log = logging.getLogger(__name__)

SERVICE_OF_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
}
"""Where the name a service signs with is not botocore's name for it; the others the sandbox speaks are the same."""
DEFAULT_REGION = "us-east-1"
Headers = list[tuple[str, str]]


class AwsError(ServiceException):
    """A refusal, answered as AWS answers it: `AwsError(code, message)`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


@dataclass(slots=True, kw_only=True)
class AwsCall:
    """A request to an AWS API; `operation` is empty where none could be found out."""

    service: str
    operation: str
    region: str
    environ: dict[str, Any]
    body: bytes
    access_key: str = ""
    """Whose credentials signed the request; empty where none did."""
    account: str = ""
    """Whose account it is about: that of the credentials."""
    caller: str = ""
    """ARN of who signed it, as GetCallerIdentity names it, once that was looked up."""
    failing_items: int = 0
    """How many items of a batch an injected fault spoils."""
    failing_code: str = ""
    _parameters: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def place(self) -> Place:
        """The account and region it is about."""
        return Place(account=self.account, region=self.region)

    @property
    def text(self) -> str:
        """The path and the decoded body, for faults that look for a name in it."""
        return f"{self.environ.get('PATH_INFO', '')}?{unquote_plus(self.body[:100_000].decode('utf-8', 'replace'))}"

    @property
    def model(self) -> OperationModel:
        """The operation in botocore's model."""
        model: OperationModel = get_service_model(self.service).operation_model(self.operation)
        return model

    @property
    def protocol(self) -> str:
        """The wire protocol of this very request."""
        return determine_request_protocol(get_service_model(self.service), self.environ.get("CONTENT_TYPE", ""))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by their names in botocore's model; times are aware datetimes. AwsError where unreadable."""
        if self._parameters is None:
            parser = PROTOCOL_PARSERS[self.protocol](self.model, timestamp_parser=_parse_time)
            try:
                self._parameters = parser.parse(
                    {
                        "method": self.environ["REQUEST_METHOD"],
                        "values": MultiDict(parse_qsl(self.body.decode(), keep_blank_values=True)),
                        "headers": WsgiHeaders(),
                        "body": self.body,
                        "url_path": self.environ.get("PATH_INFO", "/"),
                        "url_params": {},
                    }
                )
            except (ValueError, TypeError, KeyError) as error:
                raise AwsError("ValidationError", f"the request cannot be read: {error}") from error
        return self._parameters


def read_call(environ: dict[str, Any]) -> AwsCall:
    """Read a WSGI request: the signature's scope names service and region, the protocol names the operation."""
    body = get_input_stream(environ).read()
    service, region, access_key = _scope(environ)
    return AwsCall(
        service=service,
        operation=_operation(environ, service, body),
        region=region,
        environ=environ,
        body=body,
        access_key=access_key,
    )


def render_result(call: AwsCall, result: Mapping[str, Any]) -> Answer:
    """Answer with an operation's result, given by the names in botocore's model; times must be aware."""
    return _render(call, dict(result))


def render_error(call: AwsCall, error: ServiceException, *, status: int | None = None) -> Answer:
    """Answer with an error in the service's own shape; `status` overrides the one that the model gives."""
    try:
        answer = _render(call, error)
    except (OperationNotFoundError, BotoCoreError, NotImplementedError):  # nothing botocore has a model of
        body = json.dumps({"__type": getattr(error, "code", "InternalFailure"), "message": str(error)}).encode()
        answer = Answer(HTTPStatus.BAD_REQUEST, [("Content-Type", "application/x-amz-json-1.1")], body)
    return answer if status is None else Answer(status, answer.headers, answer.body)


def copy_environ(call: AwsCall, body: bytes | None = None) -> dict[str, Any]:
    """Return the WSGI environment of the call once more, to be handed on, with its body or another one."""
    content = call.body if body is None else body
    return {
        **{key: value for key, value in call.environ.items() if key not in _CONSUMED_KEYS},
        "wsgi.input": BytesIO(content),
        "CONTENT_LENGTH": str(len(content)),
    }


_CONSUMED_KEYS = frozenset({"HTTP_TRANSFER_ENCODING", "wsgi.input_terminated", "werkzeug.request"})


def _render(call: AwsCall, result: object) -> Answer:
    serializer = get_serializer_class(call.service, call.protocol)(operation_model=call.model)
    response = serializer.serialize(result)
    body = response["body"]
    headers = [(name, str(value)) for name, value in response["headers"].items()]
    return Answer(int(response["status_code"]), headers, body.encode() if isinstance(body, str) else body)


def _parse_time(value: str | float) -> datetime:
    moment: datetime = parse_timestamp(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _scope(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return service, region and access key of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.

    An unsigned request is taken for S3's, and has no key.
    """
    authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
    _, found, credential = authorization.partition("Credential=")
    parts = credential.split(",")[0].split("/")
    if not found or len(parts) < 5:
        return "s3", DEFAULT_REGION, ""
    return SERVICE_OF_SIGNING_NAME.get(parts[-2], parts[-2]), parts[-3], "/".join(parts[:-4])


def _operation(environ: Mapping[str, Any], service: str, body: bytes) -> str:
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2]
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        action = dict(parse_qsl(body.decode("utf-8", "replace"))).get("Action")
        if action:
            return action
    query = dict(parse_qsl(str(environ.get("QUERY_STRING", ""))))
    if "Action" in query:
        return query["Action"]
    try:
        operation, _ = get_service_router(service).match(Request({**environ, "wsgi.input": BytesIO(body)}))
    except (NotFound, NotImplementedError, LookupError, ValueError) as error:
        log.debug("no operation found for %s %s: %s", service, environ.get("PATH_INFO"), error)
        return ""
    return str(operation.name)
