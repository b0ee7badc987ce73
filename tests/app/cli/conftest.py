from collections.abc import Iterator

import pytest

from app.embedded import EmbeddedValkey
from tests.support.services import temporary_home


@pytest.fixture(scope="session")
def keeping_redis_url() -> Iterator[str]:
    """A Valkey that keeps what it is given, as production's for viewers' progress."""
    with temporary_home() as home:
        valkey = EmbeddedValkey(home / "valkey")
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()
