"""Files that pages load: read once, when the routes are made, so that a request can name a file, never a path."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

EVERYWHERE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    media_type: str
    etag: str


class Assets:
    """The style sheets and scripts of a package's folder `assets`, and what else is given."""

    def __init__(self, package: str, more: Mapping[str, bytes] | None = None) -> None:
        bodies = dict(more or {})
        for file in (files(package) / "assets").iterdir():
            if file.name.endswith((".css", ".js")):
                bodies[file.name] = file.read_bytes()
        self._assets = {
            name: _Asset(
                body=body,
                media_type=_MEDIA_TYPES[name[name.rindex(".") :]],
                etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            )
            for name, body in bodies.items()
        }

    async def serve(self, request: Request) -> Response:
        """The file that the path parameter `name` names."""
        found = self._assets.get(request.path_params["name"])
        if found is None:
            return Response("Not found\n", 404, media_type="text/plain", headers=EVERYWHERE)
        # Asked for again each time, so that an upgraded server never meets half of an old page.
        headers = EVERYWHERE | {"ETag": found.etag, "Cache-Control": "no-cache"}
        if _is_known(request.headers.get("if-none-match", ""), found.etag):
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type=found.media_type, headers=headers)


def _is_known(if_none_match: str, etag: str) -> bool:
    known = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return etag in known or "*" in known
