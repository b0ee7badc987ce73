"""Links to S3: the signature that Amazon publishes as an example, and a server that takes them."""

import time

import httpx
import pytest
from pydantic import SecretStr

from app.settings import StorageSettings
from app.storage.links import MARGIN, Wish
from app.storage.places import Bucket
from app.storage.s3_links import S3Links
from tests.app.storage.conftest import Open

HOUR = 3600


def test_the_signature_of_the_documentation() -> None:
    """ "Authenticating Requests: Using Query Parameters" of Amazon's S3 API reference."""
    settings = StorageSettings(
        access_key=SecretStr("AKIAIOSFODNN7EXAMPLE"),
        secret_access_key=SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        public_endpoint="https://examplebucket.s3.amazonaws.com",
    )
    links = S3Links(Bucket("examplebucket", "", settings))
    query = links._signed_query("GET", "/test.txt", {}, {}, signed_at=1369353600, lifetime=86400)
    assert query == (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


async def test_a_server_takes_what_a_link_is_for(open_storage: Open) -> None:
    storage = open_storage("s3")
    upload = storage.link("a/b.pdf", HOUR, method="PUT", size=5)
    assert upload.headers == {"Content-Type": "application/pdf", "If-None-Match": "*"}
    async with httpx.AsyncClient(timeout=30) as client:
        assert (await client.put(upload.url, content=b"hello", headers=upload.headers)).status_code == 200
        assert (await client.put(upload.url, content=b"other", headers=upload.headers)).status_code == 412
        read = storage.link("a/b.pdf", HOUR, download_name="Zeugnis.pdf")
        assert MARGIN - 5 < read.expires_at.timestamp() - time.time() <= HOUR
        answer = await client.get(read.url, headers={"Range": "bytes=1-3"})
    assert (answer.status_code, answer.content) == (206, b"ell")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith('attachment; filename="Zeugnis.pdf"')
    assert "private" in answer.headers["cache-control"]


def test_browsers_may_have_an_address_of_their_own(open_storage: Open) -> None:
    settings = StorageSettings(
        url="s3://files/in", endpoint="http://storage.inside:9000", public_endpoint="https://files.example"
    )
    link = S3Links(Bucket("files", "in", settings)).sign(
        Wish("GET", "a.pdf", "application/pdf"), signed_at=0, lifetime=HOUR
    )
    assert link.url.startswith("https://files.example/files/in/a.pdf?")
    assert "inside" not in link.url
    assert open_storage("s3").link("a.pdf", HOUR).url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_ours_are_of_no_use_there(open_storage: Open, method: str) -> None:
    from app.storage import LinkRefused

    with pytest.raises(LinkRefused):
        open_storage("s3").granted(method, "a.pdf", [], now=0)
