"""The everyday calls of S3 (get, head, put, delete and list objects), answered from moto's store without its HTTP side.

A lake of a thousand fleets is read and written in such calls, tens of thousands of them an hour; through moto's request
handling each takes five to twenty milliseconds. A call that asks for more than the plain thing (versions, checksums of
a trailer, delimiters, anything conditional but IfNoneMatch on a put) still goes to moto, which holds the same objects.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import escape

from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError
from headroom.sandbox.moto_bridge import MotoBridge

MAX_KEYS: Final = 1000
_LIST_ARGUMENTS: Final = frozenset({"list-type", "prefix", "max-keys", "continuation-token", "encoding-type"})
_NOT_PLAIN: Final = ("HTTP_X_AMZ_COPY_SOURCE", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")
_XML: Final = [("Content-Type", "application/xml")]


class ObjectsApi:
    """The handlers; the caller holds the sandbox's lock."""

    def __init__(self, moto: MotoBridge) -> None:
        self._moto = moto

    def put_object(self, call: AwsCall, *, at_utc: datetime) -> Answer:
        """PutObject, create-once with `If-None-Match: *`."""
        bucket, key = _place(call)
        condition = call.environ.get("HTTP_IF_NONE_MATCH")
        is_chunked = "chunked" in str(call.environ.get("HTTP_CONTENT_ENCODING", ""))
        has_metadata = any(
            name.startswith(("HTTP_X_AMZ_META", "HTTP_X_AMZ_SERVER", "HTTP_X_AMZ_TAGGING", "HTTP_X_AMZ_ACL"))
            for name in call.environ
        )
        if (
            is_chunked
            or has_metadata
            or condition not in (None, "*")
            or not _is_plain(call)
            or not self._moto.has_bucket(bucket)
        ):
            return self._moto.forward(call)
        if condition and self._moto.stored_object(bucket, key) is not None:
            message = "At least one of the pre-conditions you specified did not hold"
            return _error(AwsError("PreconditionFailed", message), HTTPStatus.PRECONDITION_FAILED)
        stored = self._moto.put_object(bucket, key, call.body, at_utc=at_utc)
        return Answer(HTTPStatus.OK, [("ETag", stored.etag)], b"")

    def get_object(self, call: AwsCall) -> Answer:
        """GetObject, whole or one range; HeadObject, whose body the server leaves out."""
        bucket, key = _place(call)
        stored = self._moto.stored_object(bucket, key)
        if stored is None or not _is_plain(call) or "HTTP_IF_NONE_MATCH" in call.environ:
            return self._moto.forward(call)
        content: bytes = stored.value
        headers = [
            ("ETag", stored.etag),
            ("Last-Modified", format_datetime(stored.last_modified.replace(tzinfo=None)).replace("-0000", "GMT")),
            ("Accept-Ranges", "bytes"),
            ("Content-Type", "binary/octet-stream"),
        ]
        asked = call.environ.get("HTTP_RANGE")
        if asked is None:
            return Answer(HTTPStatus.OK, [*headers, ("Content-Length", str(len(content)))], content)
        span = _span(str(asked), len(content))
        if span is None:
            return self._moto.forward(call)
        first, last = span
        headers += [
            ("Content-Range", f"bytes {first}-{last}/{len(content)}"),
            ("Content-Length", str(last - first + 1)),
        ]
        return Answer(HTTPStatus.PARTIAL_CONTENT, headers, content[first : last + 1])

    def delete_object(self, call: AwsCall) -> Answer:
        """DeleteObject of the one version there is."""
        bucket, key = _place(call)
        if not _is_plain(call) or not self._moto.has_bucket(bucket):
            return self._moto.forward(call)
        self._moto.delete_object(bucket, key)
        return Answer(HTTPStatus.NO_CONTENT, [], b"")

    def list_objects(self, call: AwsCall) -> Answer:
        """ListObjectsV2 by prefix, page by page in the keys' order."""
        bucket, _ = _place(call)
        arguments = _query(call)
        if set(arguments) - _LIST_ARGUMENTS or not self._moto.has_bucket(bucket):
            return self._moto.forward(call)
        prefix, after = arguments.get("prefix", ""), arguments.get("continuation-token", "")
        size = min(int(arguments.get("max-keys", MAX_KEYS)), MAX_KEYS)
        keys = sorted(key for key in self._moto.object_keys(bucket) if key.startswith(prefix) and key > after)
        page, rest = keys[:size], keys[size:]
        is_encoded = arguments.get("encoding-type") == "url"
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
            f"<Name>{bucket}</Name><Prefix>{_text(prefix, is_encoded=is_encoded)}</Prefix><MaxKeys>{size}</MaxKeys>",
            f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{'true' if rest else 'false'}</IsTruncated>",
            "<EncodingType>url</EncodingType>" if is_encoded else "",
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else "",
            *self._entries(bucket, page, is_encoded=is_encoded),
            "</ListBucketResult>",
        ]
        return Answer(HTTPStatus.OK, _XML, "".join(lines).encode())

    def _entries(self, bucket: str, keys: list[str], *, is_encoded: bool) -> Iterator[str]:
        for key in keys:
            stored = self._moto.stored_object(bucket, key)
            if stored is not None:
                yield (
                    f"<Contents><Key>{_text(key, is_encoded=is_encoded)}</Key>"
                    f"<LastModified>{stored.last_modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                    f"<ETag>{escape(stored.etag)}</ETag><Size>{stored.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )


def _place(call: AwsCall) -> tuple[str, str]:
    bucket, _, key = str(call.environ.get("PATH_INFO", "")).lstrip("/").partition("/")
    return bucket, key.encode("latin-1").decode()  # WSGI hands over UTF-8 as Latin-1


def _query(call: AwsCall) -> Mapping[str, str]:
    return dict(parse_qsl(str(call.environ.get("QUERY_STRING", "")), keep_blank_values=True))


def _is_plain(call: AwsCall) -> bool:
    """Whether the call asks for no version, part or copy, and on no condition."""
    return not set(_query(call)) - {"x-id"} and not any(name in call.environ for name in _NOT_PLAIN)


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte of `bytes=0-99`, `bytes=100-` or `bytes=-8`; None for what moto is to answer."""
    first, found, last = asked.removeprefix("bytes=").partition("-")
    if not found or not (first + last).isdecimal() or not size:
        return None
    if not first:
        return max(size - int(last), 0), size - 1
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if int(first) <= end else None


def _text(key: str, *, is_encoded: bool) -> str:
    return quote(key) if is_encoded else escape(key)


def _error(error: AwsError, status: HTTPStatus) -> Answer:
    code, message = escape(error.code), escape(error.message)
    return Answer(status, _XML, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())
