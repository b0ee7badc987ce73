from app.resources import Resources
from tests.factories.catalog import run
from workers.outbox import forget_job_records


async def test_old_records_go(resources: Resources) -> None:
    await run(
        resources.database,
        "INSERT INTO cron_runs (name, due_at) SELECT 'a', now() - make_interval(days => n) FROM unnest($1::int[]) AS n",
        [0, 89, 91, 400],
    )
    await run(
        resources.database,
        "INSERT INTO processed_events (consumer, event_id, processed_at)"
        " SELECT 'a', uuidv7(), now() - make_interval(days => n) FROM unnest($1::int[]) AS n",
        [0, 89, 91],
    )
    assert await forget_job_records(resources) == 3
    assert await forget_job_records(resources) == 0
    kept = (
        "SELECT (SELECT count(*) FROM cron_runs) AS runs, (SELECT count(*) FROM processed_events) AS events"
    )
    (left,) = await run(resources.database, kept)
    assert (left["runs"], left["events"]) == (2, 2)
