"""Videos of lessons: what authors say of them, and how they upload them."""

from dataclasses import replace
from datetime import datetime
from typing import Self
from uuid import UUID, uuid4

import strawberry

from app.catalog import service
from app.catalog.service import Caption, UploadFile, VideoContent
from app.database import Transaction
from app.errors import DomainError, ErrorCode
from app.storage import Link, Storage
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import global_id, required_number, uuid_of
from graphql_schema.permissions import PUBLIC, TEACHER, policy

_UPLOAD_LIFETIME = 3600  # seconds: a slow line sends two gigabytes in it


@strawberry.input(description="Captions of a video in one language.")
class CaptionInput:
    language: str = strawberry.field(
        description="BCP 47 tag (RFC 5646), at most 60 characters, each once; case means nothing."
    )
    key: str = strawberry.field(description="`VideoUploadFile.key` of its WebVTT file, uploaded already.")

    def caption(self) -> Caption:
        return Caption(self.language, self.key)


@strawberry.input(description="A video.")
class VideoInput:
    duration_seconds: float = strawberry.field(description="Length in seconds, up to a day.")
    manifest_key: str | None = strawberry.field(
        default=None,
        description="`VideoUploadFile.key` of its stream's manifest (m3u8, mpd), or of the only file (mp4, webm), which has "
        "to be uploaded already. Left out, it stays as it is.",
    )
    captions: list[CaptionInput] | None = strawberry.field(
        default=None, description="All captions, at most 50. Left out, they stay as they are."
    )

    async def content(self, storage: Storage) -> VideoContent:
        """What is named is looked for: to be awaited before the first statement, so that no connection waits for it."""
        captions = None if self.captions is None else [given.caption() for given in self.captions]
        named = VideoContent(self.duration_seconds, self.manifest_key, captions)
        return replace(named, missing=await storage.missing(set(named.keys)))


@strawberry.input(description="A file to upload.")
class VideoUploadFileInput:
    name: str = strawberry.field(
        description="Such as master.m3u8 or high/1.ts: as the manifest names it. Its ending says its type."
    )
    size_bytes: int = strawberry.field(description="Exactly, up to 2 gigabytes.")


@strawberry.input(description="Files of a video to upload.")
class RequestVideoUploadInput:
    course_id: strawberry.ID = strawberry.field(description="The course whose lesson it is for.")
    files: list[VideoUploadFileInput] = strawberry.field(
        description="1 to 100, each name once; none is a folder of another's."
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=None, description="`VideoUpload.id` of an earlier answer, to put more files into its folder."
    )


@strawberry.type(description="A header that an upload must send.")
@policy(PUBLIC)
class HttpHeader:
    name: str = field(description="Its name.")
    value: str = field(description="Its value, exactly.")


@strawberry.type(description="Where one file goes: PUT it to `url` with these headers, once.")
@policy(PUBLIC)
class VideoUploadFile:
    key: str = field(description="Give it as `manifestKey`, or as a caption's `key`, once it is uploaded.")
    url: str = field(description="Signed: for a file of this size and type, which must not be there yet.")
    headers: list[HttpHeader] = field(description="To be sent with it, beside its length.")

    @classmethod
    def of(cls, key: str, link: Link) -> Self:
        headers = [HttpHeader(name=name, value=value) for name, value in link.headers.items()]
        return cls(key=key, url=link.url, headers=headers)


@strawberry.type(
    description="An upload: a folder of the course's, and a link for each file. What no lesson names is removed after a "
    "while, a month as a rule."
)
@policy(PUBLIC)
class VideoUpload:
    id: strawberry.ID = field(description="Opaque; give it as `uploadId` to add more files.")
    expires_at: datetime = field(description="When the links end.")
    files: list[VideoUploadFile] = field(description="In the order in which they were asked for.")


@strawberry.type(description="Where to upload the files to.")
@policy(PUBLIC)
class RequestVideoUploadPayload:
    upload: VideoUpload | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()


async def request_video_upload(
    tx: Transaction, context: Context, input: RequestVideoUploadInput
) -> RequestVideoUploadPayload:
    upload_id = uuid4() if input.upload_id is None else _required_upload(input.upload_id)
    files = [UploadFile(given.name, given.size_bytes) for given in input.files]
    keys = await service.keys_to_upload(
        tx,
        context.actor,
        course_id=required_number("Course", input.course_id, "courseId"),
        upload_id=upload_id,
        files=files,
    )
    storage = context.resources.storage
    links = [
        storage.link(key, _UPLOAD_LIFETIME, method="PUT", size=file.size)
        for key, file in zip(keys, files, strict=True)
    ]
    return RequestVideoUploadPayload(
        upload=VideoUpload(
            id=global_id("VideoUpload", upload_id),
            expires_at=links[0].expires_at,
            files=[VideoUploadFile.of(key, link) for key, link in zip(keys, links, strict=True)],
        )
    )


def _required_upload(identifier: strawberry.ID) -> UUID:
    upload_id = uuid_of("VideoUpload", identifier)
    if upload_id is None:
        raise DomainError("There is no such upload.", code=ErrorCode.NOT_FOUND, path=("input", "uploadId"))
    return upload_id


@strawberry.type
class VideoMutations:
    request_video_upload = mutation(
        request_video_upload,
        policy=TEACHER,
        description="Gives signed links to upload a video's files. For the course's instructors.",
    )
