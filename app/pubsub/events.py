"""What travels from the backend to the subscribers."""

from typing import Any

import orjson
from broadcaster import Event


class Message(Event):
    """What somebody published. `message` is the decoded value, shared by all subscribers of the process: only read it.

    `payload` is the same as bytes of JSON, for whoever passes it on.
    """

    message: Any

    def __init__(self, channel: str, payload: bytes) -> None:
        """Raises ValueError when the payload is not JSON."""
        super().__init__(channel, orjson.loads(payload))
        self.payload = payload


class Gap(Event):
    """Messages may be missing before this point. The subscription hears again: read the truth now."""

    def __init__(self, channel: str) -> None:
        super().__init__(channel, "")


class Ready(Event):
    """From here on Redis sends us the channel's messages. Never shown to a subscriber."""

    def __init__(self, channel: str) -> None:
        super().__init__(channel, "")
