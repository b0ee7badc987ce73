"""Every malformed request is a 4xx with a JSON body in GraphQL's form; over real sockets, many as raw bytes."""

import asyncio
from urllib.parse import quote, urlencode

import httpx
import orjson
import pytest

from app.asgi.answers import HttpRejected
from app.asgi.graphql_request import GraphQLRequest, from_body, from_query_string

JSON = {"Content-Type": "application/json"}


def http(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


async def refused(toy, request: bytes) -> tuple[int, str]:
    """Status and code of a refusal, after checking its form."""
    status, headers, body = parsed(await toy.raw(request))
    assert 400 <= status < 500, body
    assert headers["content-type"].startswith("application/json")
    (error,) = orjson.loads(body)["errors"]
    assert error["message"]
    assert headers["x-request-id"]
    return status, error["extensions"]["code"]


QUERY = b'{"query": "{ whoami }"}'

BAD_BODIES = {
    "nothing": b"",
    "space": b" ",
    "cut off": b'{"query": "{ whoami }"',
    "a string": b'"{ whoami }"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "a batch": b'[{"query": "{ whoami }"}]',
    "an empty batch": b"[]",
    "an empty object": b"{}",
    "two objects": QUERY + QUERY,
    "trailing comma": b'{"query": "{ whoami }",}',
    "NaN": b'{"query": "{ whoami }", "variables": {"a": NaN}}',
    "Infinity": b'{"query": "{ whoami }", "variables": {"a": Infinity}}',
    "invalid UTF-8": b'{"query": "{ whoami \xff}"}',
    "UTF-16": QUERY.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + QUERY,
    "lone surrogate": b'{"query": "{ whoami }", "variables": {"a": "\\ud800"}}',
    "raw NUL": b'{"query": "{ whoami }\x00"}',
    "NUL in a variable": b'{"query": "{ whoami }", "variables": {"a": ["\\u0000"]}}',
    "NUL in a key": b'{"query": "{ whoami }", "variables": {"\\u0000": 1}}',
    "huge integer": b'{"query": "{ whoami }", "variables": {"a": ' + b"9" * 5000 + b"}}",
    "huge exponent": b'{"query": "{ whoami }", "variables": {"a": 1e99999}}',
    "deep lists": b'{"query": "{ whoami }", "variables": {"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    "deep objects": b'{"query": "{ whoami }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    "deep lists and a repeated key": b'{"query": "x", "query": "x", "variables": {"a": '
    + b"[" * 1000
    + b"]" * 1000
    + b"}}",
    "repeated query": b'{"query": "{ whoami }", "query": "{ whoami }"}',
    "repeated key behind an escape": b'{"query": "{ whoami }", "qu\\u0065ry": "{ whoami }"}',
    "repeated variables": b'{"query": "{ whoami }", "variables": {}, "variables": {}}',
    "no query": b'{"qeury": "{ whoami }"}',
    "empty query": b'{"query": ""}',
    **{
        f"query is {value.decode()}": b'{"query": ' + value + b"}"
        for value in (b"null", b"0", b"false", b"{}", b"[]", b'["{ whoami }"]')
    },
    **{
        f"{name} is {value.decode()}": b'{"query": "{ whoami }", "' + name.encode() + b'": ' + value + b"}"
        for name in ("variables", "extensions")
        for value in (b"0", b"false", b'"text"', b"[]", b"[1]")
    },
    **{
        f"operationName is {value.decode()}": b'{"query": "{ whoami }", "operationName": ' + value + b"}"
        for value in (b"0", b"false", b"{}", b"[]")
    },
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_bad_bodies(toy, body):
    assert await refused(toy, http("POST", "/graphql", body, Content_Type="application/json")) == (
        400,
        "BAD_REQUEST",
    )


async def test_a_batch_is_told_what_to_do(toy):
    answer = await toy.raw(http("POST", "/graphql", b"[]", Content_Type="application/json"))

    assert b"one JSON object per request" in answer


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ whoami }", "variables": {"query": "x", "variables": {"query": "x"}}}',
        b'{"query": "{ whoami }", "variables": null, "operationName": null, "extensions": null}',
        b'{"query": "{ whoami }", "variables": {"a": 123456789012345678901234567890}, "unknown": 1}',
        b'{"query": "query \\u0051 { whoami }", "operationName": "Q"}',
    ],
)
async def test_unusual_bodies_that_are_right(toy, body):
    status, _, answer = parsed(await toy.raw(http("POST", "/graphql", body, Content_Type="application/json")))

    assert (status, orjson.loads(answer)["data"]) == (200, {"whoami": "127.0.0.1"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/graphql"},
        {"Content_Type": "application/json; charset=iso-8859-1"},
        {"Content_Type": "application/json", "Content_Encoding": "gzip"},
    ],
)
async def test_other_types_of_bodies(toy, headers):
    assert await refused(toy, http("POST", "/graphql", QUERY, **headers)) == (415, "UNSUPPORTED_MEDIA_TYPE")


BAD_TARGETS = {
    "no query": "",
    "empty query": "query=",
    "repeated query": "query=%7Bwhoami%7D&query=%7Bwhoami%7D",
    "repeated other": "query=%7Bwhoami%7D&a=1&a=2",
    "invalid UTF-8": "query=%ff",
    "cut off escape": "query=%7Bwhoami%7D&variables=%e2%82",
    "variables no JSON": "query=%7Bwhoami%7D&variables=%7B",
    "variables a list": "query=%7Bwhoami%7D&variables=%5B%5D",
    "variables a string": "query=%7Bwhoami%7D&variables=%22a%22",
    "variables a number": "query=%7Bwhoami%7D&variables=0",
    "extensions no JSON": "query=%7Bwhoami%7D&extensions=a",
    "extensions a list": "query=%7Bwhoami%7D&extensions=%5B%5D",
    "NUL": "query=%7Bwhoami%7D&variables=%7B%22a%22:%22%5Cu0000%22%7D",
    "a hundred parameters": "query=%7Bwhoami%7D&" + "&".join(f"a{n}=1" for n in range(100)),
}


@pytest.mark.parametrize("target", BAD_TARGETS.values(), ids=BAD_TARGETS.keys())
async def test_bad_addresses(toy, target):
    assert await refused(toy, http("GET", f"/graphql?{target}")) == (400, "BAD_REQUEST")


async def test_an_address_that_is_too_long(toy):
    assert await refused(toy, http("GET", "/graphql?query=" + "a" * 16_400)) == (414, "URI_TOO_LONG")


async def test_a_long_address_within_the_limit(toy):
    query = quote("{ whoami #" + "a" * 16_000 + "\n}")

    assert parsed(await toy.raw(http("GET", f"/graphql?query={query}")))[0] == 200


async def test_a_body_that_says_it_is_too_large_is_not_even_read(toy):
    request = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n"

    assert await refused(toy, request) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_chunked_body_is_counted_as_it_comes(toy):
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    request = http(
        "POST",
        "/graphql",
        chunk * 9 + b"0\r\n\r\n",
        Content_Type="application/json",
        Transfer_Encoding="chunked",
    )

    assert await refused(toy, request) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_of_exactly_the_limit(toy):
    body = QUERY + b" " * (65_536 - len(QUERY))

    assert parsed(await toy.raw(http("POST", "/graphql", body, Content_Type="application/json")))[0] == 200


async def test_a_chunked_body_in_small_pieces(toy):
    pieces = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in QUERY) + b"0\r\n\r\n"
    request = http("POST", "/graphql", pieces, Content_Type="application/json", Transfer_Encoding="chunked")

    assert parsed(await toy.raw(request))[0] == 200


async def test_a_body_that_never_comes(toy):
    request = (
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )

    assert await refused(toy, request) == (408, "REQUEST_TIMEOUT")


async def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(toy, caplog):
    before = toy.counted("none", "disconnected")
    _, writer = await asyncio.open_connection("127.0.0.1", toy.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.transport.abort()
    while toy.counted("none", "disconnected") == before:  # noqa: ASYNC110 - a counter has no event
        await asyncio.sleep(0.01)

    assert not caplog.records
    assert (await toy.post("{ whoami }")).status_code == 200


async def test_get_takes_variables_operation_and_extensions(toy):
    parameters = {
        "query": "query A($n: Int!) { featured(first: $n) { id } } query B { whoami }",
        "variables": '{"n": 1}',
        "operationName": "A",
        "extensions": "{}",
    }
    async with httpx.AsyncClient(base_url=toy.url) as client:
        answer = await client.get("/graphql", params=parameters)

    assert answer.json() == {"data": {"featured": [{"id": "0"}]}}


HASH = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}


@pytest.mark.parametrize("way", ["POST", "GET"])
def test_a_hash_without_a_text_is_told_to_send_the_text(way):
    def ask() -> GraphQLRequest:
        if way == "POST":
            return from_body(orjson.dumps({"operationName": "A", "extensions": HASH}))
        return from_query_string(urlencode({"extensions": orjson.dumps(HASH)}).encode())

    with pytest.raises(HttpRejected) as refusal:
        ask()
    assert (refusal.value.status, refusal.value.code) == (200, "PERSISTED_QUERY_NOT_SUPPORTED")
    assert refusal.value.message == "PersistedQueryNotSupported"


def test_a_hash_beside_a_text_is_ignored():
    assert from_body(orjson.dumps({"query": "{ whoami }", "extensions": HASH})).query == "{ whoami }"
