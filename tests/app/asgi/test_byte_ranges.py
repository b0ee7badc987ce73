import pytest

from app.asgi.byte_ranges import wanted_bytes
from app.storage import RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("Bytes = 0-1", None),
        ("BYTES=0-1", (0, 2)),
        ("bytes= 0-1 ", (0, 2)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=1-2-3", None),
        ("bytes=\u0661-2", None),
        (f"bytes={'9' * 5000}-", None),
    ],
)
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert wanted_bytes(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=-1", 0), ("bytes=0-", 0)],
)
def test_what_lies_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        wanted_bytes(header, size)
