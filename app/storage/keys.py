"""The names of stored files, and the type of content that a name's ending says."""

import re
from typing import Final

# What S3, every file system and every address take as it is. A segment begins with a letter or a digit: names that begin
# with a dot are the storage's own.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LENGTH: Final = 512
_DEPTH: Final = 12

OTHER: Final = "application/octet-stream"
_TYPES: Final = {
    "avif": "image/avif",
    "csv": "text/csv",
    "gif": "image/gif",
    "gz": "application/gzip",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4s": "video/iso.segment",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpd": "application/dash+xml",
    "ogg": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ts": "video/mp2t",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "zip": "application/zip",
}
# A browser may show these where they are: none can run a script.
_SHOWN: Final = frozenset(
    {"application/pdf", "text/vtt"}
    | {media_type for media_type in _TYPES.values() if media_type.startswith(("image/", "video/", "audio/"))}
) - {"image/svg+xml"}


def checked(key: str) -> str:
    """`key`, if it is fit to name a file: `certificates/2030/LEC-1.pdf`. Raises ValueError."""
    segments = key.split("/")
    fit = len(key) <= _LENGTH and len(segments) <= _DEPTH and ".." not in key
    if not (fit and all(_SEGMENT.fullmatch(segment) for segment in segments)):
        raise ValueError(f"{key[:80]!r} cannot name a file.")
    return key


def media_type(key: str) -> str:
    """The type of content that the key's ending says: a folder keeps no types, so every storage goes by it."""
    _, dot, ending = key.rpartition("/")[2].rpartition(".")
    return _TYPES.get(ending.lower(), OTHER) if dot else OTHER


def may_be_shown(content_type: str) -> bool:
    """Whether a browser may show such content instead of saving it."""
    return content_type in _SHOWN
