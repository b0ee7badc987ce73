"""POST and GET /graphql: a plain ASGI application, because every layer between socket and executor costs each request."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import orjson
from graphql import GraphQLSchema, OperationType

from app.asgi.answers import Answer, HttpRejected, Receive, Send, error_body, errors_body, send_answer
from app.asgi.graphql_request import (
    ClientGoneError,
    GraphQLRequest,
    bad_request,
    check_body_type,
    from_body,
    from_query_string,
    read_body,
)
from app.asgi.negotiation import GRAPHQL_RESPONSE, JSON, response_type
from app.asgi.operation_metrics import NO_OPERATION, OperationMetrics
from app.asgi.request_head import HEAD, RequestHead, Scope
from app.errors import Unavailable
from app.identity.errors import InvalidAccessToken
from app.settings import Settings
from app.telemetry import Metrics, StatementCount, statements
from graphql_schema.documents import DocumentRejected, Documents, PreparedOperation
from graphql_schema.errors import INTERNAL_MESSAGE, ErrorReport, Outcome, log_bug, report
from graphql_schema.execution import Execution, Operations
from graphql_schema.mutation import served_in_outages

_ALLOW: Final = ((b"allow", b"GET, HEAD, POST, OPTIONS"),)
_ALLOW_POST: Final = ((b"allow", b"POST"),)
_INVALID_TOKEN: Final = ((b"www-authenticate", b'Bearer error="invalid_token"'),)

BuildContext = Callable[[RequestHead], Any]


class GraphQLEndpoint:
    """`build_context` may be a plain or an async function; it raises InvalidAccessToken for a token that proves
    nothing. `build_patiently` is for operations that need no database, and are served while it is away or hangs.
    """

    def __init__(
        self,
        settings: Settings,
        schema: GraphQLSchema,
        metrics: Metrics,
        build_context: BuildContext,
        build_patiently: BuildContext | None = None,
    ) -> None:
        self._settings = settings
        self._build_context = build_context
        self._build_patiently = build_patiently or build_context
        self._served_in_outages = served_in_outages(schema)
        self._metrics = OperationMetrics(metrics)
        self.documents = Documents(
            schema, settings.graphql, introspection=settings.introspection, metrics=metrics
        )
        self._operations = Operations(
            schema, timeout=settings.http.operation_timeout, hide_suggestions=not settings.introspection
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head: RequestHead = scope[HEAD]
        # Before negotiation has spoken, errors are plain JSON.
        media_type = response_type(head.headers.get(b"accept"))
        try:
            answer = await self._answer(scope, receive, head, media_type)
        except ClientGoneError:
            self._metrics.count(NO_OPERATION, "disconnected")
            return
        except HttpRejected as rejected:
            self._metrics.count(NO_OPERATION, "bad_request")
            answer = rejected.answer(media_type or JSON)
        except DocumentRejected as rejected:
            self._metrics.count(NO_OPERATION, "rejected")
            answer = _refusal(rejected.errors, media_type or JSON, undetermined=rejected.undetermined)
        except InvalidAccessToken as error:
            self._metrics.count(NO_OPERATION, "unauthenticated")
            body = error_body("UNAUTHENTICATED", str(error))
            answer = Answer(401, body, media_type or JSON, _INVALID_TOKEN)
        except Unavailable as error:
            self._metrics.count(NO_OPERATION, "unavailable")
            answer = _unavailable(error, media_type or JSON)
        except Exception as error:  # noqa: BLE001 - the last net: a bug is answered, never a broken connection
            self._metrics.count(NO_OPERATION, "internal")
            log_bug(error, operation="request")
            body = error_body("INTERNAL", INTERNAL_MESSAGE, requestId=head.request_id)
            answer = Answer(500, body, media_type or JSON)
        await send_answer(send, answer, request_id=head.request_id, with_body=scope["method"] != "HEAD")

    async def _answer(
        self, scope: Scope, receive: Receive, head: RequestHead, media_type: bytes | None
    ) -> Answer:
        began = perf_counter()
        method: str = scope["method"]
        if method == "OPTIONS":
            return Answer(204, b"", headers=_ALLOW)
        if method not in {"POST", "GET", "HEAD"}:
            raise HttpRejected(405, "METHOD_NOT_ALLOWED", "Use POST or GET.", headers=_ALLOW)
        if media_type is None:
            raise HttpRejected(
                406, "NOT_ACCEPTABLE", "Accept application/graphql-response+json or application/json."
            )
        if method == "POST":
            check_body_type(head.headers)
            http = self._settings.http
            body = await read_body(
                receive, head.headers, limit=http.body_limit, timeout=http.operation_timeout
            )
            request = from_body(body)
        else:
            request = from_query_string(scope["query_string"])
        operation, refusal = None, None
        try:
            operation = self._prepare(request, writes=method == "POST")
        except (HttpRejected, DocumentRejected) as error:
            refusal = error
        patient = operation is not None and operation.only_field in self._served_in_outages
        context = (self._build_patiently if patient else self._build_context)(head)
        if hasattr(context, "__await__"):
            context = await context
        # Whoever cannot say who they are hears that first.
        if operation is None:
            assert refusal is not None
            raise refusal
        count = StatementCount()
        statements.set(count)
        execution = await self._operations.execute(operation, variables=request.variables, context=context)
        answer, outcome = _finished(execution, operation, media_type)
        self._metrics.executed(
            operation.label, outcome.label, seconds=perf_counter() - began, statements=count.total
        )
        return answer

    def _prepare(self, request: GraphQLRequest, *, writes: bool) -> PreparedOperation:
        operation = self.documents.prepare(request.query).operation(request.operation_name)
        if operation.type is OperationType.MUTATION and not writes:
            raise HttpRejected(405, "METHOD_NOT_ALLOWED", "Mutations need POST.", headers=_ALLOW_POST)
        if operation.type is OperationType.SUBSCRIPTION:
            raise bad_request("Subscriptions are not served here: open a WebSocket.")
        operation.check_nodes(request.variables, self._settings.graphql)
        return operation


def _finished(
    execution: Execution, operation: PreparedOperation, media_type: bytes
) -> tuple[Answer, Outcome]:
    data = execution.data
    if not execution.errors:
        try:
            body = orjson.dumps({"data": data})
        except TypeError as error:
            # A scalar that gives what JSON cannot hold is a bug of ours.
            log_bug(error, operation=operation.label)
            errors = [{"message": INTERNAL_MESSAGE, "extensions": {"code": "INTERNAL"}}]
            return Answer(500, errors_body(errors), media_type), Outcome.INTERNAL
        failed = operation.type is OperationType.MUTATION and _has_user_errors(data)
        return Answer(200, body, media_type), Outcome.USER_ERROR if failed else Outcome.OK
    found = report(execution.errors, operation=operation.label, ran=execution.began)
    if not execution.began:
        return _refusal(found.errors, media_type), Outcome.REJECTED
    return _partial(data, found, media_type), found.outcome


def _partial(data: dict[str, Any] | None, found: ErrorReport, media_type: bytes) -> Answer:
    nothing = data is None or all(value is None for value in data.values())
    if nothing and found.outcome in {Outcome.UNAVAILABLE, Outcome.TIMEOUT}:
        status = 503 if found.outcome is Outcome.UNAVAILABLE else 504
        retry = ((b"retry-after", str(max(1, found.retry_after)).encode()),)
        return Answer(status, orjson.dumps({"errors": found.errors, "data": None}), media_type, retry)
    if nothing and found.outcome is Outcome.UNAUTHENTICATED:
        return Answer(401, errors_body(found.errors), media_type, _INVALID_TOKEN)
    return Answer(200, orjson.dumps({"errors": found.errors, "data": data}), media_type)


def _refusal(errors: list[dict[str, Any]], media_type: bytes, *, undetermined: bool = False) -> Answer:
    # Clients of the older type read any status but 200 as a failure of the transport and drop the errors.
    status = 400 if undetermined or media_type == GRAPHQL_RESPONSE else 200
    return Answer(status, errors_body(errors), media_type)


def _unavailable(error: Unavailable, media_type: bytes) -> Answer:
    seconds = error.retry_after_seconds
    body = error_body("UNAVAILABLE", str(error), retryAfterSeconds=seconds)
    return Answer(503, body, media_type, ((b"retry-after", str(seconds).encode()),))


def _has_user_errors(data: dict[str, Any] | None) -> bool:
    payloads = data.values() if data else ()
    return any(isinstance(payload, dict) and payload.get("userErrors") for payload in payloads)
