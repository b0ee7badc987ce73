"""Files, as the rest of the program sees them: the same calls on a folder, in memory, and in S3."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import obstore

from app.settings import Settings
from app.storage import keys
from app.storage.calls import Calls
from app.storage.errors import NoSuchFile, RangeNotSatisfiable
from app.storage.folders import is_straight, remove_files, sweep_parts
from app.storage.links import Link, Links, Method, Wish
from app.storage.media_links import MediaLink, MediaLinks
from app.storage.pieces import Content, StoredFile, Upload
from app.storage.places import Bucket, Folder, place_of
from app.storage.s3_links import S3Links
from app.storage.served_links import Grant, LinkRefused, ServedLinks
from app.telemetry import Metrics

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions
    from obstore.store import ObjectStore

_STAGING = ".staging/"
_PIECE = 256 * 1024  # bytes handed on at a time
_PART = 5 * 1024 * 1024  # bytes, S3's smallest
_PARTS_AT_ONCE = 2
_DELETED_AT_ONCE = 500  # files; S3 takes a thousand names in a call
# Looks of microseconds, and readers wait for them: they stand in no line with what keeps the process's threads for seconds,
# such as an author's text that is slow to render.
_LOOKS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="storage")


class Storage:
    """Opens nothing before its first use. Keys come from code and ids, never from a client's text; a bad one is ValueError.

    Every call may raise Unavailable: the storage is away (Away), or refused us.
    """

    def __init__(self, settings: Settings, metrics: Metrics, link_secrets: Sequence[bytes]) -> None:
        """`link_secrets` sign links where we serve the files: the first makes, all are known. Raises ValueError for an
        address that is none.
        """
        self.place = place_of(settings)
        self._settings = settings
        self._link_secrets = link_secrets
        self._limits = settings.storage
        self._calls = Calls(metrics)

    async def put(
        self,
        key: str,
        data: bytes | AsyncIterator[bytes],
        content_type: str,
        *,
        create_only: bool = True,
        limit: int | None = None,
    ) -> None:
        """Stores all of it or nothing, in bounded memory. `content_type` is what the key's ending says, or ValueError.

        `limit`: bytes that a stream may have. Raises AlreadyExists when there is one (unless not `create_only`: then it is
        replaced), FileTooLarge, and whatever the stream raises.
        """
        if content_type != keys.media_type(keys.checked(key)):
            raise ValueError(f"The ending of {key!r} says {keys.media_type(key)}, not {content_type}.")
        if isinstance(data, bytes):
            await self._put_bytes(key, data, create_only=create_only)
            return
        upload = Upload(data, limit)
        whole = await upload.small()
        if whole is not None:
            await self._put_bytes(key, whole, create_only=create_only)
            return
        try:
            # Not guarded: what breaks may be the sender's stream.
            with self._calls.counted("put"):
                async with asyncio.timeout(self._limits.stream_timeout):
                    await self._put_stream(key, upload, create_only=create_only)
        except Exception:
            if upload.error is not None:
                raise upload.error from None  # what the stream raised, not what became of it on the way
            raise
        self._calls.wrote(upload.size)

    async def open(self, which: str | StoredFile, *, start: int = 0, stop: int | None = None) -> Content:
        """The file of that key, or its bytes from `start` up to `stop`. With a StoredFile: only while it is that version.

        Raises NoSuchFile, RangeNotSatisfiable. What is open can be read to its end, although it be deleted meanwhile.
        """
        file = await self.head(which) if isinstance(which, str) else which
        stop = file.size if stop is None else min(stop, file.size)
        if start < 0 or (start >= stop and (start, stop) != (0, file.size)):
            raise RangeNotSatisfiable
        options: GetOptions = {"if_match": file.etag}
        if stop - start != file.size:
            options["range"] = (start, stop)
        with self._calls.guarded("open"):
            async with asyncio.timeout(self._limits.call_timeout):
                found = await obstore.get_async(self._store, file.key, options=options)
        return Content(
            file,
            (start, stop),
            found.stream(_PIECE),
            stall_timeout=self._limits.stall_timeout,
            count=self._calls.reader(),
        )

    async def head(self, key: str) -> StoredFile:
        """Raises NoSuchFile."""
        keys.checked(key)
        with self._calls.guarded("head"):
            async with asyncio.timeout(self._limits.call_timeout):
                await self._refuse_detours(key)
                return StoredFile.of(await obstore.head_async(self._store, key))

    async def missing(self, wanted: Collection[str]) -> set[str]:
        """Those that are not there. They are looked for at once, so give few."""

        async def look(key: str) -> set[str]:
            try:
                await self.head(key)
            except NoSuchFile:
                return {key}
            return set()

        return set[str]().union(*await asyncio.gather(*map(look, wanted)))

    async def delete(self, key: str) -> bool:
        """Whether the storage is known to have had such a file (S3 does not say: then True)."""
        keys.checked(key)
        try:
            with self._calls.guarded("delete"):
                async with asyncio.timeout(self._limits.call_timeout):
                    await self._refuse_detours(key)
                    await obstore.delete_async(self._store, key)
        except NoSuchFile:
            return False
        return True

    async def list(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """All files below `prefix` (whole segments: "certificates/2030"), in no order."""
        if prefix:
            keys.checked(prefix)
        with self._calls.guarded("list"):
            pages = aiter(obstore.list(self._store, prefix or None, chunk_size=500))
        while True:
            with self._calls.guarded("list"):
                async with asyncio.timeout(self._limits.call_timeout):
                    page = await anext(pages, None)
            if page is None:
                return
            for meta in page:
                if not meta["path"].startswith(_STAGING):
                    yield StoredFile.of(meta)

    async def folders(self, prefix: str) -> Sequence[str]:
        """The names of the folders right below `prefix`, in no order; without looking into them."""
        with self._calls.guarded("list"):
            async with asyncio.timeout(self._limits.stream_timeout):
                found = await obstore.list_with_delimiter_async(self._store, keys.checked(prefix))
        return [path.rpartition("/")[2] for path in found["common_prefixes"]]

    async def remove_folder(self, prefix: str) -> tuple[int, int]:
        """Deletes all files below `prefix`. Returns how many, and their bytes. Cut off, it has deleted some."""
        with self._calls.guarded("remove"):
            async with asyncio.timeout(self._limits.stream_timeout):
                if isinstance(self.place, Folder):
                    return await asyncio.to_thread(remove_files, self.place.path, keys.checked(prefix))
                files, size = 0, 0
                # Names are not renumbered by what is deleted, so that paging goes on where it was.
                async for page in obstore.list(
                    self._store, keys.checked(prefix), chunk_size=_DELETED_AT_ONCE
                ):
                    await obstore.delete_async(self._store, [meta["path"] for meta in page])
                    files, size = files + len(page), size + sum(meta["size"] for meta in page)
                return files, size

    def link(
        self,
        key: str,
        lifetime: int,
        *,
        download_name: str | None = None,
        content_type: str | None = None,
        method: Method = "GET",
        size: int | None = None,
    ) -> Link:
        """Who has it may read the file (or write it: PUT, `size` bytes, create-only) for `lifetime` seconds at most.

        Waits for nothing; whether there is such a file shows when it is used. A read link has five minutes left at least
        and stays the same for a while. With `download_name` the file is saved under it; without, what is harmless is shown.
        """
        if method == "PUT" and content_type not in {None, keys.media_type(key)}:
            raise ValueError(f"The ending of {key!r} says {keys.media_type(key)}, not {content_type}.")
        return self._links.make(
            Wish(
                method=method,
                key=keys.checked(key),
                content_type=content_type or keys.media_type(key),
                download_name=download_name,
                size=size,
            ),
            lifetime,
        )

    def granted(self, method: str, key: str, parameters: Iterable[tuple[str, str]], *, now: float) -> Grant:
        """What a request with a link of ours may do. Raises LinkRefused, always where S3 serves the files."""
        if not isinstance(self._signer, ServedLinks):
            raise LinkRefused
        return self._signer.verify(method, key, parameters, now=now)

    def media_link(self, prefix: str, audience: str, lifetime: int, *, now: float) -> MediaLink:
        """Who has it may read all files below the folder `prefix`, also in S3: see `MediaLinks.make`. Waits for nothing.

        Links that are to end together are made of the same `now`, seconds since 1970.
        """
        return self._media_links.make(prefix, audience, lifetime, now=now)

    def media_granted(self, token: str, key: str, *, now: float) -> int:
        """Until when (seconds since 1970) such a link grants that file. Raises LinkRefused."""
        return self._media_links.verify(token, key, now=now)

    async def sweep(self, before: datetime) -> int:
        """Removes what writers that died left behind before that time. Returns how many files it were."""
        removed = 0
        with self._calls.guarded("sweep"):
            async for page in obstore.list(self._store, _STAGING.rstrip("/")):
                for meta in page:
                    if meta["last_modified"] < before:
                        await obstore.delete_async(self._store, meta["path"])
                        removed += 1
            if isinstance(self.place, Folder):
                removed += await asyncio.to_thread(sweep_parts, self.place.path, before.timestamp())
        return removed

    @cached_property
    def _store(self) -> "ObjectStore":
        return self.place.opened()

    @cached_property
    def _signer(self) -> S3Links | ServedLinks:
        if isinstance(self.place, Bucket):
            return S3Links(self.place)
        return ServedLinks(self._link_secrets, self._public_url)

    @cached_property
    def _links(self) -> Links:
        return Links(self._signer)

    @cached_property
    def _media_links(self) -> MediaLinks:
        return MediaLinks(self._link_secrets, self._public_url)

    @property
    def _public_url(self) -> str:
        settings = self._settings
        return settings.authentication.public_url or f"http://127.0.0.1:{settings.http.port}"

    async def _put_bytes(self, key: str, data: bytes, *, create_only: bool) -> None:
        with self._calls.guarded("put"):
            async with asyncio.timeout(self._limits.write_timeout):
                await self._refuse_detours(key)
                await obstore.put_async(
                    self._store,
                    key,
                    data,
                    attributes=self._attributes(key),
                    mode="create" if create_only else "overwrite",
                    use_multipart=False,
                )
        self._calls.wrote(len(data))

    async def _put_stream(self, key: str, upload: Upload, *, create_only: bool) -> None:
        await self._refuse_detours(key)
        # No storage makes a file of many parts only if there is none. So it is made aside, and then moved.
        target = f"{_STAGING}{secrets.token_hex(16)}" if create_only else key
        try:
            await obstore.put_async(
                self._store,
                target,
                upload.rest(),
                attributes=self._attributes(key),
                use_multipart=True,
                chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
            )
            if create_only:
                await obstore.copy_async(self._store, target, key, overwrite=False)
        finally:
            if create_only:
                with suppress(Exception):  # `sweep` takes what stays
                    await obstore.delete_async(self._store, target)

    def _attributes(self, key: str) -> "Attributes | None":
        """Whoever looks into the bucket sees types; we go by the key, as a folder does."""
        return {"Content-Type": keys.media_type(key)} if isinstance(self.place, Bucket) else None

    async def _refuse_detours(self, key: str) -> None:
        """A symbolic link below the folder leads nowhere: raises NoSuchFile."""
        if not isinstance(self.place, Folder):
            return
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(_LOOKS, is_straight, self.place.path, key):
            raise NoSuchFile
