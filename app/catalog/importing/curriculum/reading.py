"""A track's files to the tree of its course. What cannot be used is reported; the rest is in."""

import html
from typing import Any

from app.catalog.importing.bounded_json import parsed
from app.catalog.importing.curriculum.bodies import html_source, lost
from app.catalog.importing.curriculum.trees import ImportedLesson, ImportedModule, ImportedTree
from app.catalog.importing.curriculum.unused import Unused
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.refusals import Refusals
from app.catalog.importing.rows import KEY_LIMIT
from app.catalog.markup import render
from app.catalog.models import BodyFormat
from app.catalog.service.courses import TITLE_LIMIT
from app.catalog.service.lessons import BODY_LIMIT, LESSON_LIMIT, checked_url
from app.catalog.service.modules import MODULE_LIMIT
from app.errors import DomainError
from app.validation import checked_text

_BLOCK_FIELDS = frozenset({"name", "order", "time", "challenges"})
_CHALLENGE_FIELDS = frozenset({"id", "title", "description", "videoUrl"})
_TIME_LIMIT = 100
_BEHIND_ALL = 1 << 62
# A folder's name has lost how its words are written.
_SPELLINGS = {
    "api": "API",
    "apis": "APIs",
    "css": "CSS",
    "html": "HTML",
    "javascript": "JavaScript",
    "sql": "SQL",
}
_SMALL = {"a", "and", "for", "in", "of", "or", "the", "to", "with"}


class TreeReader:
    """Reads the tracks of one archive."""

    def __init__(self, refusals: Refusals, unused: Unused) -> None:
        self._refusals = refusals
        self._unused = unused
        self._keys: dict[str, str] = {}
        """Lesson key -> place, of the present track."""

    def tree(self, track: str, files: list[tuple[str, bytes]]) -> ImportedTree | None:
        """The course; None, and refused, when nothing of it can be used. Takes a second of CPU for a thousand lessons."""
        self._keys = {}
        contents = dict(files)
        blocks = []
        for name, content in files:
            try:
                blocks.append((_order(_block(content)), name))
            except RowRefused as refused:
                self._refusals.add(f"{track}/{name}.json", str(refused))
        modules: list[ImportedModule] = []
        # Tracks exist whose blocks share a number: the name decides, the same in every run. Parsed once more, since
        # JSON takes twenty times its size in memory: one block at a time is enough.
        for _, name in sorted(blocks):
            if len(modules) == MODULE_LIMIT:
                self._refusals.add(f"{track}/{name}.json", f"A course has at most {MODULE_LIMIT} modules.")
                continue
            try:
                modules.append(self._module(f"{track}/{name}.json", name, _block(contents[name])))
            except RowRefused as refused:
                self._refusals.add(f"{track}/{name}.json", str(refused))
        if not modules:
            self._refusals.add(track, "Nothing of this track can be used.")
            return None
        return ImportedTree(key=track, title=_title_of(track), modules=modules)

    def _module(self, place: str, name: str, block: dict[str, Any]) -> ImportedModule:
        title = _text(block.get("name"), "name", TITLE_LIMIT)
        time = _text(block.get("time") or "", "time", _TIME_LIMIT, needed=False)
        lessons: list[ImportedLesson] = []
        for number, challenge in enumerate(block["challenges"], 1):
            where = f"{place}, challenge {number}"
            if len(lessons) == LESSON_LIMIT:
                self._refusals.add(where, f"A module has at most {LESSON_LIMIT:,} lessons.")
                continue
            try:
                lessons.append(self._lesson(where, challenge))
            except RowRefused as refused:
                self._refusals.add(where, str(refused))
        if not lessons:
            raise RowRefused("The block holds no challenge that can be used.")
        self._unused.add_fields("block", block, _BLOCK_FIELDS)
        # Some blocks say "None", in so many letters.
        description = f"Time: {time}" if time not in {"", "None"} else ""
        return ImportedModule(key=name, title=title, description=description, lessons=lessons)

    def _lesson(self, where: str, challenge: Any) -> ImportedLesson:
        if not isinstance(challenge, dict):
            raise RowRefused("The challenge is no JSON object.")
        key = _text(challenge.get("id"), "id", KEY_LIMIT)
        title = _text(challenge.get("title"), "title", TITLE_LIMIT)
        lines = _lines(challenge.get("description"))
        if key in self._keys:
            raise RowRefused(f"Its id is that of {self._keys[key]}.")
        video_url = self._video_url(challenge.get("videoUrl"))
        if not lines and video_url is not None:
            lesson = ImportedLesson(key, title, video_url, None, None)
        else:
            if not lines:
                self._unused.add("challenges without a text, whose pages show their title")
            source = (
                html_source(lines, video_url) if lines else html_source([html.escape(title, quote=False)])
            )
            source = _text(source, "description", BODY_LIMIT, breaks=True)
            rendered = render(source, BodyFormat.HTML)
            for what in lost(source, rendered):
                self._unused.add(what)
            lesson = ImportedLesson(key, title, None, source, rendered)
        self._keys[key] = where
        self._unused.add_fields("challenge", challenge, _CHALLENGE_FIELDS)
        return lesson

    def _video_url(self, value: Any) -> str | None:
        """A video's length is not told, and a video lesson needs one: the address becomes a link."""
        if value in (None, ""):
            return None
        try:
            return checked_url(value if isinstance(value, str) else "")
        except DomainError:
            self._unused.add("videos whose address is no web address")
            return None


def _block(content: bytes) -> dict[str, Any]:
    block = parsed(content)
    if not isinstance(block, dict) or not isinstance(block.get("challenges"), list):
        raise RowRefused("The file is no block: a JSON object with a list of challenges.")
    return block


def _order(block: dict[str, Any]) -> int:
    order = block.get("order")
    return order if isinstance(order, int) else _BEHIND_ALL


def _lines(description: Any) -> list[str]:
    """Lines that hold something."""
    lines = [description] if isinstance(description, str) else description or []
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise RowRefused("description: This is neither a text nor a list of texts.")
    return [line for line in lines if line.strip()]


def _text(value: Any, name: str, limit: int, *, needed: bool = True, breaks: bool = False) -> str:
    if not isinstance(value, str):
        raise RowRefused(f"{name}: {'There is none' if value is None else 'This is no text'}.")
    try:
        return checked_text(value, minimum=int(needed), maximum=limit, breaks=breaks)
    except DomainError as error:
        raise RowRefused(f"{name}: {error.message}") from None


def _title_of(track: str) -> str:
    """`02-apis-and-css` is written APIs and CSS."""
    words = [word for word in track.partition("-")[2].replace("_", "-").lower().split("-") if word]
    written = [
        _SPELLINGS.get(word) or (word if place and word in _SMALL else word.capitalize())
        for place, word in enumerate(words)
    ]
    return " ".join(written)
