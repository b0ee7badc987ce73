"""`POST /progress` and `recordProgress` read the same beats the same way."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.support.watching import Watching, make_watching, reported

RECORD = """
mutation($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) { accepted rejected { code } } }
"""
MALFORMED, TAKEN = "MALFORMED", None
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = NOW.strftime("%Y-%m-%d")
TIME = NOW.strftime("%H:%M:%S")
MOMENT = f"{DAY}T{TIME}"


@pytest.fixture
async def running(serve: Serve) -> RunningServer:
    found: RunningServer = await serve()
    return found


@pytest.fixture
async def client(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as made:
        yield made


INPUTS: list[tuple[dict[str, Any], str | None]] = [
    *(
        ({"clientTime": text}, TAKEN)
        for text in (
            f"{MOMENT}Z",
            f"{MOMENT}.5Z",
            f"{MOMENT}.123456789Z",
            f"{MOMENT}+00:00",
            f"{MOMENT}-00:00",
        )
    ),
    *(
        ({"clientTime": text}, MALFORMED)
        for text in (
            f"{MOMENT}\0Z",
            f"{MOMENT}Z\0",
            f"{DAY}\0{TIME}Z",
            f"{DAY} {TIME}Z",
            f"{DAY}t{TIME}Z",
            f"{DAY}_{TIME}Z",
            f"{MOMENT}z",
            f" {MOMENT}Z",
            f"{MOMENT}Z\n",
            f"{MOMENT} Z",
            MOMENT,
            f"{MOMENT}+00:00:00",
            f"{MOMENT}+00:00:00.5",
            f"{MOMENT}+0000",
            f"{MOMENT}+00",
            f"{MOMENT}+24:00",
            f"{MOMENT}−00:00",  # noqa: RUF001 - a minus that is none
            f"{MOMENT},5Z",
            f"{MOMENT}.Z",
            f"{MOMENT}.1234567890Z",
            f"{MOMENT[:-3]}Z",
            f"{MOMENT[:-2]}60Z",
            f"{DAY}T24:00:00Z",
            f"{DAY}",
            f"{MOMENT.replace('-', '').replace(':', '')}Z",
            NOW.strftime("%G-W%V-%uT%H:%M:%SZ"),
            "".join(chr(0x660 + int(each)) if each.isdigit() else each for each in MOMENT) + "Z",
            "".join(chr(0xFF10 + int(each)) if each.isdigit() else each for each in MOMENT) + "Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "now",
            "",
            0,
            20260101,
            1.5,
            True,
            None,
            [f"{MOMENT}Z"],
        )
    ),
    *(({"clientTime": text}, "TOO_OLD") for text in ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z")),
    *(
        ({"clientTime": text}, "CLOCK_AHEAD")
        for text in ("9999-12-31T23:59:59.999999999-23:59", "9999-12-31T23:59:59Z")
    ),
    *(({"clientSequence": number}, TAKEN) for number in (1, 1.0, 2**31 - 2)),
    *(({"clientSequence": number}, "INVALID_SEQUENCE") for number in (-1, -1.0, 2**31 - 1)),
    *(({"clientSequence": number}, MALFORMED) for number in (1.5, 1e30, "1", True, None, [1])),
    *(({"positionSeconds": number}, TAKEN) for number in (10, 10.5)),
    *(({"positionSeconds": number}, "INVALID_POSITION") for number in (-1, 1e300, 10**15)),
    *(({"positionSeconds": number}, MALFORMED) for number in ("10", True, None)),
    *(({"event": event}, MALFORMED) for event in ("play", "PLAY ", "NAP", 7, None)),
    *(({"viewingKey": key}, "INVALID_VIEWING_KEY") for key in ("", "k y", "k\n", "\uff4b", "k" * 37)),
    *(({"viewingKey": key}, MALFORMED) for key in (7, None, ["k"])),
]  # fmt: skip


async def test_both_doors_agree(client: httpx.AsyncClient, running: RunningServer) -> None:
    watching: Watching = await make_watching(running.resources.database)
    learner = watching.learner
    token = running.resources.access_tokens.issue(learner.number, learner.role).token
    headers = {"Authorization": f"Bearer {token}"}
    found = []
    for number, (changes, _) in enumerate(INPUTS):
        sent = {**reported(watching.video_ids[0], viewingKey=f"key-{number}"), **changes}
        answer = await client.post("/progress", json={"beats": [sent]}, headers=headers)
        (posted,) = [each["code"] for each in answer.json()["rejected"]] or [TAKEN]
        document = {"query": RECORD, "variables": {"beats": [sent]}}
        answer = (await client.post("/graphql", json=document, headers=headers)).json()
        # What has no shape GraphQL refuses altogether.
        recorded: Any = MALFORMED
        if "errors" not in answer:
            (recorded,) = [each["code"] for each in answer["data"]["recordProgress"]["rejected"]] or [TAKEN]
        found.append((changes, posted, recorded))
    assert found == [(changes, code, code) for changes, code in INPUTS]
