"""Links to files that the API serves itself, signed and verified with a key of ours: app/asgi/file_routes.py."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, get_args
from urllib.parse import quote, urlencode

import orjson

from app.storage import keys
from app.storage.links import Link, Method, Wish, moment

PATH: Final = "/files/"
_PARAMETERS: Final = frozenset({"expires", "type", "name", "size", "signature"})
_DIGITS: Final = 15


class LinkRefused(Exception):
    """Tampered with, expired, or not for this: which of them is not for the client to know."""


class LinkExpired(LinkRefused):
    """A link of ours for this, which has ended: operators may know."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A wish that was granted, until then (seconds since 1970)."""

    wish: Wish
    until: int


class ServedLinks:
    """`secrets`: the same in all processes; the first makes, all are known. `base_url`: where the API is reached."""

    def __init__(self, secrets: Sequence[bytes], base_url: str) -> None:
        self._secrets = secrets
        self._address = base_url.rstrip("/") + PATH

    def sign(self, wish: Wish, *, signed_at: int, lifetime: int) -> Link:
        until = signed_at + lifetime
        parameters: dict[str, str | int] = {"expires": until, "type": wish.content_type}
        if wish.download_name is not None:
            parameters["name"] = wish.download_name
        headers: dict[str, str] = {}
        if wish.size is not None:
            parameters["size"] = wish.size
            headers = {"Content-Type": wish.content_type}
        parameters["signature"] = _signature(self._secrets[0], wish, until)
        return Link(
            f"{self._address}{wish.key}?{urlencode(parameters, quote_via=quote)}", moment(until), headers
        )

    def verify(self, method: str, key: str, parameters: Iterable[tuple[str, str]], *, now: float) -> Grant:
        """What a request may do. `method` is the request's, but for HEAD, which GET's link is for.

        Raises LinkRefused for every request that does not carry a link of ours, letter by letter.
        """
        pairs = list(parameters)
        given = dict(pairs)
        if len(given) != len(pairs) or not given.keys() <= _PARAMETERS or method not in get_args(Method):
            raise LinkRefused
        try:
            until = _number(given["expires"])
            wish = Wish(
                method="PUT" if method == "PUT" else "GET",
                key=keys.checked(key),
                content_type=given["type"],
                download_name=given.get("name"),
                size=_number(given["size"]) if "size" in given else None,
            )
            presented = given["signature"].encode()
            signed = any(
                hmac.compare_digest(presented, _signature(secret, wish, until).encode())
                for secret in self._secrets
            )
        except (KeyError, ValueError, orjson.JSONEncodeError):
            raise LinkRefused from None
        if not signed or until <= now:
            raise LinkRefused
        return Grant(wish, until)


def _signature(secret: bytes, wish: Wish, until: int) -> str:
    # As JSON no two wishes look alike, whatever stands in their texts.
    text = orjson.dumps([wish.method, wish.key, until, wish.content_type, wish.download_name, wish.size])
    return base64.urlsafe_b64encode(hmac.digest(secret, text, hashlib.sha256)).rstrip(b"=").decode()


def _number(text: str) -> int:
    """Written in the one way that we write it."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and str(int(text)) == text):
        raise ValueError(text)
    return int(text)
