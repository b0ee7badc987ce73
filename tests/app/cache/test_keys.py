"""Keys: no two audiences, caches or shapes share one."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache import PUBLIC, CacheSpec, OfRole, OfViewer, Public
from app.cache.keys import generation_key
from tests.app.cache.caching import MINE, NUMBERS, THINGS


def spec(scope: Any = Public, kind: Any = int, version: int = 1) -> Any:
    return CacheSpec("test", version=version, scope=scope, kind=kind, ttl=60)


def test_audiences_never_share_a_key() -> None:
    scopes: list[Any] = [PUBLIC, OfRole("admin"), OfRole("student"), OfViewer(1), OfViewer(11)]
    entries = [spec(type(scope)).entry(scope, number) for scope in scopes for number in (1, 11, 111)]
    assert len(set(entries)) == len(entries)


@pytest.mark.parametrize(
    "made", [lambda: OfViewer(0), lambda: OfViewer(-1), lambda: OfRole("a:b"), lambda: OfRole("")]
)
def test_an_audience_is_somebody(made: Any) -> None:
    with pytest.raises(ValueError, match="is"):
        made()


def test_another_audience_has_no_key() -> None:
    class NearlyPublic(Public):
        pass

    strangers: list[Any] = [OfViewer(1), OfRole("admin"), NearlyPublic(), None]
    for scope in strangers:
        with pytest.raises(TypeError):
            NUMBERS.entry(scope, 1)
    with pytest.raises(TypeError):
        MINE.entry(PUBLIC, 1)  # type: ignore[arg-type]


def test_a_version_is_of_the_shape_too() -> None:
    versions = [spec().version, spec(version=2).version, spec(kind=str).version, spec(kind=list[int]).version]
    assert all(one != other for one, other in combinations(versions, 2))
    assert spec().version == spec().version


def test_forgetting_is_of_all_versions() -> None:
    old, new = spec(), spec(version=2)
    entry = old.entry(PUBLIC, 7)
    assert entry == new.entry(PUBLIC, 7) == "test:public:7"
    assert old.value_key(entry) != new.value_key(entry)
    assert generation_key(entry) not in {old.value_key(entry), old.lease_key(entry)}


@given(st.binary())
def test_what_was_not_encoded_is_not_decoded(noise: bytes) -> None:
    assert THINGS.decode(noise) is None
