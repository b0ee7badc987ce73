"""Links to files in S3, signed with Amazon's Signature Version 4 in the query.

obstore signs links too, but neither the answer's headers nor an upload's: a file could not be given a name to be saved
under, and an upload could be of any size and type. It would also sign the inner address only.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from app.storage.disposition import disposition
from app.storage.links import Link, Wish, moment
from app.storage.places import Bucket

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class S3Links:
    def __init__(self, bucket: Bucket) -> None:
        settings = bucket.settings
        self._address = settings.public_endpoint.rstrip("/") or bucket.endpoint
        self._host = urlsplit(self._address).netloc
        self._path = "/".join(["", bucket.name, *filter(None, [bucket.prefix])])
        self._region = settings.region
        self._access_key = settings.access_key.get_secret_value()
        self._secret = settings.secret_access_key.get_secret_value()

    def sign(self, wish: Wish, *, signed_at: int, lifetime: int) -> Link:
        headers: dict[str, str] = {}
        parameters: dict[str, str] = {}
        if wish.method == "PUT":
            headers = {
                "content-type": wish.content_type,
                "content-length": str(wish.size),
                "if-none-match": "*",
            }
        else:
            parameters = {
                "response-cache-control": f"private, max-age={lifetime}",
                "response-content-disposition": disposition(wish.content_type, wish.download_name),
                "response-content-type": wish.content_type,
            }
        path = f"{self._path}/{wish.key}"
        query = self._signed_query(
            wish.method, path, parameters, headers, signed_at=signed_at, lifetime=lifetime
        )
        # The browser says the length by itself, and lets no script do it.
        to_send = {name.title(): value for name, value in headers.items() if name != "content-length"}
        return Link(f"{self._address}{path}?{query}", moment(signed_at + lifetime), to_send)

    def _signed_query(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        headers: dict[str, str],
        *,
        signed_at: int,
        lifetime: int,
    ) -> str:
        at = f"{moment(signed_at):%Y%m%dT%H%M%SZ}"
        scope = f"{at[:8]}/{self._region}/s3/aws4_request"
        signed = dict(sorted({**headers, "host": self._host}.items()))
        query = _encoded(
            {
                **parameters,
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{self._access_key}/{scope}",
                "X-Amz-Date": at,
                "X-Amz-Expires": str(lifetime),
                "X-Amz-SignedHeaders": ";".join(signed),
            }
        )
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = "\n".join(
            [method, quote(path, safe="/-_.~"), query, lines, ";".join(signed), "UNSIGNED-PAYLOAD"]
        )
        text = "\n".join([_ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        return f"{query}&X-Amz-Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}"


def _encoded(parameters: dict[str, str]) -> str:
    return urlencode(sorted(parameters.items()), quote_via=quote, safe="-_.~")
