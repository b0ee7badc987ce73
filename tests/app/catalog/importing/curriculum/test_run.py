"""Course trees from archives into a real database: what is stored, what a second run does, what is told."""

import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.catalog.importing import ImportRefused, Refusals
from app.catalog.importing.curriculum import CurriculumOptions, CurriculumResult, import_curriculum
from app.catalog.importing.curriculum.spool import BLOCK_LIMIT
from app.catalog.models import CourseStatus
from app.database import Database
from tests.support.curricula import block, challenge, curriculum, entry, pack, real_archive, small

TREE = """
SELECT c.source_key AS track, c.title AS course, c.status, m.position AS m, m.title AS module, m.description,
    l.position AS l, l.title, l.kind, l.external_url, l.body_html, s.lesson_count
FROM courses c JOIN course_stats s ON s.course_id = c.id JOIN modules m ON m.course_id = c.id
JOIN lessons l ON l.module_id = m.id ORDER BY c.source_key, m.position, l.position"""
TOUCHED = """
SELECT 'course' AS kind, id, xmin::text, updated_at::text AS at FROM courses
UNION ALL SELECT 'module', id, xmin::text, '' FROM modules UNION ALL SELECT 'lesson', id, xmin::text, '' FROM lessons
UNION ALL SELECT 'stats', course_id, xmin::text, '' FROM course_stats
UNION ALL SELECT 'instructor', course_id, xmin::text, '' FROM course_instructors ORDER BY 1, 2"""
# As large as a block may be, and no bomb.
PADDING = "".join(f"{number:x}" for number in range(1_000_000))[:BLOCK_LIMIT]
HOSTILE = [
    "<script>alert(1)</script><ScRiPt src=//evil.example/x.js></sCrIpT>Text",
    "<img src=x onerror=alert(1)> <svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<a href='javascript:alert(1)'>j</a> <a href='&#106;ava&#9;script:alert(1)'>k</a> <a href='data:text/html,x'>d</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><object data=x></object><embed src=x>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<div style='background:url(javascript:alert(1))' onclick='alert(1)'>styled</div>",
    "<form action=//evil.example><input name=password><button formaction='javascript:alert(1)'>go</button></form>",
    "<<script>alert(1)//<</script> <scr<script>ipt>alert(1)</script> <unknown onmouseover=alert(1)>x",
    "<base href=//evil.example><meta http-equiv=refresh content=0><link rel=stylesheet href=//evil.example>",
    "<!--><img src=x onerror=alert(1)>--> <noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
]


async def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row) for row in await tx.fetch_text(statement)]


async def run(database: Database, file: Path, **options: Any) -> CurriculumResult:
    result = CurriculumResult(Refusals(place_name="place"))
    await import_curriculum(database, file, CurriculumOptions(**options), result)
    return result


def counts(result: CurriculumResult) -> list[tuple[int, int, int]]:
    tally = result.tally
    return [
        (one.created, one.updated, one.unchanged) for one in (tally.courses, tally.modules, tally.lessons)
    ]


async def test_a_tree_is_stored_in_order(database: Database, tmp_path: Path) -> None:
    result = await run(database, small(tmp_path / "a.tgz", tracks=2, modules=2, lessons=2))

    assert counts(result) == [(2, 0, 0), (4, 0, 0), (8, 0, 0)]
    assert (result.refusals.count, result.unused.most()) == (0, [])
    assert (result.courses_done, result.courses_total) == (2, 2)
    found = await rows(database, TREE)
    assert [(row["track"], row["m"], row["l"], row["title"]) for row in found] == [
        (f"0{track}-track-{track}", module, lesson, f"Lesson {track}.{module}.{lesson}")
        for track in (1, 2)
        for module in (1, 2)
        for lesson in (1, 2)
    ]
    assert found[0] == {
        "track": "01-track-1",
        "course": "Track 1",
        "status": "published",
        "m": 1,
        "module": "Module 1.1",
        "description": "Time: 2 hours",
        "l": 1,
        "title": "Lesson 1.1.1",
        "kind": "page",
        "external_url": None,
        "body_html": "<p>Text 1.1.1.</p>",
        "lesson_count": 4,
    }


async def test_a_second_run_touches_no_row(database: Database, tmp_path: Path) -> None:
    file = small(tmp_path / "a.tgz")
    await run(database, file)
    before = await rows(database, TOUCHED)
    assert len(before) == 3 + 6 + 18 + 3 + 3

    assert counts(await run(database, file)) == [(0, 0, 3), (0, 0, 6), (0, 0, 18)]
    assert await rows(database, TOUCHED) == before


async def test_a_changed_archive_changes_what_it_says_and_keeps_ids(
    database: Database, tmp_path: Path
) -> None:
    def tree(*blocks: tuple[str, int, list[dict[str, Any]]]) -> Path:
        return curriculum(
            tmp_path / "a.tgz", {f"01-x/{name}": block(name, at, found) for name, at, found in blocks}
        )

    await run(database, tree(("a", 1, [challenge(1, "A"), challenge(2, "B")]), ("b", 2, [challenge(3, "C")])))
    ids = {row["source_key"]: row["id"] for row in await rows(database, "SELECT id, source_key FROM lessons")}
    changed = tree(("b", 1, [challenge(2, "B"), challenge(3, "New")]), ("c", 2, [challenge(4, "D")]))
    result = await run(database, changed)

    # Lesson 2 moved into b, 3 has a new text, 4 is new; block a and lesson 1 are gone from the archive and stay behind.
    assert counts(result) == [(0, 1, 0), (1, 0, 1), (1, 2, 0)]
    found = await rows(database, TREE)
    assert [(row["module"], row["m"], row["title"], row["l"], row["body_html"]) for row in found] == [
        ("b", 1, "Lesson 2", 1, "<p>B</p>"),
        ("b", 1, "Lesson 3", 2, "<p>New</p>"),
        ("c", 2, "Lesson 4", 1, "<p>D</p>"),
        ("a", 3, "Lesson 1", 1, "<p>A</p>"),
    ]
    assert {row["lesson_count"] for row in found} == {4}
    after = {
        row["source_key"]: row["id"] for row in await rows(database, "SELECT id, source_key FROM lessons")
    }
    assert {key: after[key] for key in ids} == ids
    assert counts(await run(database, changed)) == [(0, 0, 1), (0, 0, 2), (0, 0, 3)]


async def test_hostile_html_is_stored_harmless_and_counted(database: Database, tmp_path: Path) -> None:
    lessons = [challenge(number, line) for number, line in enumerate(HOSTILE)]
    lessons += [
        challenge("<script>", "x", title="<script>alert(1)</script>"),
        challenge("video", "x", videoUrl='https://e.org/"onclick="alert(1)'),
        challenge("bad", "x", videoUrl="javascript:alert(1)"),
        challenge("titled", title="<img src=x onerror=alert(1)>"),
    ]
    result = await run(database, curriculum(tmp_path / "a.tgz", {"01-x/a": block("A", 1, lessons)}))

    assert result.refusals.kept == []
    bodies = [
        row["body_html"] for row in await rows(database, "SELECT body_html FROM lessons ORDER BY position")
    ]
    assert len(bodies) == len(HOSTILE) + 4
    for body in bodies:
        tags = [piece.partition(">")[0].lower() for piece in body.split("<")[1:]]
        names = {tag.lstrip("/").partition(" ")[0] for tag in tags}
        assert names <= {"a", "img", "div", "p", "table"}, body
        for tag in tags:
            attributes = {piece.partition("=")[0] for piece in tag.split()[1:] if "=" in piece}
            assert attributes <= {"href", "src", "rel", "title"}, body
            assert "javascript:" not in tag, body
            assert "data:" not in tag, body
    assert bodies[-1] == "<p>&lt;img src=x onerror=alert(1)&gt;</p>"
    told = dict(result.unused.most())
    for element in ("script", "iframe", "svg", "form", "object", "math"):
        assert told[f"removed from bodies: element {element}"] >= 1
    assert told["videos whose address is no web address"] == 1


async def test_what_cannot_be_used_is_told_and_the_rest_is_in(database: Database, tmp_path: Path) -> None:
    bad = [
        challenge(1, "Fine."),
        challenge(1, "The same id."),
        {"id": "x", "description": []},
        {"id": "y", "title": "T" * 201},
        {"title": "No id"},
        {"id": "z", "title": "T", "description": [1]},
        {"id": "long", "title": "T", "description": ["x" * 60_000]},
        "text",
        challenge(2, videoUrl="https://e.org/v", tests=[1]),
        challenge(3),
        challenge("nul", "a\0b"),
    ]
    file = curriculum(
        tmp_path / "a.tgz",
        {
            "01-html/a": block("A", 1, bad, helpRoom="room"),
            "01-html/no-json": b"{",
            "01-html/deep": b'{"challenges": [' + b"[" * 100 + b"]" * 101 + b"}",
            "01-html/no-block": b"[]",
            "01-html/empty": block("E", 2, []),
            "02-nothing/a": b"1",
            "03-large/a": PADDING.encode() + b"1",
        },
        entry("package/dist/challenges/01-html/a.json", block("Again", 1, [challenge(9, "x")])),
        entry("package/readme.md", b"# Read me"),
    )
    result = await run(database, file, status=CourseStatus.DRAFT)

    assert counts(result) == [(1, 0, 0), (1, 0, 0), (3, 0, 0)]
    found = await rows(database, TREE)
    assert [(row["course"], row["status"], row["title"], row["kind"]) for row in found] == [
        ("HTML", "draft", "Lesson 1", "page"),
        ("HTML", "draft", "Lesson 2", "link"),
        ("HTML", "draft", "Lesson 3", "page"),
    ]
    refused = {str(refusal.place): refusal.reason for refusal in result.refusals.kept}
    assert len(refused) == result.refusals.count == 16
    assert refused["01-html/a.json, challenge 2"] == "Its id is that of 01-html/a.json, challenge 1."
    assert refused["01-html/a.json, challenge 3"] == "title: There is none."
    assert refused["01-html/deep.json"] == "Its JSON nests deeper than 32 levels."
    assert refused["01-html/empty.json"] == "The block holds no challenge that can be used."
    assert refused["02-nothing"] == "Nothing of this track can be used."
    assert refused["package/dist/challenges/03-large/a.json"] == "The file is larger than 4 MB."
    assert "twice" in refused["package/dist/challenges/01-html/a.json"]
    assert dict(result.unused.most()) == {
        "challenges without a text, whose pages show their title": 1,
        "block field helpRoom": 1,
        "challenge field tests": 1,
        "files that are no blocks": 1,
    }


async def test_nothing_is_written_when_the_archive_is_unsafe_at_its_end(
    database: Database, tmp_path: Path
) -> None:
    good = block("A", 1, [challenge(1, "x")])
    for trap in (entry("../up"), entry("l", type=b"2", linkname="/etc/passwd")):
        with pytest.raises(ImportRefused):
            await run(database, curriculum(tmp_path / "a.tgz", {"01-x/a": good}, trap))
    with pytest.raises(ImportRefused, match="is no curriculum"):
        await run(database, pack(tmp_path / "a.tgz", [entry("a.json", b"[]")]))
    assert await rows(database, "SELECT id FROM courses UNION ALL SELECT id FROM users") == []


async def test_a_track_is_held_in_bounded_memory(database: Database, tmp_path: Path) -> None:
    blocks = {f"01-x/b{n}": block(f"B{n}", n, [challenge(n, "x", files=PADDING[:-500])]) for n in range(6)}
    result = await run(database, curriculum(tmp_path / "a.tgz", blocks))
    assert counts(result)[1] == (4, 0, 0)
    assert [refusal.reason for refusal in result.refusals.kept] == ["The track is larger than 16 MB."] * 2


async def test_names_of_fields_are_bounded(database: Database, tmp_path: Path) -> None:
    many = {f"field {number} \x1b[31m{'x' * 100}": 1 for number in range(500)}
    result = await run(
        database, curriculum(tmp_path / "a.tgz", {"01-x/a": block("A", 1, [challenge(1, "x", **many)])})
    )
    told = result.unused.most()
    assert len(told) == 101
    assert sum(count for _, count in told) == 500
    assert all(len(what) < 70 and what.isprintable() for what, _ in told)


async def test_the_real_curriculum(database: Database) -> None:
    file = real_archive()
    result = await run(database, file)
    assert counts(result) == [(8, 0, 0), (50, 0, 0), (1418, 0, 0)]
    assert result.refusals.count == 0
    before = await rows(database, TOUCHED)
    assert counts(await run(database, file)) == [(0, 0, 8), (0, 0, 50), (0, 0, 1418)]
    assert await rows(database, TOUCHED) == before

    found = await rows(database, TREE)
    assert len(found) == 1418
    assert Counter(row["track"] for row in found) == {
        track: next(row["lesson_count"] for row in found if row["track"] == track)
        for track in {row["track"] for row in found}
    }
    # Independently of the importer: the archive's own order, titles and words.
    expected = _original(file)
    assert [(row["track"], row["module"], row["title"]) for row in found] == expected
    told = dict(result.unused.most())
    assert told["challenge field tests"] == 1383
    assert told["removed from bodies: element big"] == 67
    assert not any("<script" in (row["body_html"] or "").lower() for row in found)


def _original(file: Path) -> list[tuple[str, str, str]]:
    found = []
    with tarfile.open(file) as archive:
        for member in archive:
            parts = member.name.split("/")
            if "challenges" in parts and len(parts) == 5:
                content = archive.extractfile(member)
                assert content is not None
                parsed = json.load(content)
                found.append((parts[3], parsed["order"], parts[4][: -len(".json")], parsed))
    return [
        (track, parsed["name"].strip(), one["title"].strip())
        for track, _, _, parsed in sorted(found, key=lambda entry: entry[:3])
        for one in parsed["challenges"]
    ]
