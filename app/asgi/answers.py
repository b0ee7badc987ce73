"""Answers in JSON, sent straight through ASGI: two messages, no response object."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.asgi.negotiation import JSON

Header = tuple[bytes, bytes]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REQUEST_ID: Final = b"x-request-id"
_NO_STORE: Final = (b"cache-control", b"no-store")
_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    media_type: bytes = JSON
    headers: Sequence[Header] = ()


class HttpRejected(Exception):
    """The request is answered without running anything. `headers` are added to the answer."""

    def __init__(self, status: int, code: str, message: str, *, headers: Sequence[Header] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def answer(self, media_type: bytes = JSON) -> Answer:
        return Answer(self.status, error_body(self.code, self.message), media_type, self.headers)


def error_body(code: str, message: str, **extensions: Any) -> bytes:
    """One error in GraphQL's form; every JSON error of this server looks like this."""
    return errors_body([{"message": message, "extensions": {"code": code, **extensions}}])


def errors_body(errors: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"errors": errors})


async def send_answer(send: Send, answer: Answer, *, request_id: str, with_body: bool = True) -> None:
    """Sends status, headers and, unless the method was HEAD, the body."""
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (b"content-type", answer.media_type + b"; charset=utf-8"),
                (b"content-length", str(len(answer.body)).encode()),
                (REQUEST_ID, request_id.encode()),
                _NO_STORE,
                _NO_SNIFF,
                *answer.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
