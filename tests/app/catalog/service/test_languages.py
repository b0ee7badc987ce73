"""Tags as in RFC 5646, appendix A among them, and what is none."""

import pytest

from app.catalog.service.languages import LIMIT, checked_language
from app.errors import DomainError, ErrorCode


@pytest.mark.parametrize(
    "tag",
    [
        *("de", "haw", "i-enochian", "zh-Hant", "zh-cmn-Hans-CN", "cmn-Hans-CN", "zh-yue-HK", "sr-Latn-RS"),
        *("sl-rozaj-biske-1994", "de-CH-1901", "hy-Latn-IT-arevela", "es-419", "de-DE", "de-CH-x-phonebk"),
        *("az-Arab-x-AZE-derbend", "x-whatever", "x-klingon", "zh-Hans-CN-x-a", "qaa-Qaaa-QM-x-southern"),
        *("en-US-u-islamcal", "zh-CN-a-myext-x-private", "en-a-myext-b-another", "en-GB-oed", "sgn-BE-FR"),
        *("zh-min-nan", "art-lojban", "I-DEFAULT", "en-Latn-GB-boont-r-extended-sequence-x-private"),
    ],
)
def test_tags(tag: str) -> None:
    assert checked_language(f" {tag} ", "input", "language") == tag.lower()


@pytest.mark.parametrize(
    "tag",
    [
        *("", "e", "English", "en_US", "en-", "-en", "en--us", "x", "x-", "i-nothing", "en-x", "en-u"),
        *("de-419-DE", "a-DE", "en-abcdefghi", "x-abcdefghi", "en-US\0", "en us", "dé", "ar-a-", "en-a-b"),
        f"en-x{'-12345678' * 7}",
    ],
)
def test_what_is_none(tag: str) -> None:
    with pytest.raises(DomainError) as caught:
        checked_language(tag, "input", "video", "captions", "language")
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert caught.value.path == ("input", "video", "captions", "language")


def test_the_longest() -> None:
    tag = f"en-x{'-1234567' * 7}"
    assert len(tag) == LIMIT
    assert checked_language(tag) == tag
