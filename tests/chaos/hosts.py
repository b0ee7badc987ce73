"""Valkey and PostgreSQL as they run on hosts of their own: they die, and come again at the same address."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import redis

from app.embedded import EmbeddedPostgres, EmbeddedValkey
from app.embedded.process import Process
from app.learning.progress_buffer.buffer import _QUEUE

ALWAYS, EVERY_SECOND = "always", "everysec"
_PATIENCE = 60.0  # seconds; only a failure waits that long


class ValkeyHost:
    """As in production: append-only file, synced before each answer, unless `policy` says otherwise.

    `linked`: variables of the dynamic linker, for a Valkey that is to find another C library's function.
    """

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        *,
        policy: str = ALWAYS,
        linked: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._linked = dict(linked or {})
        server = EmbeddedValkey(folder)
        self._server: EmbeddedValkey | Process = server
        stack.callback(self.stop)
        with patch.dict(os.environ, self._linked):
            server.start()
        self.url = server.url
        assert server.pid is not None
        self._command = psutil.Process(server.pid).cmdline()
        assert self.command("CONFIG GET", "appendfsync") == {"appendfsync": ALWAYS}
        self._set_policy()

    def command(self, *arguments: str) -> Any:
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            return client.execute_command(*arguments)

    def on_lease(self) -> int:
        """Videos of viewers that a worker has taken, and neither written nor given back."""
        seconds, microseconds = self.command("TIME")
        now = int(seconds) * 1000 + int(microseconds) // 1000
        return int(self.command("ZCOUNT", _QUEUE, f"({now}", "+inf"))

    async def amid_a_flush(self) -> None:
        """Returns when a worker has taken something; that it has ended a moment later is possible."""
        async with asyncio.timeout(_PATIENCE):
            while not self.on_lease():  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(0.001)

    def kill(self) -> float:
        """SIGKILL; returns when it is gone: the moment, of the monotonic clock."""
        assert self._server.pid is not None
        moment = time.monotonic()
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()
        return moment

    def start(self) -> None:
        """Returns when it has read its file and answers."""
        # As app.embedded starts it, but with the configuration that is there: its port and password stay.
        with patch.dict(os.environ, self._linked):
            self._server = Process(
                self._command, folder=self._folder, log=self._folder / "log", stop_signal=signal.SIGTERM
            )
        self._server.wait_until(self._answers, timeout=_PATIENCE)
        self._set_policy()

    def stop(self) -> None:
        self._server.stop()

    def _set_policy(self) -> None:
        self.command("CONFIG SET", "appendfsync", self._policy)

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False


class PostgresHost:
    """As in production: what is committed is on the disk."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder)
        stack.callback(self.stop)
        self._server.start()
        self.url = self._server.url

    def kill(self) -> None:
        """SIGKILL to all of it; returns when it is gone."""
        assert self._server.pid is not None
        postmaster = psutil.Process(self._server.pid)
        # Each of its processes has a group of its own.
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.stop()
        _, alive = psutil.wait_procs(family, timeout=_PATIENCE)
        assert not alive

    def restart(self) -> None:
        self.stop()
        self.start()

    def start(self) -> None:
        """Returns when it has recovered and answers."""
        self._server.start()
        assert self._server.url == self.url, "another program has taken its port"

    def stop(self) -> None:
        self._server.stop()
