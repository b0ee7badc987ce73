"""Rows for the tests of query plans: enough that PostgreSQL chooses as it would in production.

Skewed on purpose: one rare category, one instructor with many courses, one course as long as the rules allow.
"""

USERS, COURSES, MODULES, LESSONS, VIDEOS = 20_000, 30_000, 100_000, 300_000, 100_000
SESSIONS = 60_000
AUDIT_ENTRIES = 200_000
NOTIFICATIONS = 300_000
OPERATIONS = 60_000
WATCHED_VIDEOS = 300_000
INSTRUCTORS = 500
ENROLLMENTS = 300_000
COHORTS, MEMBERSHIPS, INVITATIONS = 60_000, 100_000, 100_000
BUSY_INSTRUCTOR, RARE_CATEGORY, LONG_COURSE = 1, "beekeeping", 30_001
BUSY_COHORT = 1
TOLD_OFTEN = 2
"""Has had a tenth of all notifications, and read all of them but a few old ones."""

STATEMENTS = (
    f"""
    INSERT INTO users (id, email, email_key, name, role) OVERRIDING SYSTEM VALUE
    SELECT i, 'User' || i || '@example.org', 'user' || i || '@example.org', 'User ' || i,
           CASE WHEN i <= {INSTRUCTORS} THEN 'instructor' ELSE 'student' END
    FROM generate_series(1, {USERS}) AS i
    """,
    f"""
    INSERT INTO courses (id, slug, title, description, category, level, language, skills, status, instructor_id,
                         published_at, archived_at, featured_at)
    OVERRIDING SYSTEM VALUE
    SELECT i, 'course-' || i, substr(md5(i::text), 1, 12) || ' course', repeat('About this course. ', 10),
           CASE WHEN i % 2000 = 7 THEN '{RARE_CATEGORY}' ELSE 'category ' || i % 11 END,
           (ARRAY['beginner', 'intermediate', 'advanced'])[1 + i % 3],
           CASE WHEN i % 100 = 3 THEN 'pt-br' ELSE (ARRAY['en', 'es', 'de'])[1 + i % 7 % 3] END,
           ARRAY['skill ' || i % 50, 'skill ' || i % 70],
           CASE i % 50 WHEN 0 THEN 'draft' WHEN 1 THEN 'archived' ELSE 'published' END,
           CASE WHEN i % 40 = 5 THEN {BUSY_INSTRUCTOR} ELSE 1 + i % {INSTRUCTORS} END,
           CASE WHEN i % 50 > 0 THEN timestamptz '2020-01-01' + i * interval '97 minutes' END,
           CASE WHEN i % 50 = 1 THEN timestamptz '2030-01-01' END,
           CASE WHEN i % 1000 = 2 THEN timestamptz '2030-01-01' + i * interval '1 minute' END
    FROM generate_series(1, {COURSES}) AS i
    UNION ALL
    SELECT {LONG_COURSE}, 'long', 'A long course', '', 'category 1', 'beginner', 'en', '{{}}', 'published',
           {BUSY_INSTRUCTOR}, timestamptz '2026-01-01', NULL, NULL
    """,
    f"""
    INSERT INTO course_stats (course_id, enrollment_count, lesson_count, rating_sum, rating_count)
    SELECT id, id * 7919 % 5000, CASE WHEN id = {LONG_COURSE} THEN 1000 ELSE 10 END,
           id % 40 * (1 + id % 41) / 10.0, id % 40
    FROM courses
    """,
    f"""
    INSERT INTO course_instructors (course_id, user_id)
    SELECT id, instructor_id FROM courses
    UNION
    SELECT id, 1 + id * 31 % {INSTRUCTORS} FROM courses WHERE id % 3 = 0
    """,
    f"""
    INSERT INTO modules (id, course_id, title, position) OVERRIDING SYSTEM VALUE
    SELECT i, 1 + (i - 1) % {COURSES}, 'Module ' || i, (i - 1) / {COURSES}
    FROM generate_series(1, {MODULES}) AS i
    UNION ALL
    SELECT {MODULES} + i, {LONG_COURSE}, 'Module ' || i, i - 1 FROM generate_series(1, 100) AS i
    """,
    f"""
    INSERT INTO lessons (id, course_id, module_id, title, kind, position, body_format, body_source, body_html)
    OVERRIDING SYSTEM VALUE
    SELECT i, 1 + (i - 1) % {MODULES} % {COURSES}, 1 + (i - 1) % {MODULES}, 'Lesson ' || i,
           CASE WHEN i <= {VIDEOS} THEN 'video' ELSE 'page' END, (i - 1) / {MODULES},
           CASE WHEN i > {VIDEOS} THEN 'markdown' END,
           CASE WHEN i > {VIDEOS} THEN repeat('Some words. ', 20) END,
           CASE WHEN i > {VIDEOS} THEN repeat('Some words. ', 20) END
    FROM generate_series(1, {LESSONS}) AS i
    UNION ALL
    SELECT {LESSONS} + i, {LONG_COURSE}, {MODULES} + 1 + (i - 1) / 10, 'Lesson ' || i, 'page', (i - 1) % 10,
           'markdown', 'Words.', '<p>Words.</p>'
    FROM generate_series(1, 1000) AS i
    """,
    f"""
    INSERT INTO video_metadata (id, lesson_id, duration_ms, manifest_key) OVERRIDING SYSTEM VALUE
    SELECT i, i, 60000 + i % 1000 * 1000, 'videos/1/' || i || '/a.m3u8' FROM generate_series(1, {VIDEOS}) AS i
    """,
    f"""
    INSERT INTO auth_sessions (id, user_id, seed, generation, token_hash, expires_at, revoked_at)
    SELECT uuidv7(), 1 + i % {USERS}, '\\x00', 1, '\\x00', now() + interval '7 days',
           CASE WHEN i % 20 = 0 THEN now() - i * interval '1 minute' END
    FROM generate_series(1, {SESSIONS}) AS i
    """,
    "SELECT make_monthly_partition('audit_log', (now() - n * interval '1 month')::date) FROM generate_series(1, 6) AS n",
    f"""
    INSERT INTO audit_log (id, actor_id, action, outcome, subject, client_address)
    SELECT uuidv7(i * interval '-52 seconds'), 1 + i * 7 % {USERS}, (ARRAY['login', 'createCourse', 'updateLesson'])[1 + i % 3],
           CASE WHEN i % 50 = 0 THEN 'FORBIDDEN' ELSE 'SUCCESS' END, 'Course:' || 1 + i * 11 % {COURSES}, '192.0.2.1'
    FROM generate_series(1, {AUDIT_ENTRIES}) AS i
    """,
    f"""
    INSERT INTO notifications (recipient_id, position, kind, dedupe_key, payload, read_at, for_digest)
    SELECT CASE WHEN i % 10 = 0 THEN {TOLD_OFTEN} ELSE 3 + i % ({USERS} - 2) END,
           CASE WHEN i % 100 <> 3 THEN i END, 'instructor_added', 'event ' || i,
           jsonb_build_object('course_id', 1 + i % {COURSES}, 'course_title', 'A course'),
           CASE WHEN i % 4 <> 1 AND (i % 10 > 0 OR i > 100) THEN now() END, i % 50 = 7
    FROM generate_series(1, {NOTIFICATIONS}) AS i
    """,
    """
    INSERT INTO notification_counters (recipient_id, position, unread)
    SELECT recipient_id, max(position), count(*) FILTER (WHERE read_at IS NULL) FROM notifications
    WHERE position IS NOT NULL GROUP BY 1
    """,
    f"""
    INSERT INTO notification_preferences (user_id, kind, in_app, mail, digest)
    SELECT i, kind, true, false, true FROM generate_series(1, {USERS}) AS i,
           unnest(ARRAY['instructor_added', 'instructor_removed']) AS kind
    """,
    """
    INSERT INTO notification_mails (id, recipient_id, notification_ids, state, due_at)
    SELECT id, recipient_id, ARRAY[id], CASE WHEN position % 1000 = 0 THEN 'due' ELSE 'sent' END,
           now() - interval '1 minute'
    FROM notifications
    """,
    f"""
    INSERT INTO video_progress (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched,
                                watched_ms)
    SELECT 1 + i % {USERS}, video, video, 1 + (video - 1) % {COURSES}, 30000, now(), 3, '{{[0,30000)}}', 30000
    FROM generate_series(0, {WATCHED_VIDEOS} - 1) AS i, LATERAL (SELECT 1 + (i + i / {USERS} * 7919) % {VIDEOS}) AS v (video)
    """,
    # Nearly all of them have ended, long ago; one account has asked for very many.
    f"""
    INSERT INTO operations (id, kind, owner_id, state, arguments, finished_at)
    SELECT uuidv7((i - {OPERATIONS}) * interval '1 minute'), 'import_catalog',
           CASE WHEN i % 4 = 0 THEN {BUSY_INSTRUCTOR} ELSE 1 + i % {USERS} END,
           CASE WHEN i > {OPERATIONS} - 40 THEN 'running' ELSE 'succeeded' END, '{{}}',
           CASE WHEN i <= {OPERATIONS} - 40 THEN now() END
    FROM generate_series(1, {OPERATIONS}) AS i
    """,
    # Fifteen a person and ten a course; everybody in the long one, where 200 wait; one person in very many.
    # Without the checks of foreign keys, which take ten times as long as the rows.
    "SET session_replication_role = replica",
    f"""
    INSERT INTO enrollments (user_id, course_id, state, waitlist_number, created_at, enrolled_at, completed_at, withdrawn_at,
                             lessons_completed, source, attributes)
    SELECT user_id, course_id, state, CASE state WHEN 'waitlisted' THEN user_id END, created_at,
           CASE WHEN state <> 'waitlisted' THEN created_at END, CASE state WHEN 'completed' THEN created_at END,
           CASE state WHEN 'withdrawn' THEN created_at END, user_id % 10, CASE WHEN user_id % 10 = 3 THEN 'import' END,
           CASE WHEN user_id % 10 = 3 THEN '{{"final_result": "Pass", "date_unregistration": -3}}'::jsonb ELSE '{{}}' END
    FROM (
        SELECT 1 + i % {USERS} AS user_id, 1 + (i * 31 + i / {USERS} * 1999) % {COURSES} AS course_id,
               timestamptz '2024-01-01' + i * interval '3 minutes' AS created_at,
               CASE WHEN i % 3000 = 0 THEN 'waitlisted' ELSE (ARRAY['active', 'active', 'completed', 'withdrawn'])[1 + i / 7 % 4] END
        FROM generate_series(1, {ENROLLMENTS}) AS i
        UNION ALL
        SELECT i, {LONG_COURSE}, timestamptz '2025-01-01' + i * interval '1 minute',
               CASE WHEN i > {USERS} - 200 THEN 'waitlisted' ELSE 'active' END
        FROM generate_series(1, {USERS}) AS i
        UNION ALL
        SELECT {TOLD_OFTEN}, i * 50 + 25, timestamptz '2025-01-01' + i * interval '1 hour', 'active'
        FROM generate_series(1, 500) AS i
    ) AS t (user_id, course_id, created_at, state)
    ON CONFLICT DO NOTHING
    """,
    # Everybody is some lessons into the long course, and has done some of the first ones.
    f"""
    INSERT INTO lesson_progress (user_id, lesson_id, course_id, opened_at, completed_at)
    SELECT user_id, {LESSONS} + place, {LONG_COURSE}, now(), CASE WHEN place < 12 THEN now() END
    FROM generate_series(1, {USERS}) AS user_id, generate_series(1, 1 + user_id % 12) AS place
    UNION ALL
    SELECT 1 + i % {USERS}, 1 + i * 37 % {LESSONS}, 1 + (i * 37 % {LESSONS}) % {MODULES} % {COURSES}, now(),
           CASE WHEN i % 3 > 0 THEN now() END
    FROM generate_series(1, 200000) AS i
    ON CONFLICT DO NOTHING
    """,
    # Seven a course, some removed; everybody has reviewed the long one.
    f"""
    INSERT INTO course_reviews (course_id, user_id, rating, body, updated_at, removed_at, removal_reason)
    SELECT 1 + i % {COURSES}, 1 + (i * 17 + i / {COURSES} * 131) % {USERS}, 1 + i % 5, 'Some words. ',
           timestamptz '2025-01-01' + i * interval '1 minute', CASE WHEN i % 20 = 3 THEN now() END,
           CASE WHEN i % 20 = 3 THEN 'Rude.' END
    FROM generate_series(1, 7 * {COURSES}) AS i
    UNION ALL
    SELECT {LONG_COURSE}, i, 1 + i % 5, '', timestamptz '2025-01-01' + i * interval '1 hour', NULL, NULL
    FROM generate_series(1, {USERS}) AS i
    ON CONFLICT DO NOTHING
    """,
    "SET session_replication_role = origin",
    """
    INSERT INTO enrollment_policies (course_id, capacity, closes_at, waitlist_count)
    SELECT id, 5000, CASE WHEN id % 3 = 0 THEN now() + id * interval '1 minute' END,
           (SELECT count(*) FROM enrollments e WHERE e.course_id = id AND e.state = 'waitlisted')
    FROM courses WHERE id % 2 = 1
    """,
    f"""
    INSERT INTO course_prerequisites (course_id, required_course_id)
    SELECT i, 1 + (i + n * 7) % {COURSES} FROM generate_series(1, {COURSES}, 3) AS i, generate_series(1, 2) AS n
    """,
    # Two cohorts a course, of ten members each; the busy one has a tenth of all, and its course as many invitations.
    f"""
    INSERT INTO cohorts (id, course_id, name) OVERRIDING SYSTEM VALUE
    SELECT i, 1 + i % {COURSES}, 'Cohort ' || i FROM generate_series(1, {COHORTS}) AS i
    """,
    f"""
    INSERT INTO cohort_members (cohort_id, user_id)
    SELECT DISTINCT CASE WHEN i % 10 = 0 THEN {BUSY_COHORT} ELSE 2 + i % ({COHORTS} - 2) END, 1 + i * 7 % {USERS}
    FROM generate_series(1, {MEMBERSHIPS}) AS i
    """,
    f"""
    INSERT INTO invitations (id, course_id, email, email_key, cohort_id, invited_by, expires_at)
    SELECT uuidv7((i - {INVITATIONS}) * interval '20 seconds'),
           CASE WHEN i % 10 = 0 THEN {LONG_COURSE} ELSE 1 + i % {COURSES} END, 'u', 'user' || i || '@example.org',
           CASE WHEN i % 3 = 0 THEN 2 + i % ({COHORTS} - 2) END, {BUSY_INSTRUCTOR},
           now() + CASE WHEN i % 100 = 1 THEN interval '-1 minute' ELSE interval '20 days' END
    FROM generate_series(1, {INVITATIONS}) AS i
    """,
    """
    INSERT INTO unnamed_uploads (course_id, upload_id, since)
    SELECT 1 + i % 20000, uuidv7(), now() - i * interval '2 minutes' FROM generate_series(1, 25000) AS i
    """,
    "ANALYZE",
)
