"""What playing costs: links to one video and to fifty, and the files behind them.

    python -m benchmarks.playback [--quick] [--json FILE]

Eight enrolled viewers ask at once for `Video.playback`, beside a hand-written server that asks the same of PostgreSQL and
signs the same links (`playback_floor.py`); and for a manifest, a segment of 1 MiB, and a quarter of it by range, beside
Starlette's FileResponse of the same files. Every answer is checked: links are the same in both, letter by letter, and
lead to what was stored; files are compared byte for byte.
"""

import argparse
import asyncio
import statistics
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

from benchmarks.comparison import statement_count
from benchmarks.learners import ask, tokens
from benchmarks.load import Round, WrongAnswerError, request_bytes, run_requests
from benchmarks.playback_files import LESSONS, MANIFEST, PREVIEWS, SEGMENT, VIEWERS, fill, store, upload_of
from benchmarks.services import Server, Services, open_services, serve

PAGE = 50
SPAN = (256 * 1024, 512 * 1024)
PLAYBACK = "id playback { url expiresAt captions { language url } }"
LESSON = f"query ($id: ID!) {{ node(id: $id) {{ ... on Lesson {{ video {{ {PLAYBACK} }} }} }} }}"
COURSE = f"query ($id: ID!) {{ course(id: $id) {{ lessons(first: {PAGE}) {{ nodes {{ id video {{ {PLAYBACK} }} }} }} }} }}"
_HOUR = 3600


@dataclass(slots=True)
class Contender:
    name: str
    server: Server
    wanted: Sequence[tuple[bytes, bytes]]
    """For each connection its request, and the body of the answer."""
    requests: int
    """Of a round: about a second of them."""
    status: int = 200
    rounds: list[Round] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    statements: float = 0

    def measure(self) -> None:
        cpu, sent = self.server.cpu_seconds(), statement_count(self.server)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            one = run_requests(self.server.port, self.wanted, requests=self.requests, status=self.status)
            self.rounds.append(runner.run(one))
        self.cpu.append(self.server.cpu_seconds() - cpu)
        self.statements += statement_count(self.server) - sent

    def figures(self) -> dict[str, Any]:
        rate = statistics.median(len(one.latencies) / one.seconds for one in self.rounds)
        size = statistics.mean(len(body) for _, body in self.wanted)
        counts = [len(one.latencies) for one in self.rounds]
        return {
            "name": self.name,
            "requestsPerSecond": rate,
            "megabytesPerSecond": rate * size / 1e6,
            "p50Milliseconds": 1000
            * statistics.median(statistics.median(one.latencies) for one in self.rounds),
            "cpuMilliseconds": 1000
            * statistics.median(cpu / count for cpu, count in zip(self.cpu, counts, strict=True)),
            "statements": self.statements / sum(counts),
        }


def _id(type_name: str, number: int) -> str:
    return b64encode(f"{type_name}:{number}".encode()).decode()


def _got(server: Server, url: str) -> bytes:
    """A file by the link to it, which names no port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{urlsplit(url).path}", timeout=30) as answer:
        body: bytes = answer.read()
    return body


def _check_links(server: Server, lesson: int, video: dict[str, Any]) -> None:
    playback = video["playback"]
    languages = [caption["language"] for caption in playback["captions"]]
    stored = [f"WEBVTT\n\n{language} {lesson}\n".encode() for language in ("en", "de")]
    captions = [_got(server, caption["url"]) for caption in playback["captions"]]
    fine = _got(server, playback["url"]) == MANIFEST and languages == ["en", "de"] and captions == stored
    if video["id"] != _id("Video", lesson) or not fine:
        raise WrongAnswerError(f"the links of lesson {lesson} lead elsewhere: {playback}")


def links(
    lectern: Server, floor: Server, made: Sequence[str], *, fifty: bool
) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    """Requests and their answers, of Lectern and of the floor, which must be the same. Raises WrongAnswerError."""
    wanted: tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]] = ([], [])
    for viewer, token in enumerate(made, 1):
        asked = {"query": COURSE, "variables": {"id": _id("Course", 1)}}
        by_hand: dict[str, int] = {"course": 1, "viewer": viewer}
        if not fifty:
            asked = {"query": LESSON, "variables": {"id": _id("Lesson", viewer)}}
            by_hand = {"lesson": viewer, "viewer": viewer}
        bodies = (orjson.dumps(asked), orjson.dumps({"variables": by_hand}))
        answers = (ask(lectern.port, bodies[0], token), ask(floor.port, bodies[1], token))
        data = orjson.loads(answers[0]).get("data")
        if not data or data != orjson.loads(answers[1])["data"]:
            raise WrongAnswerError(f"lectern and the floor differ: {answers[0][:700]!r} {answers[1][:700]!r}")
        if fifty:
            nodes = data["course"]["lessons"]["nodes"]
            if [node["id"] for node in nodes] != [_id("Lesson", number) for number in range(1, PAGE + 1)]:
                raise WrongAnswerError(f"these are not the first {PAGE} lessons: {answers[0][:700]!r}")
            for number, node in enumerate(nodes if viewer == 1 else (), 1):
                _check_links(lectern, number, node["video"])
        else:
            _check_links(lectern, viewer, data["node"]["video"])
        for server, body, answer, kept in zip((lectern, floor), bodies, answers, wanted, strict=True):
            kept.append((request_bytes(server.port, body, f"Authorization: Bearer {token}"), answer))
    return wanted


def previews(lectern: Server) -> list[tuple[bytes, bytes]]:
    """Of who is not signed in."""
    wanted = []
    for lesson in range(LESSONS - PREVIEWS + 1, LESSONS - PREVIEWS + VIEWERS + 1):
        body = orjson.dumps({"query": LESSON, "variables": {"id": _id("Lesson", lesson)}})
        request = request_bytes(lectern.port, body)
        http = urllib.request.Request(
            f"http://127.0.0.1:{lectern.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(http, timeout=30) as response:
            answer: bytes = response.read()
        _check_links(lectern, lesson, orjson.loads(answer)["data"]["node"]["video"])
        wanted.append((request, answer))
    return wanted


def _get(port: int, path: str, *headers: str) -> bytes:
    more = "".join(f"{header}\r\n" for header in headers)
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode()


def contenders_of(
    lectern: Server, floor: Server, made: Sequence[str]
) -> list[tuple[Contender, Contender | None]]:
    """Each with its floor."""
    found: list[tuple[Contender, Contender | None]] = []
    for name, fifty, requests in (("links to 1 video", False, 800), (f"links to {PAGE} videos", True, 160)):
        own, by_hand = links(lectern, floor, made, fifty=fifty)
        found.append(
            (
                Contender(name, lectern, own, requests),
                Contender(f"{name}, floor", floor, by_hand, requests * 3),
            )
        )
    found.append((Contender("links to 1 preview, not signed in", lectern, previews(lectern), 800), None))
    one = orjson.loads(
        ask(lectern.port, orjson.dumps({"query": LESSON, "variables": {"id": _id("Lesson", 1)}}), made[0])
    )
    base = urlsplit(one["data"]["node"]["video"]["playback"]["url"]).path.removesuffix("/master.m3u8")
    quarter = f"Range: bytes={SPAN[0]}-{SPAN[1] - 1}"
    for name, path, headers, body, status, requests in (
        (f"manifest, {len(MANIFEST) / 1000:.1f} KB", "/master.m3u8", (), MANIFEST, 200, 1_500),
        ("segment, 1 MiB", "/high/1.ts", (), SEGMENT, 200, 200),
        ("segment, 256 KiB of it", "/high/1.ts", (quarter,), SEGMENT[slice(*SPAN)], 206, 500),
    ):
        pair = [
            Contender(
                f"{name}{end}",
                server,
                [(_get(server.port, f"{start}{path}", *headers), body)] * VIEWERS,
                requests,
                status,
            )
            for server, start, end in (
                (lectern, base, ""),
                (floor, f"/bare/{upload_of(1)}", ", FileResponse"),
            )
        ]
        found.append((pair[0], pair[1]))
    return found


def wait_for_the_hour(seconds: float) -> None:
    """Links change with the hour: a run begins so early, or after it."""
    left = _HOUR - time.time() % _HOUR
    if left < seconds:
        print(f"waiting {left:.0f} s, until links are those of the next hour", file=sys.stderr)
        time.sleep(left + 1)


def show(figures: Sequence[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    print(
        f"{'':<40} {'requests/s':>10} {'MB/s':>7} {'p50 ms':>7} {'CPU ms':>7} {'SQL':>5} {'of floor':>8}"
        f" {'CPU, of floor':>13}"
    )
    for own, floor in figures:
        for one in filter(None, (own, floor)):
            beside = ""
            if one is own and floor is not None:
                rate = own["requestsPerSecond"] / floor["requestsPerSecond"]
                beside = f" {rate:>8.3f} {own['cpuMilliseconds'] / floor['cpuMilliseconds']:>13.1f}"
            print(
                f"{one['name']:<40} {one['requestsPerSecond']:>10,.0f} {one['megabytesPerSecond']:>7,.0f}"
                f" {one['p50Milliseconds']:>7.1f} {one['cpuMilliseconds']:>7.2f} {one['statements']:>5.1f}{beside}"
            )


def run(
    services: Services, *, rounds: int, scale: float
) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    with ExitStack() as stack:
        lectern, floor = (
            stack.enter_context(serve(name, services)) for name in ("lectern", "playback-floor")
        )
        wait_for_the_hour(rounds * 15 * scale + 30)
        pairs = contenders_of(lectern, floor, tokens(services, range(1, VIEWERS + 1)))
        contenders = [one for pair in pairs for one in pair if one is not None]
        for contender in contenders:
            contender.requests = max(VIEWERS, round(contender.requests * scale))
        for number in range(rounds + 1):
            for contender in contenders:
                print(
                    f"\rround {number} of {rounds}  {contender.name:<40}", end="", file=sys.stderr, flush=True
                )
                contender.measure()
                if not number:  # a round to warm up
                    contender.rounds.clear()
                    contender.cpu.clear()
                    contender.statements = 0
        print(file=sys.stderr)
        return [(own.figures(), None if beside is None else beside.figures()) for own, beside in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playback", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with open_services(None, pool_size=10, filled=False) as services:
        asyncio.run(fill(services.database_url))
        store(Path(services.environment["LECTERN_HOME"]))
        found = run(services, rounds=2 if options.quick else 7, scale=0.2 if options.quick else 1.0)
    show(found)
    if options.json:
        figures = [one for pair in found for one in pair if one is not None]
        options.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
