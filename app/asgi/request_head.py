"""What a request says before its body: headers in one pass, its id, who sent it."""

import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

Scope = MutableMapping[str, Any]

# Where the entry leaves the head for everything behind it.
HEAD: Final = "lectern.head"

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Header names in lower case, values as sent; a repeated header's values are joined with commas."""

    headers: Mapping[bytes, bytes]
    request_id: str
    client_address: str

    def text(self, name: bytes) -> str | None:
        """A header's value, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def read_head(scope: Scope, trusted_proxies: Sequence[str]) -> RequestHead:
    raw = scope["headers"]
    headers: dict[bytes, bytes] = dict(raw)
    if len(headers) != len(raw):
        headers = {}
        for name, value in raw:
            headers[name] = headers[name] + b", " + value if name in headers else value
    given = headers.get(b"x-request-id")
    sane = given is not None and _SANE_REQUEST_ID.fullmatch(given)
    request_id = sane[0].decode() if sane else os.urandom(12).hex()
    peer = scope.get("client")
    address = peer[0] if peer else ""
    if trusted_proxies and (forwarded := headers.get(b"x-forwarded-for")) is not None:
        address = client_address(address, forwarded.decode("latin-1"), tuple(trusted_proxies))
    return RequestHead(headers, request_id, address)


def client_address(peer: str, forwarded_for: str, trusted: tuple[str, ...]) -> str:
    """The nearest address that is no proxy of ours. Anybody may write X-Forwarded-For: only what our own proxies
    appended, read from the right, is believed.
    """
    address = peer
    for hop in reversed(forwarded_for.split(",")):
        if not _is_trusted(address, trusted):
            break
        candidate = hop.strip()
        try:
            ip_address(candidate)
        except ValueError:
            break
        address = candidate
    return address


@lru_cache(maxsize=1024)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        # A Unix socket has a path or nothing: it can be named as it is.
        return address in trusted
    return any(parsed in ip_network(network, strict=False) for network in trusted if _is_network(network))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
