"""Becomes a service: drops root, binds its life to the parent's, then turns into the program. A script.

A script of its own, not a `preexec_fn`: Python code between fork and exec is unsafe where there are threads.
"""

import ctypes
import os
import pwd
import sys

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def _keep_reach(libc: ctypes.CDLL) -> None:
    """Keeps the one right to pass closed folders: a clone in root's home is out of reach for other users.

    Fails silently where a container withholds the right; `main` then says what cannot be reached.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    only = 1 << _CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(
        only, only, only, 0, 0, 0
    )  # effective, permitted, inheritable; low then high words
    if libc.capset(header, sets) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _become(libc: ctypes.CDLL | None, user: int, group: int) -> None:
    if libc:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    except OSError as error:
        sys.exit(
            f"PostgreSQL refuses to run as root and user {user} is not available here ({error.strerror}): "
            "run Lectern as an ordinary user, or set LECTERN_DATABASE_URL and LECTERN_REDIS_URL"
        )
    if libc:
        _keep_reach(libc)


def _borrow_name(libc: ctypes.CDLL) -> None:
    """Lets a user without a name (a container's `--user 1234`) appear as one who has: making a cluster takes one.

    Nothing else changes, files stay the user's. Fails silently where a container forbids it; PostgreSQL then complains.
    """
    user, group = os.geteuid(), os.getegid()
    named = [entry for entry in pwd.getpwall() if entry.pw_uid]
    if not named or any(entry.pw_uid == user for entry in named) or libc.unshare(_CLONE_NEWUSER) != 0:
        return
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{named[0].pw_uid} {user} 1"),
        ("gid_map", f"{named[0].pw_gid} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
            file.write(content)


def main(parent: int, death_signal: int, user: int, group: int, command: list[str]) -> None:
    """Replaces this process by `command`; `user` 0 keeps the user. Exits with one sentence when it cannot."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if user:
        _become(libc, user, group)
    elif libc and (command[0].endswith("initdb") or "--single" in command):
        _borrow_name(libc)
    if libc:
        # After the change of user, which would reset it. Bound to the thread that started us: the main one.
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the program that started this service has ended")
    try:
        os.stat(os.path.join(os.getcwd(), "."))  # noqa: PTH109, PTH116, PTH118 - pathlib would double the start-up time
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        hint = (
            " as user nobody: move the clone out of the closed folder or run as an ordinary user"
            if user
            else ""
        )
        sys.exit(f"{command[0]} cannot be run{hint} ({error.strerror})")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
