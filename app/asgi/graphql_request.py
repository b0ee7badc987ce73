"""From HTTP to the parameters of a GraphQL request. Whatever is wrong with them is a 4xx, never a failure of ours."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from app.asgi.answers import HttpRejected, Receive
from app.asgi.negotiation import is_json

# Eight kilobytes of document, percent-encoded, with room for variables. Proxies refuse longer addresses anyway.
URL_LIMIT: Final = 16_384

_PARAMETERS = ("query", "operationName", "variables", "extensions")
_QUOTED_PARAMETERS = tuple(f'"{name}"'.encode() for name in _PARAMETERS)


class ClientGoneError(Exception):
    """The client closed the connection: nobody waits for an answer."""


@dataclass(slots=True)
class GraphQLRequest:
    query: str
    operation_name: str | None
    variables: dict[str, Any]


def bad_request(message: str) -> HttpRejected:
    return HttpRejected(400, "BAD_REQUEST", message)


def check_body_type(headers: Mapping[bytes, bytes]) -> None:
    """Raises 415. What a form on a foreign page can send without asking (text/plain, forms) ends here."""
    if not is_json(headers.get(b"content-type")):
        raise HttpRejected(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send the request as application/json in UTF-8.",
            headers=_ACCEPT_POST,
        )
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HttpRejected(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body without a content encoding.")


_ACCEPT_POST = ((b"accept-post", b"application/json"),)


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], *, limit: int, timeout: float) -> bytes:  # noqa: ASYNC109
    """The whole body, at most `limit` bytes, within `timeout` seconds. Raises 413, 408, ClientGoneError.

    Chunked bodies state no length: bytes are counted as they come.
    """
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(timeout):
            message = await receive()
            body: bytes = message.get("body", b"")
            chunks = [body]
            size = len(body)
            while message["type"] == "http.request" and message.get("more_body") and size <= limit:
                message = await receive()
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
    except TimeoutError:
        raise HttpRejected(
            408, "REQUEST_TIMEOUT", "The body did not arrive in time.", headers=_CLOSE
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    if size > limit:
        raise _too_large(limit)
    return body if len(chunks) == 1 else b"".join(chunks)


_CLOSE = ((b"connection", b"close"),)


def _too_large(limit: int) -> HttpRejected:
    return HttpRejected(
        413, "PAYLOAD_TOO_LARGE", f"A request body may have {limit} bytes at most.", headers=_CLOSE
    )


def from_body(body: bytes) -> GraphQLRequest:
    """Raises 400 for anything but one JSON object with the four parameters."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("The body is not valid JSON in UTF-8.") from None
    if isinstance(document, list):
        raise bad_request("Batches are not supported: send one JSON object per request.")
    if not isinstance(document, dict):
        raise bad_request("The body must be a JSON object.")
    if _may_repeat_a_key(body):
        _refuse_repeated_keys(body)
    return _checked(document, nul_possible=b"\\u0000" in body)


def from_query_string(query_string: bytes) -> GraphQLRequest:
    """Raises 414, 400. `variables` and `extensions` are JSON texts."""
    if len(query_string) > URL_LIMIT:
        raise HttpRejected(414, "URI_TOO_LONG", "The address is too long: use POST.")
    try:
        pairs = [
            (name.decode(), value.decode())
            for name, value in parse_qsl(query_string, keep_blank_values=True, max_num_fields=50)
        ]
    except ValueError:
        raise bad_request("The address is not valid UTF-8, or has too many parameters.") from None
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise bad_request(
                f"The parameter `{name}` is repeated." if name in _PARAMETERS else "Repeated parameter."
            )
        document[name] = value
    for name in ("variables", "extensions"):
        if document.get(name):
            try:
                document[name] = orjson.loads(document[name])
            except orjson.JSONDecodeError:
                raise bad_request(f"The parameter `{name}` is not valid JSON.") from None
        else:
            document[name] = None
    document["operationName"] = document.get("operationName") or None
    return _checked(document, nul_possible=b"%00" in query_string or b"u0000" in query_string)


def _checked(document: dict[str, Any], *, nul_possible: bool) -> GraphQLRequest:
    query = document.get("query")
    if not query and _names_a_hash(document.get("extensions")):
        # What Apollo's link for persisted queries waits for: it sends the text from then on. Not a failure of the request.
        raise HttpRejected(200, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
    if not isinstance(query, str) or not query:
        raise bad_request("`query` must be a string with a GraphQL document.")
    operation_name = document.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise bad_request("`operationName` must be a string or null.")
    variables = document.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise bad_request("`variables` must be an object or null.")
    extensions = document.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise bad_request("`extensions` must be an object or null.")
    if nul_possible and _holds_nul(variables):
        raise bad_request("Text must not contain the NUL character.")
    return GraphQLRequest(query, operation_name, variables or {})


def _names_a_hash(extensions: object) -> bool:
    return isinstance(extensions, dict) and "persistedQuery" in extensions


def _may_repeat_a_key(body: bytes) -> bool:
    # orjson silently keeps the last of repeated keys, while a proxy in front may have looked at the first. Counting
    # is cheap, and needed only where a name stands twice or hides behind an escape.
    return b"\\u00" in body or any(body.count(name) > 1 for name in _QUOTED_PARAMETERS)


def _refuse_repeated_keys(body: bytes) -> None:
    try:
        pairs: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise bad_request("The body is not valid JSON in UTF-8.") from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise bad_request("The body names a parameter twice.")


def _holds_nul(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False
