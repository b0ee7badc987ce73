"""POST /progress: beats without GraphQL around them, for pages that are being closed and for who counts every microsecond.

`fetch` with `keepalive` sends the access token in a header; `navigator.sendBeacon` can send none, and only types that need
no preflight, so there the body is text/plain and carries a ticket. Nothing a browser adds by itself authorises anything.
"""

from typing import Any, Final

import orjson

from app.asgi.answers import Answer, HttpRejected, Receive, Send, error_body, send_answer
from app.asgi.graphql_request import ClientGoneError, bad_request, read_body
from app.asgi.negotiation import is_in_utf8
from app.asgi.request_head import HEAD, RequestHead, Scope
from app.errors import Unavailable
from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.learning.beats import MAX_BEATS, MESSAGES, Beat, plain_beat
from app.resources import Resources
from graphql_schema.context import authenticate
from graphql_schema.errors import INTERNAL_MESSAGE, log_bug
from graphql_schema.node import number_of
from graphql_schema.scalars import instant_of

_ALLOW: Final = ((b"allow", b"POST, OPTIONS"),)
_ACCEPT_POST: Final = ((b"accept-post", b"application/json, text/plain"),)
_MISSING_TOKEN: Final = ((b"www-authenticate", b"Bearer"),)
_INVALID_TOKEN: Final = ((b"www-authenticate", b'Bearer error="invalid_token"'),)


class ProgressEndpoint:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._http = resources.settings.http
        self._patience = resources.settings.progress.outage_patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head: RequestHead = scope[HEAD]
        try:
            answer = await self._answer(scope["method"], receive, head)
        except ClientGoneError:
            return
        except HttpRejected as rejected:
            answer = rejected.answer()
        except InvalidAccessToken as error:
            answer = Answer(401, error_body("UNAUTHENTICATED", str(error)), headers=_INVALID_TOKEN)
        except Unavailable as error:
            seconds = error.retry_after_seconds
            body = error_body("UNAVAILABLE", str(error), retryAfterSeconds=seconds)
            answer = Answer(503, body, headers=((b"retry-after", str(seconds).encode()),))
        except Exception as error:  # noqa: BLE001 - the last net: a bug is answered, never a broken connection
            log_bug(error, operation="POST /progress")
            answer = Answer(500, error_body("INTERNAL", INTERNAL_MESSAGE, requestId=head.request_id))
        await send_answer(send, answer, request_id=head.request_id, with_body=scope["method"] != "HEAD")

    async def _answer(self, method: str, receive: Receive, head: RequestHead) -> Answer:
        if method == "OPTIONS":
            return Answer(204, b"", headers=_ALLOW)
        if method != "POST":
            raise HttpRejected(405, "METHOD_NOT_ALLOWED", "Use POST.", headers=_ALLOW)
        _check_type(head)
        body = await read_body(
            receive, head.headers, limit=self._http.body_limit, timeout=self._http.operation_timeout
        )
        document = _document(body)
        actor, renewed = await self._actor(head, document.get("ticket"))
        assert actor.user_id is not None
        report = await self._resources.progress_recorder.record(
            actor.user_id, _beats(document), user_agent=head.text(b"user-agent") or ""
        )
        answer = {
            "accepted": report.accepted,
            "rejected": [
                {"index": index, "code": code, "message": MESSAGES[code]} for index, code in report.rejected
            ],
            "nextBeatAfterSeconds": report.next_beat_after,
            "ticket": renewed,
        }
        return Answer(202, orjson.dumps(answer))

    async def _actor(self, head: RequestHead, ticket: object) -> tuple[Actor, str | None]:
        """Who reports, and a new ticket: who shows one gets none, or it would never end."""
        resources = self._resources
        authorization = head.text(b"authorization")
        if authorization is not None:
            actor = await authenticate(resources, {"authorization": authorization}, patience=self._patience)
            return actor, resources.progress_tickets.make(actor)
        if not isinstance(ticket, str):
            raise HttpRejected(
                401,
                "UNAUTHENTICATED",
                "Send an access token in the header, or a ticket in the body.",
                headers=_MISSING_TOKEN,
            )
        actor = resources.progress_tickets.read(ticket)
        await resources.ended_sessions.check(actor.session_id, patience=self._patience)
        return actor, None


def _check_type(head: RequestHead) -> None:
    content_type = head.headers.get(b"content-type")
    if not (is_in_utf8(content_type, "application/json") or is_in_utf8(content_type, "text/plain")):
        message = "Send the beats as application/json or text/plain, in UTF-8."
        raise HttpRejected(415, "UNSUPPORTED_MEDIA_TYPE", message, headers=_ACCEPT_POST)
    if head.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HttpRejected(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body without a content encoding.")


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("The body is not valid JSON in UTF-8.") from None
    if not isinstance(document, dict):
        raise bad_request("The body must be a JSON object.")
    return document


def _beats(document: dict[str, Any]) -> list[Beat | None]:
    listed = document.get("beats")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_BEATS:
        raise bad_request(f"`beats` must be a list of 1 to {MAX_BEATS} beats.")
    numbers: dict[str, int | None] = {}
    beats: list[Beat | None] = []
    for each in listed:
        beat = None
        if isinstance(each, dict):
            identifier, moment = each.get("videoId"), each.get("clientTime")
            if type(identifier) is str and type(moment) is str:
                if identifier not in numbers:
                    numbers[identifier] = number_of("Video", identifier)
                beat = plain_beat(each, numbers[identifier], _milliseconds(moment))
        beats.append(beat)
    return beats


def _milliseconds(text: str) -> int | None:
    """Since 1970, of a time with an offset; None for anything else."""
    moment = instant_of(text)
    return None if moment is None else int(moment.timestamp() * 1000)
