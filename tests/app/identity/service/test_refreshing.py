import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.database import Database, Query
from app.errors import RateLimited
from app.identity.errors import InvalidAccessToken, InvalidRefreshToken
from app.identity.service import refreshing
from app.identity.service.sessions import Grant
from app.identity.tokens import key_sets
from app.identity.tokens.refresh_tokens import RefreshTokens, new_seed
from app.identity.tokens.signing_keys import SigningKeys
from app.resources import Resources
from app.settings import AuthenticationSettings
from app.telemetry import Metrics
from tests.app.identity.service.test_sessions import ALL, living, start
from tests.factories.identity import make_user

AGE = Query("UPDATE auth_sessions SET rotated_at = rotated_at - make_interval(secs => $1)", ("seconds",), {})


async def refresh(
    resources: Resources,
    token: str,
    *,
    metrics: Metrics | None = None,
    tokens: RefreshTokens | None = None,
    client_address: str = "",
) -> tuple[Any, Grant]:
    return await refreshing.refresh(
        resources.database,
        metrics or Metrics(),
        tokens or resources.refresh_tokens,
        resources.ended_sessions,
        throttle=resources.throttle,
        refresh_token=token,
        client_address=client_address,
    )


async def refused(resources: Resources, token: str, **options: Any) -> None:
    with pytest.raises(InvalidRefreshToken) as refusal:
        await refresh(resources, token, **options)
    assert (refusal.value.code, refusal.value.path) == ("INVALID_TOKEN", ("input", "refreshToken"))


async def rows(database: Database) -> list[Any]:
    return list(await database.fetch(ALL))


async def test_a_session_goes_on(resources: Resources) -> None:
    user = await make_user(resources.database)
    grant = await start(resources, user.number)
    first = grant
    for generation in range(2, 6):
        before = datetime.now(UTC)
        row, after = await refresh(resources, grant.refresh_token)
        assert (row["id"], row["email"]) == (user.number, user.email)
        assert after.session_id == first.session_id
        assert after.refresh_token != grant.refresh_token
        assert after.expires_at - before >= timedelta(days=7)
        stored = (await rows(resources.database))[0]
        assert (stored["generation"], stored["expires_at"]) == (generation, after.expires_at)
        assert stored["last_used_at"] > stored["created_at"]
        grant = after
    assert len(await rows(resources.database)) == 1


async def test_a_token_that_comes_again_soon_gets_the_same_successor(resources: Resources) -> None:
    grant = await start(resources, (await make_user(resources.database)).number)
    _, first = await refresh(resources, grant.refresh_token)
    before = await rows(resources.database)
    await resources.database.fetch(AGE, seconds=8.0)
    for _ in range(3):
        _, again = await refresh(resources, grant.refresh_token)
        assert again == first
    assert [row["generation"] for row in await rows(resources.database)] == [
        row["generation"] for row in before
    ]
    await refresh(resources, first.refresh_token)


async def test_a_token_that_comes_again_later_ends_the_session_and_is_told(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    user = await make_user(resources.database)
    grant, other = await start(resources, user.number), await start(resources, user.number)
    _, newest = await refresh(resources, grant.refresh_token)
    await resources.database.fetch(AGE, seconds=10.5)
    metrics = Metrics()
    with caplog.at_level(logging.WARNING, "app.identity.service.refreshing"):
        await refused(resources, grant.refresh_token, metrics=metrics)
    assert await living(resources.database, user.number) == [other.session_id]
    context = caplog.records[0].__dict__["context"]
    assert context == {"event": "refresh_token_reuse", "userId": user.number}
    assert grant.refresh_token not in caplog.text
    with pytest.raises(InvalidAccessToken):
        await resources.ended_sessions.check(grant.session_id)
    # The thief's and the owner's newest are both worth nothing now.
    await refused(resources, newest.refresh_token, metrics=metrics)
    await refused(resources, grant.refresh_token, metrics=metrics)
    assert counted(metrics) == {"reused": 1, "invalid": 2}
    assert len(caplog.records) == 1


async def test_a_token_of_two_generations_ago_ends_the_session_at_once(resources: Resources) -> None:
    user = await make_user(resources.database)
    grant = await start(resources, user.number)
    _, second = await refresh(resources, grant.refresh_token)
    await refresh(resources, second.refresh_token)
    # Within the seconds of its own use: as its successor was used, it is told from a second tab.
    assert resources.refresh_tokens.repeat_window >= 10
    metrics = Metrics()
    await refused(resources, grant.refresh_token, metrics=metrics)
    assert counted(metrics) == {"reused": 1}
    assert await living(resources.database, user.number) == []


@pytest.mark.parametrize("number", [2, 50])
async def test_parallel_refreshes_leave_one_living_family_and_nobody_signed_out(
    crowd: Resources, number: int
) -> None:
    user = await make_user(crowd.database)
    grant = await start(crowd, user.number)
    for _round in range(3):
        answers = await asyncio.gather(*(refresh(crowd, grant.refresh_token) for _ in range(number)))
        successors = {after.refresh_token for _, after in answers}
        assert len(successors) == 1
        grant = answers[0][1]
    assert [(row["generation"], row["revoked_at"]) for row in await rows(crowd.database)] == [(4, None)]
    await refresh(crowd, grant.refresh_token)


async def test_parallel_refreshes_pass_through_one_connection(resources: Resources) -> None:
    grant = await start(resources, (await make_user(resources.database)).number)
    answers = await asyncio.gather(*(refresh(resources, grant.refresh_token) for _ in range(10)))
    assert len({after.refresh_token for _, after in answers}) == 1


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_what_has_ended_does_not_go_on(resources: Resources, column: str) -> None:
    grant = await start(resources, (await make_user(resources.database)).number)
    await resources.database.fetch(Query(f"UPDATE auth_sessions SET {column} = now()", (), {}))
    before = await rows(resources.database)
    await refused(resources, grant.refresh_token)
    assert await rows(resources.database) == before


async def test_what_we_never_gave_out_ends_nothing(resources: Resources) -> None:
    user = await make_user(resources.database)
    grant = await start(resources, user.number)
    await refresh(resources, grant.refresh_token)
    seed = (await rows(resources.database))[0]["seed"]
    tokens = resources.refresh_tokens
    stranger = RefreshTokens(SigningKeys(dict([key_sets.generate()])), AuthenticationSettings())
    before = await rows(resources.database)
    for forged in (
        "",
        "x\x00",
        "nonsense" * 10_000,
        stranger.make(grant.session_id, 1, seed),  # the database leaked, the keys did not
        stranger.make(grant.session_id, 2, seed),
        tokens.make(grant.session_id, 1, new_seed()),  # the keys leaked, the database did not
        tokens.make(grant.session_id, 2, new_seed()),
        tokens.make(grant.session_id, 9, seed),
        tokens.make(grant.session_id, 0, new_seed()),
        tokens.make(uuid4(), 1, seed),
    ):
        await refused(resources, forged)
    assert await rows(resources.database) == before


async def test_a_retired_key_signs_nobody_out(resources: Resources) -> None:
    grant = await start(resources, (await make_user(resources.database)).number)
    rotated = RefreshTokens(SigningKeys(dict([key_sets.generate()])), AuthenticationSettings())
    _, after = await refresh(resources, grant.refresh_token, tokens=rotated)
    await refresh(resources, after.refresh_token, tokens=rotated)


async def test_refreshes_are_counted_by_outcome(resources: Resources) -> None:
    metrics = Metrics()
    grant = await start(resources, (await make_user(resources.database)).number)
    await refresh(resources, grant.refresh_token, metrics=metrics)
    await refresh(resources, grant.refresh_token, metrics=metrics)
    await refused(resources, "nonsense", metrics=metrics)
    await refused(resources, unknown_of(resources, grant), metrics=metrics)
    assert counted(metrics) == {"success": 1, "repeated": 1, "invalid": 1, "forged": 1}


def unknown_of(resources: Resources, grant: Grant) -> str:
    """Of a living session, well formed, and of nobody's making."""
    return resources.refresh_tokens.make(grant.session_id, 1, new_seed())


async def test_what_is_no_token_keeps_nobody_from_refreshing(resources: Resources) -> None:
    address: dict[str, Any] = {"client_address": "192.0.2.7"}
    grant = await start(resources, (await make_user(resources.database)).number)
    for malformed in ("", "nonsense", "\x00", "=" * 70, "A" * 69, grant.refresh_token + "A") * 20:
        await refused(resources, malformed, **address)
    _, grant = await refresh(resources, grant.refresh_token, **address)
    # Guesses at a living session do: the address rests after some.
    for _ in range(resources.throttle.address("refresh", "192.0.2.7")[0].attempts):
        await refused(resources, unknown_of(resources, grant), **address)
    with pytest.raises(RateLimited):
        await refresh(resources, grant.refresh_token, **address)


def counted(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for metric in metrics.token_refreshes.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
