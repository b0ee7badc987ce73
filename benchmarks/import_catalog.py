"""How fast a catalogue is imported, and in how much memory: generates files, imports each into a fresh database.

    LECTERN_DATABASE_URL=postgresql://... python benchmarks/import_catalog.py [rows ...]

The address is that of a server on which the databases `lectern_bench_import_*` may be made and dropped. The import
runs as a process of its own, `lectern import catalog`, whose peak memory the kernel tells.
"""

import asyncio
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

ROOT = Path(__file__).parents[1]
WORDS = """
    course learn data build write team model design project market code language music health history energy people
    method practice theory modern basic applied open digital green social global local
""".split()  # noqa: SIM905 - thirty quoted words would be thirty lines
COLUMNS = (
    "title=name,description=about,category=field,level=level,language=language,skills=skills,"
    "rating_sum=stars,rating_count=ratings"
)
COMMAND = (
    sys.executable,
    "-c",
    "from app.cli.import_command import app; app(prog_name='lectern import')",
    "catalog",
)


def generate(path: Path, rows: int) -> None:
    """A file of courses with descriptions of 300 characters on average, every fifth of them real Markdown."""
    chance = random.Random(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            (
                "address",
                "name",
                "about",
                "field",
                "level",
                "language",
                "skills",
                "stars",
                "ratings",
                "provider",
            )
        )
        for number in range(rows):
            sentences = [
                f"{' '.join(chance.choices(WORDS, k=10)).capitalize()}." for _ in range(chance.randint(2, 8))
            ]
            about = " ".join(sentences)
            if number % 5 == 0:
                about += "\n\n" + "\n".join(f"- *{word}*" for word in chance.choices(WORDS, k=3))
            ratings = chance.randint(0, 500)
            writer.writerow(
                (
                    f"https://courses.example/{number}",
                    " ".join(chance.choices(WORDS, k=4)).title(),
                    about,
                    chance.choice(WORDS),
                    chance.choice(("Beginner", "Intermediate", "Advanced")),
                    chance.choice(("en", "de", "es", "pt-BR")),
                    ";".join(chance.choices(WORDS, k=4)),
                    ratings * chance.randint(2, 5),
                    ratings,
                    chance.choice(WORDS),
                )
            )


async def make_database(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


def fresh_database(server: str, name: str) -> str:
    """An empty, migrated database. Returns its URL."""
    asyncio.run(make_database(server, name))
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    environment = os.environ | {"LECTERN_DATABASE_URL": url}
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, env=environment, check=True
    )
    return url


def import_file(path: Path, url: str) -> tuple[dict[str, float], int]:
    """The command's answer, and its peak memory in MB."""
    arguments = (*COMMAND, str(path), "--columns", COLUMNS, "--key", "address", "--json")
    environment = os.environ | {"LECTERN_DATABASE_URL": url}
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, answer
    return json.loads(answer), usage.ru_maxrss // 1024


def main() -> None:
    server = os.environ["LECTERN_DATABASE_URL"]
    print(f"{'rows':>8} {'run':<8} {'seconds':>8} {'rows/s':>8} {'peak MB':>8}")
    for rows in [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "courses.csv"
            generate(path, rows)
            url = fresh_database(server, f"lectern_bench_import_{rows}")
            for run, counted in (("first", "created"), ("second", "unchanged")):
                answer, peak = import_file(path, url)
                assert answer[counted] == rows, answer
                seconds = answer["seconds"]
                print(f"{rows:>8,} {run:<8} {seconds:>8.2f} {rows / seconds:>8,.0f} {peak:>8}")


if __name__ == "__main__":
    main()
