"""What a video may name: files that were uploaded for its own course, and nothing else in storage."""

from typing import Any

import pytest

from app.catalog.service import Caption, VideoContent
from app.catalog.service.videos import stream_folder
from app.errors import DomainError

FOLDER = "videos/7/0190a1b2-0000-4000-8000-000000000001"


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 86_400.5])
def test_durations_of_no_video(duration: float) -> None:
    with pytest.raises(DomainError) as caught:
        VideoContent(duration).columns(7)
    assert caught.value.path == ("input", "video", "durationSeconds")


@pytest.mark.parametrize("name", ["master.m3u8", "a.b.mpd", "high/1080p/index.m3u8", "talk.mp4", "talk.webm"])
def test_streams(name: str) -> None:
    columns = VideoContent(1, f"{FOLDER}/{name}").columns(7)
    assert columns == {"duration_ms": 1000, "manifest_key": f"{FOLDER}/{name}", "captions": None}
    assert stream_folder(f"{FOLDER}/{name}") == FOLDER


@pytest.mark.parametrize(
    "key",
    [
        "",
        "master.m3u8",
        "certificates/2030/1.pdf",
        FOLDER,
        f"{FOLDER}/",
        f"{FOLDER}/a.ts",
        f"{FOLDER}/a.m3u8.txt",
        f"{FOLDER}/../x/a.m3u8",
        f"{FOLDER}//a.m3u8",
        f"{FOLDER}/.a.m3u8",
        f"{FOLDER}/a..m3u8",
        f"{FOLDER}/a/b/c/d.m3u8",
        f"{FOLDER}/a\0.m3u8",
        f"{FOLDER}/a.m3u8\n",
        f"{FOLDER}/ä.m3u8",
        f"{FOLDER}/{'a' * 400}.m3u8",
        FOLDER.replace("/7/", "/8/") + "/a.m3u8",
        FOLDER.replace("/7/", "/07/") + "/a.m3u8",
        FOLDER.upper() + "/a.m3u8",
        FOLDER.replace("-", "") + "/a.m3u8",
        "videos/7/a.m3u8",
    ],
)
def test_what_is_no_stream_of_the_course(key: str) -> None:
    with pytest.raises(DomainError) as caught:
        VideoContent(1, key).columns(7)
    assert caught.value.path == ("input", "video", "manifestKey")


def test_captions() -> None:
    captions = [Caption(" pt-BR ", f"{FOLDER}/pt.vtt"), Caption("en", f"{FOLDER}/en.vtt")]
    assert VideoContent(1, None, captions).columns(7)["captions"] == [
        {"language": "pt-br", "key": f"{FOLDER}/pt.vtt"},
        {"language": "en", "key": f"{FOLDER}/en.vtt"},
    ]
    private = Caption("zh-Hans-CN-x-A", f"{FOLDER}/zh.vtt")
    assert VideoContent(1, None, [private]).columns(7)["captions"] == [
        {"language": "zh-hans-cn-x-a", "key": f"{FOLDER}/zh.vtt"}
    ]
    assert VideoContent(1, None, []).columns(7)["captions"] == []


@pytest.mark.parametrize(
    ("captions", "path"),
    [
        ([Caption("English", f"{FOLDER}/en.vtt")], ("captions", "language")),
        ([Caption("en", f"{FOLDER}/en.mp4")], ("captions", "key")),
        ([Caption("en", f"{FOLDER}/1.vtt"), Caption("EN", f"{FOLDER}/2.vtt")], ("captions",)),
        (
            [Caption(f"a{chr(97 + n // 26)}{chr(97 + n % 26)}", f"{FOLDER}/1.vtt") for n in range(51)],
            ("captions",),
        ),
    ],
)
def test_captions_that_cannot_be(captions: Any, path: tuple[str, ...]) -> None:
    with pytest.raises(DomainError) as caught:
        VideoContent(1, None, captions).columns(7)
    assert caught.value.path == ("input", "video", *path)
