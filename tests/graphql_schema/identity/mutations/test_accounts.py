import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database, Query
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from tests.factories.identity import PASSWORD, make_user
from tests.support.api import Api

USER = "session { accessToken accessTokenExpiresAt } user { id name email role }"
ALL = Query("SELECT * FROM users ORDER BY id", (), {})
# Lock the account, forget what is old, end what is too much, insert.
SESSION_STATEMENTS = 4
REGISTER = {"email": "ann@school.test", "password": PASSWORD, "name": "Ann"}


async def rows(database: Database) -> list[Any]:
    return list(await database.fetch(ALL))


async def test_register_signs_in(api: Api) -> None:
    payload = await api.change("register", ANONYMOUS, USER, **REGISTER)
    assert payload["userErrors"] == []
    stored = (await rows(api.resources.database))[0]
    assert payload["user"] == {
        "id": payload["user"]["id"],
        "name": "Ann",
        "email": "ann@school.test",
        "role": "STUDENT",
    }
    actor = api.resources.access_tokens.verify(payload["session"]["accessToken"])
    assert actor == Actor(user_id=stored["id"], role=Role.STUDENT, session_id=actor.session_id)
    assert actor.session_id is not None
    assert (await api("{ viewer { user { id } } }", actor))["viewer"]["user"]["id"] == payload["user"]["id"]


async def test_login_signs_in(api: Api) -> None:
    user = await make_user(api.resources.database, Role.ADMIN, password=PASSWORD)
    before = datetime.now(UTC)
    payload = await api.change("login", ANONYMOUS, USER, email=user.email.upper(), password=PASSWORD)
    assert payload["user"] == {"id": user.id, "name": user.name, "email": user.email, "role": "ADMIN"}
    actor = api.resources.access_tokens.verify(payload["session"]["accessToken"])
    assert actor == Actor(user.number, Role.ADMIN, actor.session_id)
    expires_at = datetime.fromisoformat(payload["session"]["accessTokenExpiresAt"])
    lifetime = timedelta(seconds=api.resources.settings.authentication.access_token_lifetime)
    assert before - timedelta(seconds=1) <= expires_at - lifetime <= datetime.now(UTC)


@pytest.mark.parametrize("role", [None, *Role], ids=["anonymous", *Role])
@pytest.mark.parametrize("verb", ["register", "login"])
async def test_payloads_show_the_address_to_the_one_who_proved_to_own_it(
    api: Api, verb: str, role: Role | None
) -> None:
    database = api.resources.database
    actor = (await make_user(database, role)).actor if role else ANONYMOUS
    values: dict[str, str] = dict(REGISTER)
    if verb == "login":
        await make_user(database, email=REGISTER["email"], password=PASSWORD)
        del values["name"]
    payload = await api.change(verb, actor, "user { email }", **values)
    assert payload == {"user": {"email": "ann@school.test"}, "userErrors": []}


async def test_signing_in_does_not_lift_the_rest_of_the_operation(api: Api) -> None:
    """A later root field of the same operation stays what it was when the operation began: anonymous."""
    await make_user(api.resources.database, Role.ADMIN, email="ann@school.test", password=PASSWORD)
    answer = await api.ask(
        """mutation ($login: LoginInput!) {
            login(input: $login) { user { id } }
            createCourse(input: {title: "Mine"}) { course { id } }
        }""",
        login={"email": "ann@school.test", "password": PASSWORD},
    )
    assert answer.data["login"]["user"] is not None
    assert answer.data["createCourse"] is None
    assert answer.codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"email": "ann"}, "INVALID_INPUT", "email"),
        ({"email": "ann\x00@school.test"}, "INVALID_INPUT", "email"),
        ({"password": "short"}, "INVALID_INPUT", "password"),
        ({"password": "ANN@school.test"}, "INVALID_INPUT", "password"),
        ({"password": "null\x00character"}, "INVALID_INPUT", "password"),
        ({"name": " "}, "INVALID_INPUT", "name"),
        ({"name": "x" * 101}, "INVALID_INPUT", "name"),
        ({"name": "Ann\x00"}, "INVALID_INPUT", "name"),
    ],
)
async def test_a_refused_registration_is_data_and_writes_nothing(
    api: Api, changes: dict[str, str], code: str, field: str
) -> None:
    database = api.resources.database
    await make_user(database, email="taken@school.test")
    before = await rows(database)
    payload = await api.change("register", ANONYMOUS, USER, **{**REGISTER, **changes})
    assert payload == {
        "session": None,
        "user": None,
        "userErrors": [{"code": code, "path": ["input", field]}],
    }
    assert await rows(database) == before


async def test_a_refused_login_is_data(api: Api) -> None:
    database = api.resources.database
    user = await make_user(database, password=PASSWORD)
    before = await rows(database)
    document = """mutation ($input: LoginInput!) {
        login(input: $input) { session { accessToken } user { id } userErrors { code message path } }
    }"""
    wrong = await api(document, input={"email": user.email, "password": "a wrong password"})
    unknown = await api(document, input={"email": "unknown@school.test", "password": PASSWORD})
    assert wrong == unknown
    assert (wrong["login"]["session"], wrong["login"]["user"]) == (None, None)
    assert [error["code"] for error in wrong["login"]["userErrors"]] == ["INVALID_CREDENTIALS"]
    assert await rows(database) == before


async def test_fifty_registrations_at_once_are_fifty_claims(crowd_api: Api) -> None:
    payloads = await asyncio.gather(
        *(
            crowd_api.change("register", ANONYMOUS, "user { id }", **{**REGISTER, "name": f"Ann {number}"})
            for number in range(50)
        )
    )
    assert len({payload["user"]["id"] for payload in payloads}) == 50
    assert {row["email_verified_at"] for row in await rows(crowd_api.resources.database)} == {None}


async def test_signing_in_takes_a_constant_number_of_statements(api: Api) -> None:
    user = await make_user(api.resources.database, password=PASSWORD)
    login = "mutation ($input: LoginInput!) { login(input: $input) { user { id email } } }"
    answer = await api.ask(login, input={"email": user.email, "password": PASSWORD})
    # Whether attempts are allowed, the account; once it is proved, whether they still are, forgiveness, and whether the
    # password is still that one.
    assert len(answer.statements) == 2 + 3 + SESSION_STATEMENTS
    register = "mutation ($input: RegisterInput!) { register(input: $input) { user { id email } } }"
    answer = await api.ask(register, input=REGISTER)
    # The account, the count of the address's mails, the job that sends this one.
    assert len(answer.statements) == 4 + SESSION_STATEMENTS
