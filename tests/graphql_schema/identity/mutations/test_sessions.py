import asyncio
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest

from app.database import Query
from app.identity.actor import ANONYMOUS, Actor
from app.identity.errors import InvalidAccessToken
from graphql_schema.context import authenticate
from graphql_schema.node import global_id
from tests.factories.identity import PASSWORD, MadeUser, make_user
from tests.support.api import Api

TOKENS = "session { accessToken refreshToken refreshTokenExpiresAt }"
SESSIONS = "{ viewer { sessions { id device createdAt lastUsedAt expiresAt current } } }"
ALL = Query("SELECT * FROM auth_sessions ORDER BY id", (), {})


async def sign_in(api: Api, user: MadeUser) -> Any:
    payload = await api.change("login", ANONYMOUS, TOKENS, email=user.email, password=PASSWORD)
    return payload["session"]


async def actor_of(api: Api, session: Any) -> Actor:
    return await authenticate(api.resources, {"authorization": f"Bearer {session['accessToken']}"})


async def refresh(api: Api, session: Any) -> Any:
    return await api.change(
        "refreshSession", ANONYMOUS, f"{TOKENS} user {{ id email }}", refreshToken=session["refreshToken"]
    )


@pytest.fixture
async def user(api: Api) -> MadeUser:
    return await make_user(api.resources.database, password=PASSWORD)


async def test_a_refresh_gives_the_next_pair_of_the_same_session(api: Api, user: MadeUser) -> None:
    session = await sign_in(api, user)
    payload = await refresh(api, session)
    assert payload["user"] == {"id": user.id, "email": user.email}
    assert payload["userErrors"] == []
    assert payload["session"]["refreshToken"] != session["refreshToken"]
    assert await actor_of(api, payload["session"]) == await actor_of(api, session)


async def test_a_refresh_has_the_role_of_now(api: Api, user: MadeUser) -> None:
    session = await sign_in(api, user)
    await api.resources.database.fetch(Query("UPDATE users SET role = 'admin'", (), {}))
    assert (await actor_of(api, session)).role == "student"
    assert (await actor_of(api, (await refresh(api, session))["session"])).role == "admin"


@pytest.mark.parametrize("token", ["", "nonsense", "x\x00", "A" * 70, "A" * 20_000])
async def test_a_bad_refresh_token_is_data_and_changes_nothing(api: Api, user: MadeUser, token: str) -> None:
    await sign_in(api, user)
    before = await api.resources.database.fetch(ALL)
    assert await refresh(api, {"refreshToken": token}) == {
        "session": None,
        "user": None,
        "userErrors": [{"code": "INVALID_TOKEN", "path": ["input", "refreshToken"]}],
    }
    assert await api.resources.database.fetch(ALL) == before


@pytest.mark.parametrize("number", [2, 50])
async def test_parallel_refreshes_sign_nobody_out(crowd_api: Api, number: int) -> None:
    user = await make_user(crowd_api.resources.database, password=PASSWORD)
    session = await sign_in(crowd_api, user)
    payloads = await asyncio.gather(*(refresh(crowd_api, session) for _ in range(number)))
    assert len({payload["session"]["refreshToken"] for payload in payloads}) == 1
    actor = await actor_of(crowd_api, payloads[-1]["session"])
    assert len((await crowd_api(SESSIONS, actor))["viewer"]["sessions"]) == 1
    assert (await refresh(crowd_api, payloads[0]["session"]))["userErrors"] == []


async def test_a_reused_token_ends_its_session_alone(api: Api, user: MadeUser) -> None:
    session, other = await sign_in(api, user), await sign_in(api, user)
    newest = (await refresh(api, (await refresh(api, session))["session"]))["session"]
    assert [error["code"] for error in (await refresh(api, session))["userErrors"]] == ["INVALID_TOKEN"]
    assert (await refresh(api, newest))["session"] is None
    for ended in (session, newest):
        with pytest.raises(InvalidAccessToken):
            await actor_of(api, ended)
    assert (await refresh(api, other))["userErrors"] == []


async def test_the_viewer_sees_their_own_sessions(api: Api, user: MadeUser) -> None:
    await sign_in(api, await make_user(api.resources.database, password=PASSWORD))
    first, second = await sign_in(api, user), await sign_in(api, user)
    answers = [await api.ask(SESSIONS, await actor_of(api, session)) for session in (first, second, first)]
    found = [answer.data["viewer"]["sessions"] for answer in answers]
    assert [[session["current"] for session in seen] for seen in found] == [
        [False, True],
        [True, False],
        [False, True],
    ]
    assert [session["id"] for session in found[0]] == [session["id"] for session in found[1]]
    assert found[0][0]["createdAt"] <= found[0][0]["lastUsedAt"] < found[0][0]["expiresAt"]
    assert [len(answer.statements) for answer in answers] == [2, 2, 2]
    await refresh(api, first)
    latest = (await api(SESSIONS, await actor_of(api, first)))["viewer"]["sessions"]
    assert [session["current"] for session in latest] == [True, False]


async def test_logout_ends_the_session_that_asks(api: Api, user: MadeUser) -> None:
    session, other = await sign_in(api, user), await sign_in(api, user)
    actor = await actor_of(api, session)
    payload = await api.change("logout", actor, "session { id current }")
    assert payload["userErrors"] == []
    assert payload["session"]["current"]
    assert (await refresh(api, session))["session"] is None
    with pytest.raises(InvalidAccessToken):
        await actor_of(api, session)
    left = (await api(SESSIONS, await actor_of(api, other)))["viewer"]["sessions"]
    assert payload["session"]["id"] not in {entry["id"] for entry in left}
    assert len(left) == 1
    # A request that was under way: nothing is left to end.
    assert await api.change("logout", actor, "session { id }") == {"session": None, "userErrors": []}


async def test_logout_everywhere(api: Api, user: MadeUser) -> None:
    stranger = await make_user(api.resources.database, password=PASSWORD)
    theirs = await sign_in(api, stranger)
    mine = [await sign_in(api, user) for _ in range(3)]
    payload = await api.change("logout", await actor_of(api, mine[1]), "session { current }", everywhere=True)
    assert payload == {"session": {"current": True}, "userErrors": []}
    for session in mine:
        assert (await refresh(api, session))["session"] is None
    assert (await refresh(api, theirs))["userErrors"] == []


async def test_another_device_is_signed_out(api: Api, user: MadeUser) -> None:
    here, there = await sign_in(api, user), await sign_in(api, user)
    actor = await actor_of(api, here)
    listed = (await api(SESSIONS, actor))["viewer"]["sessions"]
    chosen = next(session["id"] for session in listed if not session["current"])
    payload = await api.change("revokeSession", actor, "session { id current }", sessionId=chosen)
    assert payload == {"session": {"id": chosen, "current": False}, "userErrors": []}
    assert (await refresh(api, there))["session"] is None
    assert (await refresh(api, here))["userErrors"] == []


async def test_sessions_of_others_and_of_nobody_are_not_found(api: Api, user: MadeUser) -> None:
    stranger = await make_user(api.resources.database, password=PASSWORD)
    session = await sign_in(api, stranger)
    theirs = (await api(SESSIONS, await actor_of(api, session)))["viewer"]["sessions"][0]["id"]
    before = await api.resources.database.fetch(ALL)
    nobody = b64encode(f"Session:{uuid4()}".encode()).decode()
    for identifier in (theirs, nobody, global_id("Session", 7), global_id("User", 7), "x", "\u00e4", ""):
        payload = await api.change("revokeSession", user.actor, "session { id }", sessionId=identifier)
        assert payload == {
            "session": None,
            "userErrors": [{"code": "NOT_FOUND", "path": ["input", "sessionId"]}],
        }
    assert await api.resources.database.fetch(ALL) == before


@pytest.mark.parametrize(
    "document",
    [
        "mutation { logout(input: {}) { userErrors { code } } }",
        'mutation { revokeSession(input: {sessionId: "x"}) { userErrors { code } } }',
    ],
)
async def test_signing_out_needs_a_sign_in(api: Api, document: str) -> None:
    assert (await api.ask(document)).codes == ["UNAUTHENTICATED"]
