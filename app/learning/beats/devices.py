"""What somebody watches on, as far as a browser says."""

from enum import StrEnum
from functools import lru_cache


class DeviceClass(StrEnum):
    DESKTOP = "desktop"
    PHONE = "phone"
    TABLET = "tablet"
    TELEVISION = "television"
    OTHER = "other"
    """Programs, and what names none of these."""


_MARKS = (
    (
        DeviceClass.TELEVISION,
        ("smart-tv", "smarttv", "appletv", "googletv", "hbbtv", "bravia", "aft", "roku"),
    ),
    (DeviceClass.TABLET, ("ipad", "tablet", "kindle", "silk/")),
    (DeviceClass.PHONE, ("iphone", "ipod", "mobile")),
    # An Android that is no "mobile" one is a tablet, by the browsers' own convention.
    (DeviceClass.TABLET, ("android",)),
    (DeviceClass.DESKTOP, ("windows nt", "macintosh", "x11", "cros ")),
)
_LONGEST_KNOWN = 300


def device_class(user_agent: str) -> DeviceClass:
    return _known(user_agent[:_LONGEST_KNOWN])


@lru_cache(maxsize=1024)
def _known(user_agent: str) -> DeviceClass:
    text = user_agent.lower()
    return next((kind for kind, marks in _MARKS if any(mark in text for mark in marks)), DeviceClass.OTHER)
