"""`python -m benchmarks`: the comparison; `... profile`: where Lectern's time goes; `... fetch`: pool against pool;
`... beats`, `... flush`, `... hour`: viewers' progress; `... playback`: links to videos, and their files; each with
options of its own.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.embedded import EmbeddedError
from benchmarks import database_fetch, profiles
from benchmarks.comparison import as_json, compare
from benchmarks.load import WrongAnswerError
from benchmarks.queries import Q0, Q1
from benchmarks.report import show
from benchmarks.serve import COMPARED
from benchmarks.services import Services, open_services, serve

_POOL_SIZE = 10
_CONNECTIONS = 8
_LIBRARIES = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "uvloop", "asyncpg", "orjson")


# Programs of their own, with a `main` that reads the options behind their name.
_OTHERS = {
    "beats": "benchmarks.beats",
    "flush": "benchmarks.flush",
    "hour": "benchmarks.hour.__main__",
    "playback": "benchmarks.playback",
}


def main() -> None:
    if sys.argv[1:] and sys.argv[1] in _OTHERS:
        import_module(_OTHERS[sys.argv.pop(1)]).main()
        return
    options = _options()
    console = Console(stderr=options.json == Path("-"))
    try:
        console.print("Starting PostgreSQL; filling 20,000 courses and 240,000 lessons ...")
        with open_services(options.home, pool_size=_POOL_SIZE) as services:
            if options.what == "compare":
                _compare(console, services, options)
            elif options.what == "profile":
                with _progress(console) as progress:
                    tables = profiles.measure(services, connections=_CONNECTIONS, progress=progress)
                profiles.show(console, tables)
            else:
                database_fetch.run(console, services.database_url)
    except (WrongAnswerError, EmbeddedError, subprocess.CalledProcessError) as error:
        sys.exit(f"benchmarks: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _compare(console: Console, services: Services, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(name, services)) for name in options.only or COMPARED]
        progress = stack.enter_context(_progress(console))
        figures, fields = compare(
            servers,
            (Q1, Q0),
            services,
            rounds=3 if options.quick else 7,
            scale=0.4 if options.quick else 1.0,
            connections=_CONNECTIONS,
            progress=progress,
        )
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
    show(console, figures, fields)
    versions = ", ".join(f"{name} {value}" for name, value in machine.items())
    console.print(versions, style="dim", highlight=False, soft_wrap=True)
    if options.json is not None:
        text = as_json(figures, fields, {"machine": machine, "connections": _CONNECTIONS})
        if options.json == Path("-"):
            sys.stdout.buffer.write(text)
        else:
            options.json.write_bytes(text)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that says what is being measured."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # Two frames a second: drawing must not compete with what is measured.
    with Progress(*columns, console=console, transient=True, refresh_per_second=2) as bar:
        task = bar.add_task("starting the servers")
        yield lambda text: bar.update(task, description=text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("compare", "profile", "fetch"), default="compare")
    parser.add_argument("--home", type=Path, help="folder of the services, kept for the next run")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: about 40 seconds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file; - is standard output")
    parser.add_argument("--only", nargs="+", choices=COMPARED, help="only these contenders")
    return parser.parse_args()


if __name__ == "__main__":
    main()
