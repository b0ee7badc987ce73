"""What only a folder needs: its files lie among a system's other files, and a writer that dies leaves parts behind."""

import os
from contextlib import suppress
from pathlib import Path


def is_straight(folder: Path, key: str) -> bool:
    """Whether no symbolic link stands between the folder and the file (or where it would be)."""
    return Path(os.path.realpath(folder / key)) == Path(os.path.realpath(folder)) / key


def sweep_parts(folder: Path, before: float) -> int:
    """Removes unfinished files last written before that time (seconds since 1970). Returns how many."""
    removed = 0
    # A file is written beside its place as `name#1`; no key has that sign.
    for part in folder.rglob("*#*"):
        if part.is_file() and part.stat().st_mtime < before:
            part.unlink(missing_ok=True)
            removed += 1
    return removed


def remove_files(folder: Path, prefix: str) -> tuple[int, int]:
    """Removes all finished files below the prefix, and what folders are empty then. Returns how many, and their bytes.

    Symbolic links lead nowhere; what another removes meanwhile is no error.
    """
    files, size = 0, 0
    if not is_straight(folder, prefix):
        return files, size
    for place, _, names in os.walk(folder / prefix, topdown=False):
        for name in names:
            path = Path(place, name)
            if "#" not in name:
                with suppress(FileNotFoundError):
                    size += path.lstat().st_size
                    path.unlink()
                    files += 1
        with suppress(OSError):
            Path(place).rmdir()
    return files, size
