"""POST /progress over real sockets: the same as `recordProgress`, by header or by ticket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.errors import Unavailable
from app.identity.actor import Actor
from app.learning.beats import BeatRejection, ProgressTickets
from app.resources import Resources
from app.settings import OriginSettings
from graphql_schema.node import global_id
from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.support.watching import Watching, make_watching, reported

ORIGIN = "https://player.example"


@pytest.fixture
async def running(serve: Serve) -> RunningServer:
    found: RunningServer = await serve(origins=OriginSettings(allowed_origins=(ORIGIN,)))
    return found


@pytest.fixture
async def watching(running: RunningServer) -> Watching:
    return await make_watching(running.resources.database)


@pytest.fixture
async def client(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as made:
        yield made


def bearer(running: RunningServer, watching: Watching) -> dict[str, str]:
    learner = watching.learner
    token = running.resources.access_tokens.issue(learner.number, learner.role).token
    return {"Authorization": f"Bearer {token}"}


async def watched(running: RunningServer, watching: Watching) -> list[int] | None:
    pair = watching.learner.number, watching.videos[0]
    state = (await running.resources.progress_buffer.peek([pair])).get(pair)
    return None if state is None else state.watched


async def test_by_header(client: httpx.AsyncClient, running: RunningServer, watching: Watching) -> None:
    beats = [reported(watching.video_ids[0]), reported(global_id("Video", 2**40))]
    answer = await client.post("/progress", json={"beats": beats}, headers=bearer(running, watching))
    assert answer.status_code == 202
    body = answer.json()
    assert running.resources.progress_tickets.read(body.pop("ticket")).user_id == watching.learner.number
    assert body == {
        "accepted": 1,
        "rejected": [{"index": 1, "code": "UNKNOWN_VIDEO", "message": "There is no such video."}],
        "nextBeatAfterSeconds": 30,
    }
    assert await watched(running, watching) == [0, 10_000]
    assert answer.headers["cache-control"] == "no-store"


async def test_by_ticket_as_a_beacon(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    ticket = running.resources.progress_tickets.make(watching.learner.actor)
    body = json.dumps({"ticket": ticket, "beats": [reported(watching.video_ids[0])]})
    for content_type in ("text/plain;charset=UTF-8", "text/plain", "application/json"):
        headers = {"Content-Type": content_type, "Origin": ORIGIN}
        answer = await client.post("/progress", content=body, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
        # Who shows a ticket gets no new one: an access token is to be shown again some day.
        assert answer.json()["ticket"] is None
        assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert await watched(running, watching) == [0, 10_000]


async def test_a_ticket_is_good_for_nothing_else(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    tickets = running.resources.progress_tickets
    ticket = tickets.make(watching.learner.actor)
    headers = {"Authorization": f"Bearer {ticket}"}
    answer = await client.post("/graphql", json={"query": "{ viewer { id } }"}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    answer = await client.post("/progress", json={"beats": [reported("x")]}, headers=headers)
    assert answer.status_code == 401
    other = running.resources.unsubscribe_tokens.make(watching.learner.number, "digest")
    token = bearer(running, watching)["Authorization"].removeprefix("Bearer ")
    expired = ProgressTickets(running.resources.signing_keys, clock=lambda: 1.0).make(watching.learner.actor)
    tampered = ("B" if ticket[0] == "A" else "A") + ticket[1:]
    spelt = ticket[:-1] + chr(ord(ticket[-1]) + 1)
    for wrong in (other, token, expired, tampered, spelt, ticket[:-1], "", 7, None, "ä" * 86):
        answer = await client.post("/progress", json={"ticket": wrong, "beats": [reported("x")]})
        assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer"), wrong


async def test_a_ticket_ends_with_its_session(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    session = uuid4()
    ticket = running.resources.progress_tickets.make(Actor(watching.learner.number, session_id=session))
    body = {"ticket": ticket, "beats": [reported(watching.video_ids[0])]}
    assert (await client.post("/progress", json=body)).status_code == 202
    running.resources.ended_sessions.add(session)
    assert (await client.post("/progress", json=body)).status_code == 401


async def test_no_statement_for_whom_it_knows(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(running, watching)
    body = {"beats": [reported(watching.video_ids[0])]}
    assert (await client.post("/progress", json=body, headers=headers)).json()["accepted"] == 1

    async def refuse(*_: Any) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(running.resources.database, "acquire", refuse)
    for _ in range(3):
        answer = await client.post("/progress", json=body, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


async def test_beats_without_a_shape(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    good = reported(watching.video_ids[0])
    malformed: list[Any] = [
        7,
        None,
        [],
        {},
        *({name: value for name, value in good.items() if name != left_out} for left_out in good),
        *(
            {**good, name: value}
            for name, values in {
                "videoId": (7, None),
                "viewingKey": (7, None),
                "event": ("NAP", ["PLAY"], None),
                "positionSeconds": ("10", True, None, []),
                "watchedFrom": ("0", False),
                "watchedTo": (None,),
                "clientSequence": (1.5, True, "1", 10**30),
                "clientTime": (1_764_331_200, "yesterday", "2026-01-01T00:00:00", ""),
            }.items()
            for value in values
        ),
    ]
    answer = await client.post(
        "/progress", json={"beats": [*malformed, good]}, headers=bearer(running, watching)
    )
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (index, "MALFORMED") for index in range(len(malformed))
    ]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("", 400),
        ("[]", 400),
        ("{}", 400),
        ('{"beats": {}}', 400),
        ('{"beats": []}', 400),
        (json.dumps({"beats": [{}] * 101}), 400),
        ('{"beats": [NaN]}', 400),
        (b'{"beats": ["\xff"]}', 400),
        ('{"beats": [' + "[" * 30_000, 400),
        ('{"beats": ["' + "x" * 66_000 + '"]}', 413),
    ],
)
async def test_bodies_that_are_none(
    content: Any, status: int, client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    headers = {**bearer(running, watching), "Content-Type": "application/json"}
    answer = await client.post("/progress", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]


async def test_infinite_and_huge_numbers(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    good = json.dumps(reported(watching.video_ids[0]))
    huge = [good.replace('"positionSeconds": 10.0', f'"positionSeconds": {n}') for n in ("1e308", "9" * 400)]
    headers = {**bearer(running, watching), "Content-Type": "application/json"}
    for beat in huge:
        answer = await client.post("/progress", content=f'{{"beats": [{beat}]}}', headers=headers)
        assert answer.status_code in {202, 400}
        if answer.status_code == 202:
            assert [each["code"] for each in answer.json()["rejected"]] == ["INVALID_POSITION"]
    assert await watched(running, watching) is None


async def test_other_types_methods_and_nobody(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    body = json.dumps({"beats": [reported(watching.video_ids[0])]})
    for content_type in ("application/x-www-form-urlencoded", "text/html", "text/plain;charset=latin-1", ""):
        headers = {**bearer(running, watching), "Content-Type": content_type}
        answer = await client.post("/progress", content=body, headers=headers)
        assert answer.status_code == 415, content_type
        assert answer.headers["accept-post"] == "application/json, text/plain"
    packed = {**bearer(running, watching), "Content-Type": "text/plain", "Content-Encoding": "gzip"}
    assert (await client.post("/progress", content=body, headers=packed)).status_code == 415
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = await client.request(method, "/progress")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    answer = await client.options("/progress")
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")
    answer = await client.post("/progress", content=body, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    answer = await client.post("/progress", content=body, headers={**packed, "Authorization": "Bearer x"})
    assert answer.status_code == 415
    answer = await client.post("/progress", json={"beats": [{}]}, headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert await watched(running, watching) is None


async def test_cross_origin(client: httpx.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await client.options("/progress", headers={"Origin": ORIGIN, **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    refused = await client.options("/progress", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers


async def test_each_outcome_is_counted(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching
) -> None:
    def counted(outcome: str) -> float:
        found = running.resources.metrics.registry.get_sample_value(
            "lectern_progress_beats_total", {"outcome": outcome}
        )
        assert found is not None
        return found

    before = {code: counted(code) for code in (*BeatRejection, "accepted")}
    good = reported(watching.video_ids[0])
    beats = [good, good, {**good, "viewingKey": ""}, 7]
    await client.post("/progress", json={"beats": beats}, headers=bearer(running, watching))
    after = {code: counted(code) - before[code] for code in before}
    assert {code: number for code, number in after.items() if number} == {
        "accepted": 2,
        "INVALID_VIEWING_KEY": 1,
        "MALFORMED": 1,
    }


async def test_a_bug_is_answered(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    resources: Resources = running.resources
    monkeypatch.setattr(resources.progress_recorder, "record", fail)
    answer = await client.post("/progress", json={"beats": [{}]}, headers=bearer(running, watching))
    assert (answer.status_code, "secret" in answer.text) == (500, False)


async def test_both_doors_serve_whom_they_know_while_postgresql_is_away(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, learner = running.resources, watching.learner
    session = uuid4()
    token = resources.access_tokens.issue(learner.number, learner.role, session).token
    headers = {"Authorization": f"Bearer {token}"}
    beats = [reported(watching.video_ids[0])]
    document = "mutation($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) { accepted rejected { code } } }"
    record = {"query": document, "variables": {"beats": beats}}
    known = {"recordProgress": {"accepted": 1, "rejected": []}}

    async def ask(operation: dict[str, Any]) -> httpx.Response:
        # Ended sessions are asked for anew.
        resources.ended_sessions._read_at = (resources.ended_sessions._read_at or 0) - 2
        return await client.post("/graphql", json=operation, headers=headers)

    assert (await ask(record)).json()["data"] == known

    async def away() -> Any:
        raise Unavailable("The database cannot be reached.")

    monkeypatch.setattr(resources.database, "acquire", away)
    assert (await ask(record)).json()["data"] == known
    posted = await client.post("/progress", json={"beats": beats}, headers=headers)
    assert (posted.status_code, posted.json()["accepted"]) == (202, 1)
    # Whatever else is asked for fails, also beside it.
    beside = {**record, "query": document.replace("{ recordProgress(", "{ __typename recordProgress(")}
    for operation in (beside, {"query": "{ viewer { id } }"}):
        answer = await ask(operation)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    # An unknown viewer keeps their beats.
    other = resources.access_tokens.issue(learner.number + 1, learner.role).token
    posted = await client.post(
        "/progress", json={"beats": beats}, headers={"Authorization": f"Bearer {other}"}
    )
    assert [each["code"] for each in posted.json()["rejected"]] == ["RETRY_LATER"]
    # A session that is known to have ended stays so.
    resources.ended_sessions.add(session)
    assert (await ask(record)).status_code == 401


async def test_neither_door_waits_for_a_postgresql_that_hangs(
    client: httpx.AsyncClient, running: RunningServer, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, learner = running.resources, watching.learner
    token = resources.access_tokens.issue(learner.number, learner.role, uuid4()).token
    headers = {"Authorization": f"Bearer {token}"}
    beats = [reported(watching.video_ids[0])]
    document = "mutation($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) { accepted } }"

    async def ask_both() -> list[int]:
        posted = await client.post("/progress", json={"beats": beats}, headers=headers)
        operation = {"query": document, "variables": {"beats": beats}}
        asked = await client.post("/graphql", json=operation, headers=headers)
        return [posted.json()["accepted"], asked.json()["data"]["recordProgress"]["accepted"]]

    assert await ask_both() == [1, 1]
    answering = asyncio.Event()
    acquire = resources.database.acquire

    async def hang() -> Any:
        await answering.wait()
        return await acquire()

    monkeypatch.setattr(resources.database, "acquire", hang)
    resources.ended_sessions._read_at = (resources.ended_sessions._read_at or 0) - 2
    # It answers only when both have been answered.
    assert await ask_both() == [1, 1]
    answering.set()
