"""What only a folder needs: its files lie among a system's other files, and a writer that dies leaves parts behind."""

import os
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
