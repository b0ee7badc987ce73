"""A library that lets each sync of a file take longer, as on a slow or busy disk, for a Valkey that is linked with it."""

import shutil
import subprocess
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int file) {
    usleep(MICROSECONDS);
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"""


class NoCompilerError(Exception):
    """What is missing here, to be put behind `needs`."""


def slow_syncs(folder: Path, seconds: float) -> dict[str, str]:
    """Variables of the dynamic linker. `folder` is one that everybody may pass through. Raises NoCompilerError."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoCompilerError("a C compiler (cc), for syncs that take long")
    library = folder / "slow_syncs.so"
    options = ["-shared", "-fPIC", f"-DMICROSECONDS={round(seconds * 1e6)}", "-x", "c", "-o", str(library)]
    subprocess.run(
        [compiler, *options, "-", "-ldl"], input=_SOURCE, text=True, check=True, capture_output=True
    )
    return {"LD_PRELOAD": str(library)}
