"""What learners cost: their home screen, beside a hand-written one and among a hundred times as many; enrolling.

    python -m benchmarks.learners [--quick] [--json FILE]

Two databases on one server of its own: 30,000 enrolments and 3,000,000 (`--quick`: 300,000), ten a person. The home screen
is one query: ten enrolments with course, progress and next lesson. Every answer is checked, byte for byte, against what
the hand-written server answers, which knows nothing of GraphQL, signing in or rights. Rounds go through all servers in turn.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import asyncpg
import orjson
import uvloop

from app.identity.models import Role
from app.identity.tokens.access_tokens import AccessTokens
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import Settings
from benchmarks.comparison import statement_count
from benchmarks.import_catalog import fresh_database
from benchmarks.load import Round, WrongAnswerError, request_bytes, run_requests
from benchmarks.services import Server, Services, open_services, serve

USERS = 8  # who ask at once
SMALL, LARGE, QUICK = 30_000, 3_000_000, 300_000
HOME = """query Home { viewer { enrollments(first: 10) { nodes { id state
    progress { completedLessons totalLessons share } course { id title slug } nextLesson { id title } } } } }"""
ENROLL = """mutation Enroll($input: EnrollInput!) { enroll(input: $input) {
    enrollment { state course { id } } userErrors { code } } }"""
# Courses of 20 lessons; of each enrolment the first lessons are done, more or fewer.
FILL = (
    "SET session_replication_role = replica",
    """
    INSERT INTO users (id, email, email_key, name, role) OVERRIDING SYSTEM VALUE
    SELECT i, i || '@example.org', i || '@example.org', 'User ' || i, 'student' FROM generate_series(1, $1::int / 10) AS i
    """,
    """
    INSERT INTO courses (id, slug, title, status, instructor_id, published_at) OVERRIDING SYSTEM VALUE
    SELECT i, 'course-' || i, 'Course ' || i, 'published', 1, now() FROM generate_series(1, 2000) AS i
    """,
    """
    INSERT INTO course_stats (course_id, lesson_count, enrollment_count)
    SELECT i, 20, $1::int / 2000 FROM generate_series(1, 2000) AS i
    """,
    """
    INSERT INTO modules (id, course_id, title, position) OVERRIDING SYSTEM VALUE
    SELECT i, (i + 1) / 2, 'Module', 1 + (i - 1) % 2 FROM generate_series(1, 4000) AS i
    """,
    """
    INSERT INTO lessons (id, course_id, module_id, title, kind, position) OVERRIDING SYSTEM VALUE
    SELECT i, 1 + (i - 1) / 20, 1 + (i - 1) / 10, 'Lesson ' || i, 'page', 1 + (i - 1) % 10
    FROM generate_series(1, 40000) AS i
    """,
    """
    INSERT INTO enrollments (user_id, course_id, state, created_at, enrolled_at, lessons_completed)
    SELECT 1 + i / 10, 1 + (i * 7 + i / 10 * 131) % 2000, 'active', timestamptz '2025-01-01' + i * interval '1 second',
           now(), i % 4
    FROM generate_series(0, $1::int - 1) AS i
    """,
    """
    INSERT INTO lesson_progress (user_id, lesson_id, course_id, opened_at, completed_at)
    SELECT user_id, (course_id - 1) * 20 + place, course_id, now(), now()
    FROM enrollments, generate_series(1, lessons_completed) AS place
    """,
)


@dataclass(slots=True)
class Figures:
    """Medians over rounds; milliseconds; of a server, and of what it was asked."""

    name: str
    requests_per_second: float = 0
    p50_ms: float = 0
    cpu_ms: float = 0
    statements: float = 0
    rounds: list[Round] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def close(self) -> None:
        self.requests_per_second = statistics.median(len(r.latencies) / r.seconds for r in self.rounds)
        self.p50_ms = 1000 * statistics.median(statistics.median(r.latencies) for r in self.rounds)
        self.cpu_ms = 1000 * statistics.median(
            cpu / len(r.latencies) for cpu, r in zip(self.cpu, self.rounds, strict=True)
        )
        self.statements /= sum(len(r.latencies) for r in self.rounds)


async def fill(url: str, enrollments: int) -> None:
    connection = await asyncpg.connect(url, command_timeout=600)
    for statement in FILL:
        await connection.execute(statement, *([enrollments] if "$1" in statement else []))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def tokens(services: Services, users: Sequence[int]) -> list[str]:
    """Access tokens of students, as the servers take them."""
    os.environ.update({n: v for n, v in services.environment.items() if n.startswith("LECTERN_")})
    settings = Settings()
    issuer = AccessTokens(SigningKeys.load(settings), settings.authentication)
    return [issuer.issue(user, Role.STUDENT).token for user in users]


def ask(port: int, body: bytes, token: str) -> bytes:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: bytes = response.read()
    return answer


def home_screens(
    server: Server, floor: Server, users: Sequence[int], made: Sequence[str]
) -> list[tuple[bytes, bytes]]:
    """A request for each user, with the answer that both servers give. Raises WrongAnswerError."""
    wanted = []
    for user, token in zip(users, made, strict=True):
        body = orjson.dumps({"query": HOME, "variables": {"user": user} if server is floor else {}})
        answer = ask(server.port, body, token)
        expected = ask(floor.port, orjson.dumps({"query": HOME, "variables": {"user": user}}), token)
        nodes = orjson.loads(expected)["data"]["viewer"]["enrollments"]["nodes"]
        if orjson.loads(answer) != orjson.loads(expected) or len(nodes) != 10:
            raise WrongAnswerError(f"{server.name} answers otherwise than the floor: {answer[:500]!r}")
        wanted.append((request_bytes(server.port, body, f"Authorization: Bearer {token}"), answer))
    return wanted


def measure(server: Server, figures: Figures, wanted: Sequence[tuple[bytes, bytes]], requests: int) -> None:
    cpu, sent = server.cpu_seconds(), statement_count(server)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures.rounds.append(runner.run(run_requests(server.port, wanted, requests=requests)))
    figures.cpu.append(server.cpu_seconds() - cpu)
    figures.statements += statement_count(server) - sent


def enroll(server: Server, url: str, made: Sequence[str], users: Sequence[int], courses: int) -> Figures:
    """Each user enrols in `courses` more, one after the other, all users at once. Checked in the tables."""
    figures = Figures("enroll")

    async def one(user: int, token: str) -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        latencies = []
        for number in range(courses):
            course = 1 + (user * 911 + number * 13) % 2000
            given = {"input": {"courseId": _course_id(course)}}
            body = orjson.dumps({"query": ENROLL, "variables": given})
            began = time.perf_counter()
            writer.write(request_bytes(server.port, body, f"Authorization: Bearer {token}"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(length))
            latencies.append(time.perf_counter() - began)
            enrolled = (answer.get("data") or {}).get("enroll") or {}
            if (
                enrolled.get("userErrors") != []
                or enrolled["enrollment"]["course"]["id"] != given["input"]["courseId"]
            ):
                raise WrongAnswerError(f"enrolling was answered {answer}")
        writer.close()
        return latencies

    async def all_of_them() -> Round:
        began = time.perf_counter()
        found = await asyncio.gather(*(one(user, token) for user, token in zip(users, made, strict=True)))
        return Round(time.perf_counter() - began, [latency for each in found for latency in each])

    before = asyncio.run(_seats(url))
    cpu, sent = server.cpu_seconds(), statement_count(server)
    figures.rounds.append(asyncio.run(all_of_them()))
    figures.cpu.append(server.cpu_seconds() - cpu)
    figures.statements = statement_count(server) - sent
    seats, counted = asyncio.run(_seats(url))
    if seats - before[0] != counted - before[1] or seats == before[0]:
        raise WrongAnswerError(f"{seats - before[0]} rows were added, counted were {counted - before[1]}")
    figures.close()
    return figures


def _course_id(course: int) -> str:
    from base64 import b64encode  # noqa: PLC0415

    return b64encode(f"Course:{course}".encode()).decode()


async def _seats(url: str) -> tuple[int, int]:
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM enrollments), (SELECT sum(enrollment_count) FROM course_stats)"
    )
    await connection.close()
    assert row is not None
    return int(row[0]), int(row[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learners", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300,000 enrolments, fewer rounds: a minute")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    large = QUICK if options.quick else LARGE
    rounds = 3 if options.quick else 7
    with open_services(None, pool_size=10, filled=False) as services, ExitStack() as stack:
        figures: dict[str, Figures] = {}
        screens: dict[str, tuple[Server, list[tuple[bytes, bytes]]]] = {}
        urls: dict[int, str] = {}
        for size in (SMALL, large):
            print(f"filling {size:,} enrolments ...", file=sys.stderr)
            urls[size] = fresh_database(services.database_url, f"lectern_bench_import_{size}")
            asyncio.run(fill(urls[size], size))
            of_size = replace(
                services, environment={**services.environment, "LECTERN_DATABASE_URL": urls[size]}
            )
            users = [1 + size // 10 * n // USERS for n in range(USERS)]
            made = tokens(of_size, users)
            floor = stack.enter_context(serve("learner-floor", of_size))
            lectern = stack.enter_context(serve("lectern", of_size))
            for server in (floor, lectern):
                name = f"{server.name} {size:,}"
                screens[name] = server, home_screens(server, floor, users, made)
                figures[name] = Figures(name)
        for number in range(rounds + 1):
            for name, (server, wanted) in screens.items():
                measure(server, figures[name], wanted, 800 if "floor" in name else 240)
                if not number:
                    figures[name] = Figures(name)  # a round to warm up
        for one in figures.values():
            one.close()
        server = screens[f"lectern {large:,}"][0]
        figures["enroll"] = enroll(server, urls[large], made, users, 20 if options.quick else 60)
    _show(figures, large)
    if options.json:
        kept = [{**asdict(one), "rounds": None, "cpu": None} for one in figures.values()]
        options.json.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))


def _show(figures: dict[str, Figures], large: int) -> None:
    print(f"{'':<26} {'requests/s':>10} {'p50 ms':>8} {'CPU ms':>8} {'statements':>10}")
    for one in figures.values():
        print(
            f"{one.name:<26} {one.requests_per_second:>10,.0f} {one.p50_ms:>8.1f} {one.cpu_ms:>8.2f} {one.statements:>10.1f}"
        )
    for size in (SMALL, large):
        of_floor = figures[f"lectern {size:,}"].p50_ms / figures[f"learner-floor {size:,}"].p50_ms
        print(f"home screen among {size:,}: {of_floor:.1f} times the floor's p50")
    growth = figures[f"lectern {large:,}"].p50_ms / figures[f"lectern {SMALL:,}"].p50_ms
    print(f"growth from {SMALL:,} to {large:,}: {growth:.2f} (p50)")


if __name__ == "__main__":
    main()
