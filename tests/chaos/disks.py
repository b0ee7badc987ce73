"""Disks whose host can die: an ext4 file system in a file, which forgets what the kernel has not written to it yet.

Death is the kernel's own (EXT4_IOC_SHUTDOWN without flushing the log): from then on nothing reaches the file, and after the
next mount only what was synced, or written back of itself, is there. What a disk has taken it keeps: a disk that forgets
its own cache, against what it has told the kernel, is not tried.
"""

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_EXT4_IOC_SHUTDOWN, _NOLOGFLUSH = 0x8004587D, 2
_PROGRAMS = {"mkfs.ext4": "e2fsprogs", "mount": "mount", "umount": "mount"}


class DiskError(Exception):
    """What is missing here, to be put behind `needs`."""


def keep_mounts_to_ourselves() -> None:
    """Mounts of this process and its children are theirs alone from here on, so that not even a killed run leaves any.

    While there is no other thread. Raises DiskError.
    """
    if sys.platform != "linux":
        raise DiskError("Linux, for disks whose host can die")
    if os.geteuid() != 0:
        raise DiskError("root, who alone may mount disks whose host can die")
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise DiskError(f"the program {program} (package {package}), for disks whose host can die")
    if not Path("/dev/loop-control").exists():
        raise DiskError("loop devices (/dev/loop-control), for disks whose host can die")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None):
        reason = os.strerror(ctypes.get_errno())
        raise DiskError(f"the right to mount (CAP_SYS_ADMIN), for disks whose host can die: {reason}")


class Disk:
    """In `home`, which everybody may pass through; `close` leaves nothing of it. `size` is taken as it is used."""

    def __init__(self, home: Path, name: str, *, size: str = "2G") -> None:
        self._image = home / f"{name}.img"
        self.folder = home / name
        self._mounted = False
        self._stack = ExitStack()
        self._stack.callback(self._image.unlink, missing_ok=True)
        self.folder.mkdir()
        self._stack.callback(self.folder.rmdir)
        self._stack.callback(self._unmount)
        try:
            _run("truncate", "--size", size, str(self._image))
            _run("mkfs.ext4", "-q", "-F", str(self._image))
            self._mount()
            self.folder.chmod(0o711)
        except BaseException:
            self.close()
            raise

    def sync(self) -> None:
        """All that was written so far outlives the host."""
        _run("sync", "--file-system", str(self.folder))

    def die(self) -> float:
        """Nothing is written any more. Returns the moment, of the monotonic clock; whoever uses the disk is killed next."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            moment = time.monotonic()
            fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
        except OSError as error:
            raise DiskError(f"a kernel that can let ext4 die (EXT4_IOC_SHUTDOWN): {error}") from error
        finally:
            os.close(descriptor)
        return moment

    def revive(self) -> None:
        """As after the host has started again. Nobody may have anything open on it."""
        self._unmount()
        self._mount()

    def close(self) -> None:
        self._stack.close()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))
        self._mounted = True

    def _unmount(self) -> None:
        if not self._mounted:
            return
        try:
            _run("umount", str(self.folder))
        except DiskError:
            # Somebody still has a file open: away from the tree at once, and wholly with the last of them.
            with suppress(DiskError):
                _run("umount", "--lazy", str(self.folder))
            self._mounted = False
            raise
        self._mounted = False


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode:
        raise DiskError(f"`{command[0]}` to work, for disks whose host can die: {ran.stderr.strip()}")
