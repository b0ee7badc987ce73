"""What an import of a curriculum stores: checked, sanitised, ready for the tables."""

import hashlib
from dataclasses import dataclass

import orjson

from app.catalog.models import LessonKind


@dataclass(frozen=True, slots=True)
class ImportedLesson:
    """A page with a body, or a link to `external_url`."""

    key: str
    title: str
    external_url: str | None
    body_source: str | None
    """HTML as the archive has it."""
    body_html: str | None

    @property
    def kind(self) -> LessonKind:
        return LessonKind.PAGE if self.external_url is None else LessonKind.LINK


@dataclass(frozen=True, slots=True)
class ImportedModule:
    key: str
    title: str
    description: str
    lessons: list[ImportedLesson]


@dataclass(frozen=True, slots=True)
class ImportedTree:
    """A course with everything in it, in order. Keys of lessons are unique in the course, not only in the module."""

    key: str
    title: str
    modules: list[ImportedModule]

    def digest(self) -> bytes:
        """Of all that comes from the archive: a course whose digest is known has not changed there."""
        content = [
            self.title,
            *(
                [
                    module.key,
                    module.title,
                    module.description,
                    *((one.key, one.title, one.external_url, one.body_source) for one in module.lessons),
                ]
                for module in self.modules
            ),
        ]
        return hashlib.blake2b(orjson.dumps(content), digest_size=16).digest()
