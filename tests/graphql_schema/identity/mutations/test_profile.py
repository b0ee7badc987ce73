from typing import Any

import pytest

from tests.factories.catalog import codes, nothing_written, run
from tests.factories.identity import MadeUser, make_user
from tests.support.api import Api

SELECTION = "user { id name locale timeZone }"


@pytest.fixture
async def user(api: Api) -> MadeUser:
    return await make_user(api.resources.database, name="Ann")


async def update(api: Api, user: MadeUser, **values: Any) -> Any:
    return await api.change("updateProfile", user.actor, SELECTION, **values)


async def test_what_is_given_is_changed(api: Api, user: MadeUser) -> None:
    payload = await update(api, user, name=" Ann Lee ", locale="pt_br", timeZone="Europe/Lisbon")
    assert payload["userErrors"] == []
    assert payload["user"] == {
        "id": user.id,
        "name": "Ann Lee",
        "locale": "pt-BR",
        "timeZone": "Europe/Lisbon",
    }
    payload = await update(api, user, locale="zh-hant-tw")
    assert payload["user"] == {
        "id": user.id,
        "name": "Ann Lee",
        "locale": "zh-Hant-TW",
        "timeZone": "Europe/Lisbon",
    }
    payload = await update(api, user, locale=None, timeZone=None)
    assert payload["user"] == {"id": user.id, "name": "Ann Lee", "locale": None, "timeZone": None}
    viewer = await api("{ viewer { user { name locale } } }", user.actor)
    assert viewer["viewer"]["user"] == {"name": "Ann Lee", "locale": None}


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, []),
        ({"name": None}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "Ann\x00"}, ["name"]),
        ({"name": "x" * 101}, ["name"]),
        *(({"name": f"{blank} {blank}"}, ["name"]) for blank in "\u3164\u115f\u1160\uffa0\u2800\u200b"),
        ({"locale": ""}, ["locale"]),
        ({"locale": "\u0130n"}, ["locale"]),
        ({"locale": "\u212ao"}, ["locale"]),
        ({"locale": "e\u017f"}, ["locale"]),
        ({"locale": "es-\u0664\u0661\u0669"}, ["locale"]),
        ({"locale": "english"}, ["locale"]),
        ({"locale": "en-US\x00"}, ["locale"]),
        ({"locale": "en-" * 2000}, ["locale"]),
        ({"timeZone": ""}, ["timeZone"]),
        ({"timeZone": "Mars/Olympus"}, ["timeZone"]),
        ({"timeZone": "localtime"}, ["timeZone"]),
        ({"timeZone": "Factory"}, ["timeZone"]),
        ({"timeZone": "../../etc/passwd"}, ["timeZone"]),
        ({"name": "Fine", "timeZone": "Nowhere"}, ["timeZone"]),
    ],
)
async def test_bad_input_changes_nothing(
    api: Api, user: MadeUser, values: dict[str, Any], path: list[str]
) -> None:
    async with nothing_written(api.resources.database):
        payload = await update(api, user, **values)
    assert payload == {"user": None, "userErrors": [{"code": "INVALID_INPUT", "path": ["input", *path]}]}


async def test_nobody_has_no_profile(api: Api, user: MadeUser) -> None:
    async with nothing_written(api.resources.database):
        answer = await api.ask('mutation { updateProfile(input: {name: "Sly"}) { user { id } } }')
    assert (codes(answer), answer.data) == (["UNAUTHENTICATED"], {"updateProfile": None})


async def test_others_stay_as_they_are(api: Api, user: MadeUser) -> None:
    other = await make_user(api.resources.database, name="Bob")
    await update(api, user, name="Ann Lee")
    viewer = await api("{ viewer { user { name } } }", other.actor)
    assert viewer["viewer"]["user"] == {"name": "Bob"}


async def test_an_account_that_is_gone_changes_nothing(api: Api, user: MadeUser) -> None:
    await run(api.resources.database, "DELETE FROM users WHERE id = $1", user.number)
    async with nothing_written(api.resources.database):
        answer = await api.ask('mutation { updateProfile(input: {name: "Ann"}) { user { id } } }', user.actor)
    assert (codes(answer), answer.data) == (["UNAUTHENTICATED"], {"updateProfile": None})
    (entry,) = await run(api.resources.database, "SELECT action, outcome, actor_id FROM audit_log")
    assert tuple(entry) == ("updateProfile", "UNAUTHENTICATED", user.number)
