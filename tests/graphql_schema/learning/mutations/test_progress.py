"""`recordProgress`, `Video.viewerProgress` and `VideoProgress`, as clients and every kind of user see them."""

import asyncio
from typing import Any

import pytest

from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import codes, make_course, nothing_written, run
from tests.factories.identity import make_user
from tests.support.api import Api
from tests.support.watching import Watching, ago, enroll, make_watching, reported

RECORD = """
mutation Record($beats: [ProgressBeat!]!) {
  recordProgress(input: {beats: $beats}) {
    accepted rejected { index code message } nextBeatAfterSeconds ticket userErrors { code path }
  }
}
"""
PROGRESS = """
query Progress($lesson: ID!) {
  node(id: $lesson) { ... on Lesson { video { id viewerProgress { id positionSeconds watchedSeconds watchedShare updatedAt } } } }
}
"""


@pytest.fixture
async def watching(resources: Resources) -> Watching:
    return await make_watching(resources.database, videos=2)


async def record(api: Api, actor: Actor, *beats: dict[str, Any]) -> Any:
    return (await api(RECORD, actor, beats=list(beats)))["recordProgress"]


async def progress(api: Api, actor: Actor, watching: Watching, lesson: int = 0) -> Any:
    data = await api(PROGRESS, actor, lesson=global_id("Lesson", watching.lessons[lesson]))
    return data["node"]["video"]["viewerProgress"]


async def test_recorded_without_a_statement_and_seen_at_once(api: Api, watching: Watching) -> None:
    actor, video = watching.learner.actor, watching.video_ids[0]
    first = await record(api, actor, reported(video))
    assert first["ticket"]
    assert {name: first[name] for name in first if name != "ticket"} == {
        "accepted": 1,
        "rejected": [],
        "nextBeatAfterSeconds": 30,
        "userErrors": [],
    }
    moment = ago(seconds=-20)
    beats = [
        reported(
            video, clientSequence=2, watchedFrom=10, watchedTo=25.5, positionSeconds=300, clientTime=moment
        )
    ]
    answer = await api.ask(RECORD, actor, beats=beats)
    assert answer.data["recordProgress"]["accepted"] == 1
    assert answer.sent == []
    assert await progress(api, actor, watching) == {
        "id": global_id("VideoProgress", (watching.learner.number, watching.videos[0])),
        "positionSeconds": 300.0,
        "watchedSeconds": 25.5,
        "watchedShare": 0.0425,
        "updatedAt": moment[:23] + "000+00:00",
    }
    assert await progress(api, actor, watching, lesson=1) is None


async def test_nothing_is_audited_or_written(api: Api, watching: Watching) -> None:
    async with nothing_written(api.resources.database):
        await record(api, watching.learner.actor, reported(watching.video_ids[0]))
        answer = await api.ask(RECORD, ANONYMOUS, beats=[reported(watching.video_ids[0])])
    assert codes(answer) == ["UNAUTHENTICATED"]
    assert answer.sent == []
    assert await run(api.resources.database, "SELECT FROM audit_log WHERE action = 'recordProgress'") == []


@pytest.mark.parametrize("number", [0, 101])
async def test_too_few_and_too_many(number: int, api: Api, watching: Watching) -> None:
    payload = await record(api, watching.learner.actor, *[reported(watching.video_ids[0])] * number)
    assert payload["userErrors"] == [{"code": "INVALID_INPUT", "path": ["input", "beats"]}]
    assert (payload["accepted"], payload["rejected"], payload["ticket"]) == (None, None, None)
    assert await progress(api, watching.learner.actor, watching) is None


async def test_each_bad_beat_has_its_code_and_spoils_no_other(api: Api, watching: Watching) -> None:
    database = api.resources.database
    mine, other = watching.video_ids
    draft = await make_watching(database, state="withdrawn")
    await run(
        database, "UPDATE courses SET status = 'draft', published_at = NULL WHERE id = $1", draft.course
    )
    foreign = await make_watching(database)
    bad: dict[str, list[dict[str, Any]]] = {
        "UNKNOWN_VIDEO": [
            {"videoId": "nonsense"},
            {"videoId": global_id("Lesson", 1)},
            {"videoId": global_id("Video", 2**62)},
            {"videoId": draft.video_ids[0]},
        ],
        "NOT_ENROLLED": [{"videoId": foreign.video_ids[0]}],
        "INVALID_VIEWING_KEY": [{"viewingKey": key} for key in ("", "a" * 37, "a b", "ä", "a\n", "a:b")],
        "INVALID_SEQUENCE": [{"clientSequence": number} for number in (-1, 2**31 - 1)],
        "INVALID_POSITION": [{"positionSeconds": number} for number in (-0.001, 601.001, 1e300)],
        "INVALID_RANGE": [
            {"watchedFrom": -0.001},
            {"watchedFrom": 11.0},
            {"watchedTo": 601.001},
            {"watchedFrom": 1e308, "watchedTo": 1e308},
        ],
        "CLOCK_AHEAD": [{"clientTime": ago(minutes=-5, seconds=-10)}, {"clientTime": "9999-12-31T23:59:59Z"}],
        "TOO_OLD": [{"clientTime": ago(days=7, seconds=10)}, {"clientTime": "0001-01-01T00:00:00+14:00"}],
    }
    flat = [(code, changes) for code, several in bad.items() for changes in several]
    payload = await record(
        api,
        watching.learner.actor,
        reported(other),
        *[reported(mine, **changes) for _, changes in flat],
        reported(other, clientSequence=2, watchedFrom=10.0, watchedTo=20.0, positionSeconds=600.9),
    )
    assert payload["accepted"] == 2
    assert [(each["index"], each["code"]) for each in payload["rejected"]] == [
        (index, code) for index, (code, _) in enumerate(flat, 1)
    ]
    assert all(each["message"] for each in payload["rejected"])
    assert await progress(api, watching.learner.actor, watching) is None
    seen = await progress(api, watching.learner.actor, watching, lesson=1)
    assert (seen["positionSeconds"], seen["watchedSeconds"]) == (600.0, 20.0)


async def test_what_a_clock_allows_at_its_limits(api: Api, watching: Watching) -> None:
    mine = watching.video_ids[0]
    payload = await record(
        api,
        watching.learner.actor,
        reported(mine, clientTime=ago(minutes=-4.9)),
        reported(mine, clientTime=ago(days=6.99), clientSequence=0),
    )
    assert payload["accepted"] == 2


async def test_more_than_the_time_since_the_beat_before_allows(api: Api, watching: Watching) -> None:
    actor, mine = watching.learner.actor, watching.video_ids[0]
    play = reported(
        mine,
        clientSequence=0,
        event="PLAY",
        watchedTo=0.0,
        positionSeconds=0.0,
        clientTime=ago(seconds=60),
    )
    fast = {"clientSequence": 1, "watchedTo": 250.1, "clientTime": play["clientTime"]}
    # In one call, and in the next; what is well stays, beside it and behind it.
    payload = await record(api, actor, play, reported(mine, **fast), reported(mine, clientSequence=2))
    assert [(each["index"], each["code"]) for each in payload["rejected"]] == [(1, "IMPLAUSIBLE_RANGE")]
    payload = await record(
        api,
        actor,
        reported(mine, clientSequence=9, watchedTo=300.0),
        reported(mine, clientSequence=10, watchedFrom=20.0, watchedTo=30.0),
        reported(watching.video_ids[1]),
    )
    assert [(each["index"], each["code"]) for each in payload["rejected"]] == [(0, "IMPLAUSIBLE_RANGE")]
    assert payload["accepted"] == 2
    assert (await progress(api, actor, watching))["watchedSeconds"] == 20.0
    alone = await record(api, actor, reported(mine, clientSequence=11, watchedTo=300.0))
    assert [each["code"] for each in alone["rejected"]] == ["IMPLAUSIBLE_RANGE"]


@pytest.mark.parametrize(
    ("state", "taken"), [("completed", True), ("withdrawn", False), ("waitlisted", False), (None, False)]
)
async def test_who_is_recorded(state: str | None, taken: bool, api: Api, watching: Watching) -> None:
    user = await make_user(api.resources.database)
    if state:
        await enroll(api.resources.database, user.number, watching.course, state)
    payload = await record(api, user.actor, reported(watching.video_ids[0]))
    assert [each["code"] for each in payload["rejected"]] == ([] if taken else ["NOT_ENROLLED"])
    assert (await progress(api, user.actor, watching) is not None) is taken


async def test_who_teaches_or_administers_may_watch_and_is_not_recorded(api: Api, watching: Watching) -> None:
    admin = await make_user(api.resources.database, Role.ADMIN)
    for actor in (watching.lead.actor, admin.actor):
        payload = await record(api, actor, reported(watching.video_ids[0]))
        assert [each["code"] for each in payload["rejected"]] == ["NOT_ENROLLED"]
        assert await progress(api, actor, watching) is None


async def test_whose_progress_is_seen_by_whom(api: Api, watching: Watching) -> None:
    database = api.resources.database
    await record(api, watching.learner.actor, reported(watching.video_ids[0]))
    other_course = await make_watching(database)
    colleague = await make_user(database)
    await enroll(database, colleague.number, watching.course)
    admin = await make_user(database, Role.ADMIN)
    identifier = global_id("VideoProgress", (watching.learner.number, watching.videos[0]))
    document = "query($id: ID!) { node(id: $id) { ... on VideoProgress { id watchedSeconds } } nodes(ids: [$id]) { id } }"
    for actor, sees in (
        (watching.learner.actor, True),
        (watching.lead.actor, True),
        (admin.actor, True),
        (ANONYMOUS, False),
        (colleague.actor, False),
        (other_course.learner.actor, False),
        (other_course.lead.actor, False),
    ):
        data = await api(document, actor, id=identifier)
        assert data == {
            "node": {"id": identifier, "watchedSeconds": 10.0} if sees else None,
            "nodes": [{"id": identifier} if sees else None],
        }
        if actor.user_id != watching.learner.number:
            assert await progress(api, actor, watching) is None


async def test_as_many_statements_for_a_hundred_videos_as_for_one(api: Api) -> None:
    document = """
    query($course: ID!) { course(id: $course) { lessons(first: 100) { nodes { video { viewerProgress { watchedSeconds } } } } } }
    """
    counts = set()
    for number in (1, 100):
        watching = await make_watching(api.resources.database, videos=number)
        actor = watching.learner.actor
        await record(api, actor, *map(reported, watching.video_ids))
        answer = await api.ask(document, actor, course=global_id("Course", watching.course))
        nodes = answer.data["course"]["lessons"]["nodes"]
        assert [node["video"]["viewerProgress"]["watchedSeconds"] for node in nodes] == [10.0] * number
        counts.add(len([text for text in answer.sent if "video_progress" in text]))
    assert counts == {1}


async def test_a_course_without_a_viewer_shows_no_progress(api: Api, watching: Watching) -> None:
    assert await progress(api, ANONYMOUS, watching) is None


async def test_many_at_once_are_read_in_one_statement(api: Api, watching: Watching) -> None:
    await make_course(api.resources.database, watching.lead.actor)
    answers = await asyncio.gather(
        *(
            api.ask(
                RECORD,
                watching.learner.actor,
                beats=[reported(watching.video_ids[0], clientSequence=number)],
            )
            for number in range(20)
        )
    )
    assert sum(answer.data["recordProgress"]["accepted"] for answer in answers) == 20
    assert sum(len(answer.sent) for answer in answers) == 2
