"""A new password, by the old one or by a mail: who gets in afterwards, and who is out."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.identity import passwords
from app.identity.actor import ANONYMOUS, Actor
from app.identity.throttling.throttle import Throttle
from app.resources import Resources
from graphql_schema.context import Context
from tests.factories.catalog import codes, nothing_written, run
from tests.factories.identity import PASSWORD, MadeUser, make_user
from tests.support.api import Api
from tests.support.mailbox import mails

NEW = "an entirely new password"
SESSION = "session { accessToken refreshToken }"


@pytest.fixture
async def user(api: Api) -> MadeUser:
    return await make_user(api.resources.database, email="ann@school.test", password=PASSWORD)


async def sign_in(api: Api, password: str = PASSWORD) -> Any:
    return (await api.change("login", ANONYMOUS, SESSION, email="ann@school.test", password=password))[
        "session"
    ]


async def actor_of(api: Api, session: Any) -> Actor:
    return api.resources.access_tokens.verify(session["accessToken"])


async def lives(api: Api, session: Any) -> bool:
    payload = await api.change(
        "refreshSession", ANONYMOUS, "session { refreshToken }", refreshToken=session["refreshToken"]
    )
    return payload["session"] is not None


async def change(api: Api, actor: Actor, current: str = PASSWORD, new: str = NEW) -> Any:
    return await api.change(
        "changePassword", actor, "user { id email }", currentPassword=current, newPassword=new
    )


async def reset(api: Api, token: str, new: str = NEW) -> Any:
    return await api.change(
        "resetPassword", ANONYMOUS, "user { id email emailVerified }", token=token, newPassword=new
    )


async def asked(api: Api) -> str:
    """The token of the mail that a request brings."""
    await api.change("requestPasswordReset", ANONYMOUS, email="Ann@school.test")
    (mail,) = await mails(api.resources)
    return mail.token


async def test_a_change_ends_the_other_sessions(api: Api, user: MadeUser) -> None:
    here, elsewhere = await sign_in(api), await sign_in(api)
    payload = await change(api, await actor_of(api, here))
    assert payload == {"user": {"id": user.id, "email": user.email}, "userErrors": []}
    assert await lives(api, here)
    assert not await lives(api, elsewhere)
    assert await sign_in(api) is None
    assert await sign_in(api, NEW) is not None
    (mail,) = await mails(api.resources)
    assert (mail.to, mail.subject) == (user.email, "Your password was changed")


@pytest.mark.parametrize(
    ("current", "new", "code", "field"),
    [
        ("a wrong password", NEW, "INVALID_CREDENTIALS", "currentPassword"),
        ("", NEW, "INVALID_CREDENTIALS", "currentPassword"),
        (PASSWORD, "short", "INVALID_INPUT", "newPassword"),
        (PASSWORD, "Ann@school.test", "INVALID_INPUT", "newPassword"),
        (PASSWORD, "x" * 129, "INVALID_INPUT", "newPassword"),
        (PASSWORD, "null\x00character", "INVALID_INPUT", "newPassword"),
    ],
)
async def test_a_refused_change_changes_nothing(
    api: Api, user: MadeUser, *, current: str, new: str, code: str, field: str
) -> None:
    session = await sign_in(api)
    before = await run(api.resources.database, "SELECT * FROM users")
    sessions = await run(api.resources.database, "SELECT * FROM auth_sessions")
    payload = await change(api, await actor_of(api, session), current, new)
    assert payload == {"user": None, "userErrors": [{"code": code, "path": ["input", field]}]}
    assert await run(api.resources.database, "SELECT * FROM users") == before
    assert await run(api.resources.database, "SELECT * FROM auth_sessions") == sessions
    assert await mails(api.resources) == []


async def test_no_old_password_begins_a_session_after_its_change(
    api: Api, user: MadeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await sign_in(api)
    verified = passwords.verified

    async def changed_meanwhile(password_hash: str | None, password: str) -> bool:
        right = await verified(password_hash, password)
        monkeypatch.undo()
        assert (await change(api, await actor_of(api, session)))["userErrors"] == []
        return right

    monkeypatch.setattr(passwords, "verified", changed_meanwhile)
    payload = await api.change("login", ANONYMOUS, SESSION, email=user.email, password=PASSWORD)
    assert payload == {"session": None, "userErrors": [{"code": "INVALID_CREDENTIALS", "path": ["input"]}]}
    living = await run(api.resources.database, "SELECT id FROM auth_sessions WHERE revoked_at IS NULL")
    assert [row["id"] for row in living] == [(await actor_of(api, session)).session_id]


async def test_of_two_changes_at_once_one_succeeds(crowd_api: Api, user: MadeUser) -> None:
    payloads = await asyncio.gather(
        *(change(crowd_api, user.actor, new=f"password number {n}") for n in range(2))
    )
    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 1]
    codes_ = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert codes_[0] in {"CONFLICT", "INVALID_CREDENTIALS"}


async def test_the_old_password_cannot_be_guessed(api: Api, user: MadeUser) -> None:
    for _ in range(5):
        assert (await change(api, user.actor, "a wrong password"))["userErrors"]
    document = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { user { id } } }"
    answer = await api.ask(document, user.actor, input={"currentPassword": PASSWORD, "newPassword": NEW})
    assert (codes(answer), answer.data) == (["RATE_LIMITED"], {"changePassword": None})
    # Signing in is counted apart: who holds an open session cannot keep its owner out.
    assert await sign_in(api) is not None


async def test_changing_needs_a_sign_in(api: Api) -> None:
    document = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { user { id } } }"
    answer = await api.ask(document, input={"currentPassword": PASSWORD, "newPassword": NEW})
    assert codes(answer) == ["UNAUTHENTICATED"]


async def test_a_mail_sets_a_new_password_once(api: Api, user: MadeUser) -> None:
    session = await sign_in(api)
    token = await asked(api)
    payload = await reset(api, token)
    assert payload["user"] == {"id": user.id, "email": user.email, "emailVerified": True}
    assert not await lives(api, session)
    assert await sign_in(api, NEW) is not None
    again = await reset(api, token, "yet another password")
    assert again == {"user": None, "userErrors": [{"code": "INVALID_TOKEN", "path": ["input", "token"]}]}
    assert await sign_in(api, NEW) is not None
    assert [mail.subject for mail in await mails(api.resources)] == ["Your password was changed"]


async def test_a_bad_new_password_leaves_the_token_good(api: Api, user: MadeUser) -> None:
    token = await asked(api)
    async with nothing_written(api.resources.database):
        refused = await reset(api, token, "short")
    assert refused["userErrors"] == [{"code": "INVALID_INPUT", "path": ["input", "newPassword"]}]
    assert (await reset(api, token))["userErrors"] == []


async def test_of_several_resets_at_once_one_succeeds(crowd_api: Api, user: MadeUser) -> None:
    token = await asked(crowd_api)
    payloads = await asyncio.gather(*(reset(crowd_api, token, f"password number {n}") for n in range(5)))
    done = [n for n, payload in enumerate(payloads) if payload["user"]]
    assert len(done) == 1
    assert await sign_in(crowd_api, f"password number {done[0]}") is not None


async def test_a_change_ends_links_that_were_asked_for_before(api: Api, user: MadeUser) -> None:
    token = await asked(api)
    await change(api, user.actor)
    assert (await reset(api, token, "yet another password"))["user"] is None
    assert await sign_in(api, NEW) is not None


async def test_a_reset_lets_in_whom_guesses_kept_out(api: Api, user: MadeUser) -> None:
    for _ in range(5):
        assert await sign_in(api, "a wrong password") is None
    document = "mutation ($input: LoginInput!) { login(input: $input) { user { id } } }"
    answer = await api.ask(document, input={"email": user.email, "password": PASSWORD})
    assert codes(answer) == ["RATE_LIMITED"]
    await reset(api, await asked(api))
    assert await sign_in(api, NEW) is not None


async def test_a_reset_and_a_sign_in_lock_in_one_order(api: Api, user: MadeUser) -> None:
    """First the failures that both forgive, then the account: two at once wait for each other, never both."""
    reset_ = "mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { user { id } } }"
    login = "mutation ($input: LoginInput!) { login(input: $input) { user { id } } }"
    for document, values in (
        (reset_, {"token": await asked(api), "newPassword": NEW}),
        (login, {"email": user.email, "password": NEW}),
    ):
        answer = await api.ask(document, input=values)
        assert not answer.errors
        forgiven = [
            n for n, text in enumerate(answer.sent) if text.startswith("DELETE FROM attempt_throttles")
        ]
        locked = [
            n
            for n, text in enumerate(answer.sent)
            if text.startswith("UPDATE users") or ("FROM users" in text and "FOR NO KEY UPDATE" in text)
        ]
        assert forgiven
        assert locked
        assert max(forgiven) < min(locked)


async def test_a_claimant_proves_the_address_by_a_reset(api: Api) -> None:
    await api.change("register", ANONYMOUS, email="ann@school.test", password=PASSWORD, name="Ann")
    await mails(api.resources)
    payload = await reset(api, await asked(api))
    assert payload["user"]["emailVerified"] is True


async def test_tokens_cannot_be_guessed(resources: Resources) -> None:
    api = AddressedApi(resources, "192.0.2.9")
    for verb, values in (
        ("resetPassword", {"newPassword": NEW}),
        ("verifyEmail", {}),
        ("resetPassword", {"newPassword": NEW}),
        ("verifyEmail", {}),
        ("verifyEmail", {}),
    ):
        payload = await api.change(verb, ANONYMOUS, token="guess", **values)
        assert [error["code"] for error in payload["userErrors"]] == ["INVALID_TOKEN"]
    answer = await api.ask('mutation { verifyEmail(input: {token: "guess"}) { user { id } } }')
    assert codes(answer) == ["RATE_LIMITED"]


@pytest.mark.parametrize("verb", ["requestEmailVerification", "requestPasswordReset"])
async def test_a_client_cannot_ask_for_mails_without_end(resources: Resources, verb: str) -> None:
    api = AddressedApi(resources, "192.0.2.9")
    document = f"mutation {{ {verb}(input: {{email: %s}}) {{ email }} }}"
    for number in range(5):
        assert await api(document % f'"user{number}@school.test"')
    assert codes(await api.ask(document % '"user6@school.test"')) == ["RATE_LIMITED"]
    assert codes(await AddressedApi(resources, "192.0.2.10").ask(document % '"user6@school.test"')) == []


async def test_sign_ins_are_counted_by_address_too(resources: Resources) -> None:
    api = AddressedApi(resources, "2001:db8::1")
    neighbour = AddressedApi(resources, "2001:db8::2")
    document = 'mutation { login(input: {email: "user%s@school.test", password: "a wrong password"}) { user { id } } }'
    for number in range(5):
        await (api if number % 2 else neighbour)(document % number)
    answer = await neighbour.ask(document % 6)
    assert codes(answer) == ["RATE_LIMITED"]
    assert await AddressedApi(resources, "2001:db8:1::1")(document % 6)


async def test_refreshes_with_forged_tokens_are_counted(resources: Resources) -> None:
    await make_user(resources.database, email="ann@school.test", password=PASSWORD)
    api = AddressedApi(resources, "192.0.2.9")
    session = await sign_in(api)
    token = session["refreshToken"]
    # Of a session that lives, and of the right shape; but not one of our keys made it.
    forged = f"{token[:40]}{'B' if token[40] == 'A' else 'A'}{token[41:]}"
    document = "mutation ($token: String!) { refreshSession(input: {refreshToken: $token}) { session { accessToken } } }"
    for _ in range(5):
        assert (await api(document, token=forged))["refreshSession"] == {"session": None}
    assert codes(await api.ask(document, token=token)) == ["RATE_LIMITED"]
    # Signing in is not what was tried.
    assert await sign_in(api) is not None


class AddressedApi(Api):
    """A client with an address."""

    def __init__(self, resources: Resources, address: str) -> None:
        super().__init__(resources)
        self.address = address

    def context(self, actor: Actor) -> Context:
        return Context(self.resources, actor, client_address=self.address)


async def test_accounts_cannot_be_made_without_end(resources: Resources) -> None:
    settings = resources.settings.authentication.model_copy(update={"registrations_per_address": 3})
    few = replace(resources, throttle=Throttle(settings, resources.metrics))
    document = (
        'mutation { register(input: {email: "user%s@school.test", password: "correct horse battery", name: "Ann"})'
        " { user { id } } }"
    )
    for number in range(3):
        assert await AddressedApi(few, f"2001:db8::{number + 1}")(document % number)
    async with nothing_written(resources.database):
        answer = await AddressedApi(few, "2001:db8::9").ask(document % 9)
    assert codes(answer) == ["RATE_LIMITED"]
    assert await AddressedApi(few, "2001:db8:1::1")(document % 10)
