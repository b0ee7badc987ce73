"""How long a link is good, and how long the same one is given out."""

from datetime import UTC, datetime

import pytest

from app.storage.links import LONGEST, MARGIN, Link, Links, Wish

HOUR = 3600
WISH = Wish("GET", "a.pdf", "application/pdf")


class Signer:
    """Counts what it signs."""

    def __init__(self) -> None:
        self.signed: list[tuple[Wish, int, int]] = []

    def sign(self, wish: Wish, *, signed_at: int, lifetime: int) -> Link:
        self.signed.append((wish, signed_at, lifetime))
        return Link(f"link {len(self.signed)}", datetime.fromtimestamp(signed_at + lifetime, UTC))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("lifetime", [60, 601, HOUR, LONGEST])
def test_a_link_is_given_out_until_shortly_before_its_end(lifetime: int) -> None:
    signer, clock = Signer(), Clock()
    links = Links(signer, now=clock)
    left = min(MARGIN, lifetime // 2)
    seen: dict[str, list[float]] = {}
    for _ in range(1000):
        link = links.make(WISH, lifetime)
        rest = link.expires_at.timestamp() - clock.now
        assert left <= rest <= lifetime
        seen.setdefault(link.url, []).append(clock.now)
        clock.now += lifetime / 100
    # One after the other, each for its window, none signed twice.
    assert len(seen) == len(signer.signed)
    assert 10 <= len(seen) <= 22
    assert all(max(one) - min(one) <= lifetime - left for one in seen.values())


def test_each_wish_has_its_own() -> None:
    links = Links(Signer(), now=Clock())
    wishes = [
        WISH,
        Wish("GET", "b.pdf", "application/pdf"),
        Wish("GET", "a.pdf", "text/plain"),
        Wish("GET", "a.pdf", "application/pdf", download_name="A"),
    ]
    assert len({links.make(wish, HOUR).url for wish in wishes for _ in range(3)}) == len(wishes)


def test_an_upload_is_signed_anew_each_time() -> None:
    signer, clock = Signer(), Clock()
    links = Links(signer, now=clock)
    upload = Wish("PUT", "a.pdf", "application/pdf", size=5)
    assert links.make(upload, HOUR) != links.make(upload, HOUR)
    assert [at for _, at, _ in signer.signed] == [clock.now] * 2


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.links._KEPT", 5)
    signer = Signer()
    links = Links(signer, now=Clock())
    for number in range(20):
        links.make(Wish("GET", f"{number}.pdf", "application/pdf"), HOUR)
    assert links._kept.cache_info().currsize == 5


@pytest.mark.parametrize("lifetime", [-1, 0, 59, LONGEST + 1])
def test_lifetimes_have_bounds(lifetime: int) -> None:
    with pytest.raises(ValueError, match="A link lives from 60 to 604800 seconds"):
        Links(Signer()).make(WISH, lifetime)


@pytest.mark.parametrize(
    "content_type", ["", "pdf", "text/html\r\nX: y", "text/html; charset=x", "TEXT/html"]
)
def test_media_types_are_checked(content_type: str) -> None:
    with pytest.raises(ValueError, match="is no media type"):
        Wish("GET", "a.pdf", content_type)


@pytest.mark.parametrize(("method", "size"), [("PUT", None), ("PUT", -1), ("GET", 5)])
def test_uploads_alone_have_a_size(method: str, size: int | None) -> None:
    with pytest.raises(ValueError, match="An upload has a size"):
        Wish(method, "a.pdf", "application/pdf", size=size)  # type: ignore[arg-type]
