"""Enrolments of a course in numbers: for those who manage it."""

from collections.abc import Sequence

from asyncpg import Record

from app.database import Fetch, Query

# Two counts with an index each: of all enrolments by their state, from the index alone, and of the imported ones by what
# their source says, which stands in their rows.
_SUMMARIES = Query(
    """
SELECT k.id AS course_id, s.*, i.*
FROM unnest($1::bigint[]) AS k (id)
CROSS JOIN LATERAL (
    SELECT count(*) AS total, count(*) FILTER (WHERE e.state = 'waitlisted') AS waitlisted,
           count(*) FILTER (WHERE e.state = 'active') AS active, count(*) FILTER (WHERE e.state = 'completed') AS completed,
           count(*) FILTER (WHERE e.state = 'withdrawn') AS withdrawn
    FROM enrollments e WHERE e.course_id = k.id
) AS s
CROSS JOIN LATERAL (
    SELECT coalesce(sum(g.number), 0)::integer AS imported,
           coalesce(sum(g.unregistered), 0)::integer AS unregistered,
           coalesce(sum(g.unregistered_before_start), 0)::integer AS unregistered_before_start,
           coalesce(jsonb_object_agg(g.result, g.number) FILTER (WHERE g.result IS NOT NULL), '{}') AS final_results
    FROM (
        SELECT e.attributes->>'final_result' AS result, count(*) AS number,
               count(*) FILTER (WHERE e.attributes ? 'date_unregistration') AS unregistered,
               count(*) FILTER (WHERE (e.attributes->'date_unregistration')::integer < 0) AS unregistered_before_start
        FROM enrollments e WHERE e.course_id = k.id AND e.source = 'import' GROUP BY 1
    ) AS g
) AS i
""",
    ("keys",),
    {},
)


async def enrollment_summaries(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """Numbers of each course, zeros where nobody enrolled; `final_results`: number by result, as the source calls it.

    For whoever manages the courses: ask `managed_courses` first.
    """
    return await connection.fetch(_SUMMARIES, keys=keys)
