"""Whether a browser shows a file or saves it, and under which name."""

import re
from urllib.parse import quote

from app.storage.keys import may_be_shown

# Control characters, signs that change the reading direction, and what systems take for a path.
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069/\\:*?"<>|]')
_LENGTH = 150


def disposition(content_type: str, download_name: str | None) -> str:
    """The header Content-Disposition (RFC 6266). With a name the file is saved; without one what is harmless is shown."""
    if download_name is None:
        return "inline" if may_be_shown(content_type) else "attachment"
    name = _UNFIT.sub("_", download_name).strip(" .")[:_LENGTH] or "file"
    plain = "".join(character if 32 <= ord(character) < 127 else "_" for character in name).replace("%", "_")
    quoted = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quoted}"
