"""Ports for programs that tests start, and start again after a while."""

import random
import socket
from contextlib import suppress
from pathlib import Path

_FIRST, _OUTGOING = 15_000, 32_768
"""The range below the one that systems choose from for outgoing connections, where they do not say which."""
_given: set[int] = set()
_chance = random.SystemRandom()


def free_port() -> int:
    """Nobody listens on it, and none of the machine's many outgoing connections can take it before it is used."""
    outgoing = _OUTGOING
    with suppress(FileNotFoundError):
        outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = _chance.randrange(_FIRST, max(outgoing, _FIRST + 10_000))
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def keep_port(postgres: Path) -> None:
    """For the folder of an EmbeddedPostgres that is to come back at its address: a port that is still free then."""
    postgres.mkdir()
    (postgres / "port").write_text(str(free_port()))
