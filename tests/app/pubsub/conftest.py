from collections.abc import Iterator

import pytest

from tests.support.valkey import FragileValkey, fragile_valkey


@pytest.fixture
def valkey() -> Iterator[FragileValkey]:
    with fragile_valkey() as started:
        yield started
