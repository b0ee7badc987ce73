import pytest

from app.storage.keys import checked, may_be_shown, media_type


@pytest.mark.parametrize(
    "key", ["a", "a.pdf", "certificates/2030/LEC-1.pdf", "v1/A_b-c.d/0.m4s", "/".join("a" * 12)]
)
def test_fit_keys(key: str) -> None:
    assert checked(key) == key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.pdf", "application/pdf"),
        ("a/b.PDF", "application/pdf"),
        ("a.tar.gz", "application/gzip"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("pdf", "application/octet-stream"),
        ("a.pdf/b", "application/octet-stream"),
        ("a.exe", "application/octet-stream"),
    ],
)
def test_the_ending_says_the_type(key: str, expected: str) -> None:
    assert media_type(key) == expected


def test_what_could_run_is_never_shown() -> None:
    assert not any(
        map(may_be_shown, ("text/html", "image/svg+xml", "text/plain", "application/xhtml+xml", ""))
    )
    assert all(map(may_be_shown, ("image/png", "application/pdf", "video/mp4", "text/vtt")))
