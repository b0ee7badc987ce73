"""Videos of lessons: where their stream and captions lie in storage, and how they get there."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from app.catalog.errors import NotFound
from app.catalog.service.editing import course_to_edit
from app.catalog.service.languages import checked_language
from app.catalog.service.uploads import use_uploads
from app.database import Transaction
from app.errors import DomainError, ErrorCode
from app.identity.actor import Actor

DURATION_LIMIT = 24 * 3600
KEY_LIMIT = 400
CAPTIONS_LIMIT = 50
UPLOAD_LIMIT = 100
"""Files of one request; a stream of more segments is asked for in several."""
SIZE_LIMIT = 2**31 - 1
"""Bytes of one file: what an Int of the schema can say."""
_STREAMS = ("m3u8", "mpd", "mp4", "webm")
_PARTS = (*_STREAMS, "ts", "m4s", "m4a", "vtt")
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}"
_NAME = re.compile(rf"(?:{_SEGMENT}/){{0,2}}{_SEGMENT}\.(?:{'|'.join(_PARTS)})")


@dataclass(frozen=True, slots=True)
class Caption:
    language: str
    key: str


@dataclass(frozen=True, slots=True)
class VideoContent:
    """What an author gives. None leaves the stream, or the captions, as they are."""

    duration_seconds: float
    manifest_key: str | None = None
    captions: Sequence[Caption] | None = None
    missing: Collection[str] = ()
    """Of `keys` those that were looked for and are not there. The storage is asked before the transaction, never in it."""

    @property
    def names_files(self) -> bool:
        return self.manifest_key is not None or self.captions is not None

    @property
    def keys(self) -> list[str]:
        """What is named and can be a file's key, up to as many as a video may name. Of the rest `columns` speaks."""
        return [key for key in self._named()[: CAPTIONS_LIMIT + 1] if _is_key(key)]

    def _named(self) -> list[str]:
        captions = [caption.key for caption in self.captions or ()]
        return captions if self.manifest_key is None else [self.manifest_key, *captions]

    def columns(self, course_id: int) -> dict[str, Any]:
        """As they are stored. Raises INVALID_INPUT, also for what no video lasts (NaN included), and for keys of anything
        but this course's videos: whoever may see the lesson is given links to what they name.
        """
        if not 0.001 <= self.duration_seconds <= DURATION_LIMIT:
            raise DomainError(
                "A video lasts more than nothing and at most a day.",
                path=("input", "video", "durationSeconds"),
            )
        key = self.manifest_key
        if key is not None:
            _check_key(course_id, key, _STREAMS, "manifestKey")
        captions = (
            None if self.captions is None else [self._caption(course_id, each) for each in self.captions]
        )
        if captions is not None and len({each["language"] for each in captions}) < len(captions):
            raise DomainError("Each language once.", path=("input", "video", "captions"))
        if captions is not None and len(captions) > CAPTIONS_LIMIT:
            raise DomainError(f"At most {CAPTIONS_LIMIT} captions.", path=("input", "video", "captions"))
        return {"duration_ms": round(self.duration_seconds * 1000), "manifest_key": key, "captions": captions}

    def _caption(self, course_id: int, caption: Caption) -> dict[str, str]:
        language = checked_language(caption.language, "input", "video", "captions", "language")
        _check_key(course_id, caption.key, ("vtt",), "captions", "key")
        return {"language": language, "key": caption.key}

    async def use(self, tx: Transaction, course_id: int) -> None:
        """Keeps what is named, under the course's lock. Raises NOT_FOUND for what was given up, as its files are going, and
        for what is not there.

        Of keys that `columns` has checked.
        """
        named = self._named()
        uploads = {UUID(key.split("/")[2]) for key in named}
        given_up = {str(upload) for upload in await use_uploads(tx, course_id, uploads)} if uploads else ()
        for key in named:
            if key.split("/")[2] in given_up:
                told = "No lesson has named this file for so long that it was removed. Upload it again."
            elif key in self.missing:
                told = "This file has not been uploaded yet. Upload it first."
            else:
                continue
            path = ("manifestKey",) if key == self.manifest_key else ("captions", "key")
            raise DomainError(told, code=ErrorCode.NOT_FOUND, path=("input", "video", *path))


@dataclass(frozen=True, slots=True)
class UploadFile:
    name: str
    size: int
    """Bytes, exactly."""


def folder_of(course_id: int, upload_id: UUID) -> str:
    """Where the files of an upload lie: nothing else does, and a link to a stream is one to its folder."""
    return f"videos/{course_id}/{upload_id}"


def stream_folder(key: str) -> str:
    """The folder that a stream's manifest and its segments share."""
    return "/".join(key.split("/")[:3])


def _check_key(course_id: int, key: str, endings: Sequence[str], *path: str) -> None:
    folder, _, name = key.removeprefix(f"videos/{course_id}/").partition("/")
    fine = key.startswith(f"videos/{course_id}/") and len(key) <= KEY_LIMIT and is_upload_id(folder)
    if not (fine and _NAME.fullmatch(name) and name.rpartition(".")[2] in endings):
        listed = ", ".join(endings)
        raise DomainError(
            f"This is not the key of an uploaded file of this course ({listed}).",
            path=("input", "video", *path),
        )


def _is_key(key: str) -> bool:
    """Whether a file of some course's could have it: what is not is nothing to ask the storage for."""
    first, course, upload, name = ([*key.split("/", 3), "", "", ""])[:4]
    fits = first == "videos" and course.isascii() and course.isdigit() and len(key) <= KEY_LIMIT
    return fits and is_upload_id(upload) and _NAME.fullmatch(name) is not None


def is_upload_id(text: str) -> bool:
    """Whether it is written as the folder of an upload is."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


async def keys_to_upload(
    tx: Transaction, actor: Actor, *, course_id: int, upload_id: UUID, files: Sequence[UploadFile]
) -> list[str]:
    """The keys under which the actor may store these files. Raises NOT_FOUND, FORBIDDEN, INVALID_STATE, INVALID_INPUT."""
    await course_to_edit(tx, actor, course_id, "courseId")
    if not 1 <= len(files) <= UPLOAD_LIMIT:
        raise DomainError(f"Between 1 and {UPLOAD_LIMIT} files.", path=("input", "files"))
    for file in files:
        if not _NAME.fullmatch(file.name):
            endings = ", ".join(_PARTS)
            raise DomainError(
                "A name has letters, digits, points and dashes, at most two folders before it, and ends in one of"
                f" {endings}.",
                path=("input", "files", "name"),
            )
        if not 1 <= file.size <= SIZE_LIMIT:
            raise DomainError(
                "A file has between 1 byte and 2 gigabytes.", path=("input", "files", "sizeBytes")
            )
    names = {file.name for file in files}
    if len(names) < len(files):
        raise DomainError("Each name once.", path=("input", "files", "name"))
    if any(str(folder) in names for name in names for folder in PurePosixPath(name).parents):
        raise DomainError(
            "A name cannot be a file's and a folder's at once.", path=("input", "files", "name")
        )
    if await use_uploads(tx, course_id, [upload_id]):
        raise NotFound("upload", "uploadId")
    return [f"{folder_of(course_id, upload_id)}/{file.name}" for file in files]
