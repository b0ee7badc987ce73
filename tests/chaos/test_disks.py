"""What the other deaths stand on: a disk that dies keeps what was synced, and nothing else of what was just written."""

import os
from collections.abc import Callable

from tests.chaos.disks import Disk


def test_a_dying_disk_keeps_what_was_synced_and_no_more(disk: Callable[[str], Disk]) -> None:
    dying = disk("disk")
    grown, synced, new = (dying.folder / name for name in ("grown", "synced", "new"))
    for path in (grown, synced):
        path.write_bytes(b"kept")
    dying.sync()
    with grown.open("ab") as file:
        file.write(b" for a while")
        file.flush()
        os.fsync(file.fileno())
        file.write(b" and lost")
    new.write_bytes(b"lost")
    dying.die()
    dying.revive()
    assert grown.read_bytes() == b"kept for a while"
    assert synced.read_bytes() == b"kept"
    assert not new.exists()
