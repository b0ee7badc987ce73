"""What is chosen is kept part by part; what is not chosen is as the kind says."""

import asyncio

import pytest

from app.errors import DomainError
from app.notifications.kinds import KINDS, NotificationKind, text_of
from app.notifications.service import Choice, unsubscribe, update_preferences
from app.notifications.unsubscribing import DIGEST
from app.resources import Resources
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_user
from tests.factories.notifications import ADDED, REMOVED, chosen


def test_every_kind_is_defined() -> None:
    assert set(KINDS) == set(NotificationKind)
    for kind in KINDS:
        title, body = text_of(kind, {"course_title": "{x}\nline"})
        assert "{x} line" in title
        assert "\n" not in title
        assert "{x}\nline" in body


async def test_parts_are_chosen_apart(resources: Resources) -> None:
    ann = await make_user(resources.database)
    assert await chosen(resources.database, ann.number) == (True, True, False)
    for choice, expected in (
        (Choice(ADDED, mail=False), (True, False, False)),
        (Choice(ADDED, digest=True), (True, False, True)),
        (Choice(ADDED), (True, False, True)),
        (Choice(ADDED, in_app=False, mail=True), (False, True, True)),
    ):
        async with resources.database.transaction() as tx:
            await update_preferences(tx, ann.actor, choices=[choice])
        assert await chosen(resources.database, ann.number) == expected
    assert await chosen(resources.database, ann.number, REMOVED) == (True, True, False)


async def test_two_devices_choose_different_parts_at_once(crowd: Resources) -> None:
    for _ in range(5):
        ann = await make_user(crowd.database)

        async def choose(*choices: Choice, user: object = ann) -> None:
            async with crowd.database.transaction() as tx:
                await update_preferences(tx, user.actor, choices=choices)  # type: ignore[attr-defined]

        await asyncio.gather(
            choose(Choice(ADDED, mail=False), Choice(REMOVED, in_app=False)),
            choose(Choice(REMOVED, digest=True), Choice(ADDED, in_app=False)),
            choose(Choice(ADDED, digest=True)),
        )
        assert await chosen(crowd.database, ann.number) == (False, False, True)
        assert await chosen(crowd.database, ann.number, REMOVED) == (False, True, True)


@pytest.mark.parametrize("choices", [[], [Choice(ADDED), Choice(ADDED)], [Choice(ADDED)] * 101])
async def test_what_is_refused(resources: Resources, choices: list[Choice]) -> None:
    ann = await make_user(resources.database)
    async with nothing_written(resources.database):
        with pytest.raises(DomainError):
            async with resources.database.transaction() as tx:
                await update_preferences(tx, ann.actor, choices=choices)


async def test_stopping_mails(resources: Resources) -> None:
    ann, ben = await make_user(resources.database), await make_user(resources.database)
    async with resources.database.transaction() as tx:
        for kind in KINDS:
            await update_preferences(tx, ann.actor, choices=[Choice(kind, digest=True)])
        await unsubscribe(tx, user_id=ann.number, scope=DIGEST)
    assert await chosen(resources.database, ann.number) == (True, True, False)
    assert await chosen(resources.database, ann.number, REMOVED) == (True, True, False)
    async with resources.database.transaction() as tx:
        await update_preferences(tx, ann.actor, choices=[Choice(ADDED, digest=True)])
        await unsubscribe(tx, user_id=ann.number, scope=ADDED)
        await unsubscribe(tx, user_id=ann.number, scope="of_another_release")
        await unsubscribe(tx, user_id=2**62, scope=ADDED)
    assert await chosen(resources.database, ann.number) == (True, False, False)
    assert await chosen(resources.database, ann.number, REMOVED) == (True, True, False)
    assert await chosen(resources.database, ben.number) == (True, True, False)
    assert len(await run(resources.database, "SELECT DISTINCT user_id FROM notification_preferences")) == 1
