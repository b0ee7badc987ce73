"""`/files/...`: stored files, for who has a signed link. Only where files are in a folder; S3 serves its own."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from email.utils import format_datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.asgi.byte_ranges import wanted_bytes
from app.errors import Unavailable
from app.resources import Resources
from app.storage import (
    AlreadyExists,
    FileTooLarge,
    LinkRefused,
    NoSuchFile,
    RangeNotSatisfiable,
    Storage,
    StoredFile,
)
from app.storage.disposition import disposition
from app.storage.served_links import PATH, Grant

# A file is somebody's content on our own address: it may run nothing there and reach nothing.
_POLICY: Final = "sandbox; default-src 'none'"
# A viewer of PDFs is none of the page's scripts, and does not start in a sandbox.
_PDF_POLICY: Final = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
_STALL: Final = 30.0  # seconds without a byte of an upload


def file_routes(resources: Callable[[], Resources]) -> list[Route]:
    async def serve(request: Request) -> Response:
        storage = resources().storage
        try:
            grant = storage.granted(
                "GET" if request.method == "HEAD" else request.method,
                request.path_params["key"],
                request.query_params.multi_items(),
                now=time.time(),
            )
            if request.method == "PUT":
                return await _taken(storage, grant, request)
            return await file_answer(storage, grant, request)
        except LinkRefused:
            raise HTTPException(403) from None
        except NoSuchFile:
            raise HTTPException(404) from None
        except Unavailable as error:
            raise HTTPException(503, headers={"Retry-After": str(error.retry_after_seconds)}) from None

    return [Route(f"{PATH}{{key:path}}", serve, methods=["GET", "HEAD", "PUT"])]


async def file_answer(storage: Storage, grant: Grant, request: Request) -> Response:
    """What a GET or HEAD of a granted file is answered: whole, in part, or not again. Raises NoSuchFile, Unavailable."""
    file = await storage.head(grant.wish.key)
    headers = _headers(file, grant)
    if _names(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if_range = request.headers.get("if-range")
    header = request.headers.get("range") if if_range in {None, headers["ETag"]} else None
    try:
        span = wanted_bytes(header, file.size)
    except RangeNotSatisfiable:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{file.size}"}) from None
    start, stop = span or (0, file.size)
    headers |= _content_headers(file, grant) | {"Content-Length": str(stop - start)}
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    status = 206 if span else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    content = await storage.open(file, start=start, stop=stop)
    return StreamingResponse(aiter(content), status, headers)


async def _taken(storage: Storage, grant: Grant, request: Request) -> Response:
    wish = grant.wish
    if request.headers.get("content-type") != wish.content_type:
        raise HTTPException(415)
    if request.headers.get("content-length") != str(wish.size):
        raise HTTPException(413)
    try:
        await storage.put(wish.key, _body(request), wish.content_type, limit=wish.size)
    except AlreadyExists:
        raise HTTPException(412) from None  # as S3 says it
    except FileTooLarge:
        raise HTTPException(413) from None
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        return Response(status_code=400)  # nobody hears it
    return Response(status_code=201)


async def _body(request: Request) -> AsyncIterator[bytes]:
    pieces = request.stream()
    while True:
        async with asyncio.timeout(_STALL):
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


def _headers(file: StoredFile, grant: Grant) -> dict[str, str]:
    # The file system's own mark tells of its insides.
    mark = hashlib.sha256(f"{file.key} {file.etag} {file.size}".encode()).hexdigest()[:32]
    return {
        "ETag": f'"{mark}"',
        "Cache-Control": f"private, max-age={max(0, grant.until - int(time.time()))}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        # Who has the link may show the file on a page of any origin.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def _content_headers(file: StoredFile, grant: Grant) -> dict[str, str]:
    media_type = grant.wish.content_type
    return {
        "Content-Type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        "Content-Disposition": disposition(media_type, grant.wish.download_name),
        "Content-Security-Policy": _PDF_POLICY if media_type == "application/pdf" else _POLICY,
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(file.modified, usegmt=True),
    }


def _names(if_none_match: str, etag: str) -> bool:
    known = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return etag in known or "*" in known
