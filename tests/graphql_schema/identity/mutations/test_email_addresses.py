"""Whose address it is: nobody learns whether it is anybody's, and who reads its mails owns it."""

import asyncio
from typing import Any

import pytest

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import codes, nothing_written, run
from tests.factories.identity import PASSWORD, make_user
from tests.support.api import Api
from tests.support.mailbox import mails

SELECTION = "user { id email emailVerified }"
REGISTER = {"email": "ann@school.test", "password": PASSWORD, "name": "Ann"}


async def register(api: Api, **changes: str) -> Any:
    payload = await api.change(
        "register",
        ANONYMOUS,
        "session { accessToken refreshToken } user { id name email emailVerified role }",
        **(REGISTER | changes),
    )
    assert payload["userErrors"] == []
    return payload


async def verify(api: Api, token: str, password: str | None = None, actor: Actor = ANONYMOUS) -> Any:
    return await api.change("verifyEmail", actor, SELECTION, token=token, password=password)


async def test_the_mail_proves_the_address_once(api: Api) -> None:
    payload = await register(api)
    assert payload["user"]["emailVerified"] is False
    (mail,) = await mails(api.resources)
    assert mail.to == "ann@school.test"
    assert "Ann" not in mail.text + mail.html  # what a stranger typed is in no mail
    verified = await verify(api, mail.token)
    assert verified["user"] == {
        "id": payload["user"]["id"],
        "email": "ann@school.test",
        "emailVerified": True,
    }
    again = await verify(api, mail.token)
    assert again == {"user": None, "userErrors": [{"code": "INVALID_TOKEN", "path": ["input", "token"]}]}


async def test_registering_answers_alike_for_a_taken_address(api: Api) -> None:
    owner = await make_user(api.resources.database, email="ann@school.test", password="the owner's own")
    free = await register(api, email="free@school.test")
    taken = await register(api)
    for payload in (free, taken):
        assert payload["session"]["accessToken"]
        payload["user"].pop("id")
    assert free["user"] | {"email": ""} == taken["user"] | {"email": ""}
    to_free, to_owner = await mails(api.resources)
    assert (to_free.to, to_owner.to) == ("free@school.test", owner.email)
    assert "already" in to_owner.subject
    assert "#token" not in to_owner.text + to_owner.html
    # The owner's account is what it was.
    login = await api.change("login", ANONYMOUS, "user { id }", email=owner.email, password="the owner's own")
    assert login["user"]["id"] == owner.id


async def test_registering_sends_the_same_statements_for_a_taken_address(api: Api) -> None:
    await make_user(api.resources.database, email="ann@school.test")
    document = "mutation ($input: RegisterInput!) { register(input: $input) { user { id } } }"
    taken = await api.ask(document, input=REGISTER)
    free = await api.ask(document, input=REGISTER | {"email": "free@school.test"})
    assert taken.sent == free.sent


async def test_what_a_claimant_may_do_does_not_tell(api: Api) -> None:
    await make_user(api.resources.database, email="ann@school.test", password="the owner's own")
    for email in ("ann@school.test", "free@school.test"):
        payload = await register(api, email=email)
        login = await api.change(
            "login", ANONYMOUS, "user { id emailVerified }", email=email, password=PASSWORD
        )
        assert login["user"] == {"id": payload["user"]["id"], "emailVerified": False}
        for verb in ("requestEmailVerification", "requestPasswordReset"):
            assert await api.change(verb, ANONYMOUS, "email", email=email) == {
                "email": email,
                "userErrors": [],
            }
    for verb in ("requestEmailVerification", "requestPasswordReset"):
        answer = await api.change(verb, ANONYMOUS, "email", email="nobody@school.test")
        assert answer == {"email": "nobody@school.test", "userErrors": []}


async def test_whoever_reads_the_mails_gets_the_address(api: Api) -> None:
    """Somebody registers with an address of another; its owner comes later."""
    sly = await register(api, name="Sly", password="a sly password")
    await mails(api.resources)
    ann = await register(api)
    (mail,) = await mails(api.resources)
    assert (await verify(api, mail.token, PASSWORD))["user"]["id"] == ann["user"]["id"]
    login = await api.change("login", ANONYMOUS, "user { id }", email="ann@school.test", password=PASSWORD)
    assert login["user"]["id"] == ann["user"]["id"]
    # The other one's links have lost their use.
    token = await issued_to(api, sly["user"]["id"])
    assert (await verify(api, token))["userErrors"] == [{"code": "INVALID_TOKEN", "path": ["input", "token"]}]
    for verb in ("requestEmailVerification", "requestPasswordReset"):
        await api.change(verb, ANONYMOUS, email="ann@school.test")
    assert [mail.subject for mail in await mails(api.resources)] == ["Set a new password"]


async def issued_to(api: Api, user: str) -> str:
    from app.identity.models import EmailTokenPurpose
    from app.identity.tokens import email_tokens
    from graphql_schema.node import number_of

    async with api.resources.database.transaction() as tx:
        return await email_tokens.issue(
            tx, user_id=number_of("User", user) or 0, purpose=EmailTokenPurpose.VERIFY_EMAIL
        )


async def test_of_many_claimants_at_once_one_gets_the_address(crowd_api: Api) -> None:
    users = [(await register(crowd_api, name=f"Ann {n}"))["user"]["id"] for n in range(10)]
    tokens = [await issued_to(crowd_api, user) for user in users]
    payloads = await asyncio.gather(*(verify(crowd_api, token, PASSWORD) for token in tokens))
    assert len([payload for payload in payloads if payload["user"]]) == 1
    codes = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert codes == ["INVALID_TOKEN"] * 9


@pytest.mark.parametrize("password", [None, "a guess at it"])
async def test_who_clicks_proves_no_claim_of_somebody_else(api: Api, password: str | None) -> None:
    """A stranger claims the address too; their link comes to the address, and its owner follows it."""
    ann = await register(api)
    await mails(api.resources)
    await register(api, name="Sly", password="a sly password")
    (sly,) = await mails(api.resources)
    payload = await verify(api, sly.token, password)
    assert await run(api.resources.database, "SELECT 1 FROM users WHERE email_verified_at IS NOT NULL") == []
    assert payload["userErrors"] == [{"code": "INVALID_CREDENTIALS", "path": ["input", "password"]}]
    # Signed in to one of the claims, neither.
    actor = api.resources.access_tokens.verify(ann["session"]["accessToken"])
    assert (await verify(api, sly.token, actor=actor))["user"] is None
    # Whoever is signed in hears of the claim that is theirs, and proves it without another word.
    await api.change("requestEmailVerification", actor, email="ann@school.test")
    (mail,) = await mails(api.resources)
    assert (await verify(api, mail.token, actor=actor))["user"]["id"] == ann["user"]["id"]


async def test_a_wrong_password_beside_a_token_proves_nothing(api: Api) -> None:
    await register(api)
    (mail,) = await mails(api.resources)
    for _ in range(5):
        answer = await verify(api, mail.token, "a guess at it")
        assert answer["userErrors"] == [{"code": "INVALID_CREDENTIALS", "path": ["input", "password"]}]
    limited = await api.ask(
        'mutation ($token: String!) { verifyEmail(input: {token: $token, password: "another"}) { user { id } } }',
        token=mail.token,
    )
    assert codes(limited) == ["RATE_LIMITED"]
    assert (await verify(api, mail.token))["user"]["emailVerified"]


async def test_a_change_of_password_is_told_to_owners_alone(api: Api) -> None:
    """Not to an address that somebody typed, whether it is anybody's or not."""
    await make_user(api.resources.database, email="ann@school.test", password="the owner's own")
    for address in ("ann@school.test", "nobody@school.test"):
        claimant = await register(api, email=address)
        await mails(api.resources)
        actor = api.resources.access_tokens.verify(claimant["session"]["accessToken"])
        changed = await api.change(
            "changePassword", actor, "user { id }", currentPassword=PASSWORD, newPassword="another password"
        )
        assert changed["user"]
        assert await mails(api.resources) == []


async def test_a_claimant_buys_no_guesses_at_the_owners_password(api: Api) -> None:
    await make_user(api.resources.database, email="ann@school.test", password="the owner's own")
    await register(api)

    async def login(password: str) -> str:
        answer = await api.ask(
            'mutation ($password: String!) { login(input: {email: "ann@school.test", password: $password})'
            " { user { id } userErrors { code } } }",
            password=password,
        )
        if answer.errors:
            return codes(answer)[0]
        return "in" if answer.data["login"]["user"] else "out"

    outcomes = []
    for number in range(3):
        outcomes += [await login(f"guess number {number}.{turn}") for turn in range(2)] + [
            await login(PASSWORD)
        ]
    assert outcomes == ["out", "out", "in", "out", "out", "in", "out", "RATE_LIMITED", "RATE_LIMITED"]


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 5000])
async def test_a_wrong_token_changes_nothing(api: Api, token: str) -> None:
    await register(api)
    async with nothing_written(api.resources.database):
        payload = await verify(api, token)
    assert payload["userErrors"] == [{"code": "INVALID_TOKEN", "path": ["input", "token"]}]


async def test_another_mail_for_whoever_lost_the_first(api: Api) -> None:
    await register(api)
    (first,) = await mails(api.resources)
    await api.change("requestEmailVerification", ANONYMOUS, email="ANN@school.test")
    (second,) = await mails(api.resources)
    assert first.token != second.token
    assert (await verify(api, first.token))["user"]["emailVerified"]
    await api.change("requestEmailVerification", ANONYMOUS, email="ann@school.test")
    assert await mails(api.resources) == []


async def test_nobody_is_flooded_with_mails(api: Api) -> None:
    await register(api)
    for _ in range(10):
        answer = await api.change("requestEmailVerification", ANONYMOUS, "email", email="ann@school.test")
        assert answer["email"] == "ann@school.test"
    assert len(await mails(api.resources)) == 1 + 3


@pytest.mark.parametrize("verb", ["requestEmailVerification", "requestPasswordReset"])
async def test_a_bad_address_is_refused(api: Api, verb: str) -> None:
    async with nothing_written(api.resources.database):
        payload = await api.change(verb, ANONYMOUS, "email", email="no address")
    assert payload == {"email": None, "userErrors": [{"code": "INVALID_INPUT", "path": ["input", "email"]}]}


@pytest.mark.parametrize("role", [None, *Role])
async def test_the_state_of_an_address_is_its_owners(api: Api, role: Role | None) -> None:
    user = await make_user(api.resources.database, Role.INSTRUCTOR)
    actor = (await make_user(api.resources.database, role)).actor if role else ANONYMOUS
    document = "query ($id: ID!) { node(id: $id) { ... on User { emailVerified locale timeZone } } }"
    await run(api.resources.database, "UPDATE users SET locale = 'pt-BR', time_zone = 'Europe/Lisbon'")
    seen = {"emailVerified": True, "locale": "pt-BR", "timeZone": "Europe/Lisbon"}
    unseen = dict.fromkeys(seen)
    assert (await api(document, actor, id=user.id))["node"] == (seen if role is Role.ADMIN else unseen)
    assert (await api(document, user.actor, id=user.id))["node"] == seen
    assert global_id("User", user.number) == user.id
