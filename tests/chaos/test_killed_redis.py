"""Redis's process is killed while workers flush, again and again."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.hosts import ValkeyHost, buffered, on_lease
from tests.chaos.players import found, whole, written
from tests.workers.surviving.processes import until

Say = Callable[[str], None]
LIVES = 25

pytestmark = pytest.mark.timeout(300)


async def test_killed_during_flushes(
    home: Path, stack: ExitStack, stage: Stage, database_url: str, measured: Say
) -> None:
    pass
