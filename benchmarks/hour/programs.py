"""The API, a worker, Valkey and PostgreSQL as processes that can be killed and started again at the same address."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import redis

from app.embedded.process import Process, free_port
from benchmarks.services import Services

_ROOT = Path(__file__).resolve().parent.parent.parent
_READY_WITHIN = 60.0  # seconds
# A measurement that is killed leaves no worker behind.
_WORKER = """
import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
from app.cli import main
main()
"""


class Programs:
    """Used by the main thread alone: services end with the thread that has started them."""

    def __init__(self, services: Services, folder: Path) -> None:
        self._services = services
        self._log = (folder / "programs.log").open("ab")
        self.port, self._worker_port = free_port(), free_port()
        self._command = psutil.Process(services.valkey.pid).cmdline()
        self._valkey: Process | None = None
        self._programs: dict[str, subprocess.Popen[bytes]] = {}

    def kill(self, name: str) -> None:
        """As kill -9 does, nothing is said or written before."""
        if name == "postgres":
            assert self._services.postgres.pid is not None
            os.killpg(self._services.postgres.pid, signal.SIGKILL)
            self._services.postgres.stop()
        elif name == "valkey":
            pid = self._valkey.pid if self._valkey else self._services.valkey.pid
            assert pid is not None
            os.killpg(pid, signal.SIGKILL)
            (self._valkey or self._services.valkey).stop()
        else:
            self.check()
            program = self._programs.pop(name)
            program.kill()
            program.wait()

    def start(self, name: str) -> None:
        """Returns when it is ready. A worker that finds no PostgreSQL at its start ends: whoever runs it starts it again."""
        if name == "postgres":
            url = self._services.postgres.url
            self._services.postgres.start()
            if self._services.postgres.url != url:
                raise RuntimeError("another program has taken PostgreSQL's port")
        elif name == "valkey":
            folder = Path(self._command[1]).parent
            self._valkey = Process(
                self._command, folder=folder, log=folder / "log", stop_signal=signal.SIGTERM
            )
            self._valkey.wait_until(self._valkey_answers, timeout=_READY_WITHIN)
        elif name == "api":
            command = [sys.executable, "-m", "benchmarks.serve", "lectern", "--port", str(self.port)]
            self._programs[name] = self._run(command)
            self._wait_for(self.port)
        else:
            self._programs[name] = self._run([sys.executable, "-c", _WORKER, "worker"])
            self._wait_for(self._worker_port)

    def check(self) -> None:
        """Raises RuntimeError when the API or the worker has ended by itself."""
        for name, program in self._programs.items():
            if program.poll() is not None:
                raise RuntimeError(f"the {name} has ended with status {program.returncode}")

    def close(self) -> None:
        for program in self._programs.values():
            program.kill()
            program.wait()
        if self._valkey is not None:
            self._valkey.stop()
        self._log.close()

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {**self._services.environment, "LECTERN_WORKER_PORT": str(self._worker_port)}
        return subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=self._log, stderr=self._log)

    def _valkey_answers(self) -> bool:
        try:
            with redis.Redis.from_url(self._services.environment["LECTERN_REDIS_URL"]) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            self.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"nobody listens on port {port}")
            time.sleep(0.05)
