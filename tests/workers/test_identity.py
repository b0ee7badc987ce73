from app.identity import housekeeping
from app.resources import Resources
from tests.app.identity.test_housekeeping import COMING, LONG_AGO, add, left
from workers.identity import forget_expired_sessions


async def test_all_steps_are_taken(resources: Resources, monkeypatch) -> None:
    defaults = housekeeping.forget_sessions.__kwdefaults__
    monkeypatch.setitem(defaults, "rows", 2)
    for _ in range(5):
        await add(resources.database, LONG_AGO)
    kept = await add(resources.database, COMING)
    assert await forget_expired_sessions(resources) == 5
    assert await left(resources.database) == [kept]
