"""A real PgBouncer in front of a database, with the configuration that we hand out."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.ports import free_port
from tests.support.programs import PATIENCE, ROOT

EXAMPLE = ROOT / "deploy/pgbouncer/pgbouncer.ini"


def program() -> str | None:
    """Debian puts it where an ordinary user's PATH does not lead."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def pgbouncer(url: str, folder: Path, *, limited: bool = True) -> Iterator[str]:
    """Yields the address that leads through it. Few server connections, taken in turn: no two transactions in a row
    run on the same one. Not `limited`, it leaves out the file's connect_query.
    """
    found = program()
    assert found
    address = urlsplit(url)
    name, port = address.path[1:], free_port()
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read(EXAMPLE)
    target = configuration["databases"].pop("lectern")
    for key, value in (("host", address.hostname), ("port", address.port), ("dbname", name)):
        target, times = re.subn(rf"\b{key}=\S+", f"{key}={value}", target)
        assert times == 1
    if not limited:
        target = target.partition(" connect_query=")[0]
    configuration["databases"] = {name: target}
    users = folder / "users.txt"
    users.write_text(f'"{address.username}" "{unquote(address.password or "")}"\n')
    configuration["pgbouncer"].update(
        {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "auth_file": str(users),
            "default_pool_size": "3",
            "server_round_robin": "1",
        }
    )
    file = folder / "pgbouncer.ini"
    with file.open("w") as written:
        configuration.write(written)
    command = [found, str(file)]
    if os.geteuid() == 0:
        command[1:1] = ["--user=nobody"]  # it refuses to be root
        for path in (users, file, folder):
            shutil.chown(path, "nobody")
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "log")
        yield f"postgresql://{address.netloc.rpartition('@')[0]}@127.0.0.1:{port}/{name}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        else:
            return
