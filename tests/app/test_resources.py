"""What a process opens."""

import time

import redis

from app.embedded import EmbeddedValkey
from app.resources import Resources, open_resources
from tests.support.services import temporary_home
from tests.support.watching import beat, make_watching
from workers.learning import Flusher


async def test_viewers_progress_may_have_a_redis_of_its_own(resources: Resources) -> None:
    watching = await make_watching(resources.database)
    with temporary_home() as home:
        own = EmbeddedValkey(home / "valkey")
        own.start()
        try:
            progress = resources.settings.progress.model_copy(update={"redis_url": own.url})
            settings = resources.settings.model_copy(update={"progress": progress})
            async with open_resources(settings) as process:
                beats = [beat(watching.videos[0], 0, 10, at=time.time(), sequence=0)]
                report = await process.progress_recorder.record(watching.learner.number, beats)
                assert report.accepted == 1
                with (
                    redis.Redis.from_url(own.url) as alone,
                    redis.Redis.from_url(settings.redis.url) as shared,
                ):
                    # Before it answers: no death loses what was accepted.
                    assert alone.config_get("append*") == {
                        "appendonly": "yes",
                        "appendfsync": "always",
                        "appendfilename": "appendonly.aof",
                        "appenddirname": "appendonlydir",
                    }
                    assert sorted(alone.keys("lectern:{progress}:[qs]*")) == [
                        b"lectern:{progress}:queue",
                        b"lectern:{progress}:state:%d:%d" % (watching.learner.number, watching.videos[0]),
                    ]
                    assert shared.keys("lectern:{progress}:*") == []
                await Flusher(process).flush()
                assert (await process.progress_buffer.measure())[:2] == (0, 0.0)
        finally:
            own.stop()
