"""The image without an engine: its file is read, its steps compared with the code, its commands tried in a copy."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import settings
from app.identity.tokens import key_sets
from tests.architecture.source_tree import FLOORS, ROOT
from tests.support.ports import free_port
from tests.support.programs import answers, environment, running

IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def steps() -> Iterator[tuple[int, str, str]]:
    """(stage, instruction, arguments), comments left out."""
    stage = -1
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            instruction, _, arguments = line.partition(" ")
            stage += instruction == "FROM"
            yield stage, instruction, arguments


STEPS = list(steps())
LAST = max(stage for stage, *_ in STEPS)


def of(instruction: str, stage: int = LAST) -> list[str]:
    return [arguments for number, name, arguments in STEPS if (number, name) == (stage, instruction)]


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in of("ENV") for pair in line.split(" "))


def copied() -> list[str]:
    """Files and folders of the clone that come into the image."""
    return [source for line in of("COPY", 0) for source in line.split(" ")[:-1]]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image's files: what is copied, and nothing else."""
    folder = tmp_path / "image"
    folder.mkdir()
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_only_known_instructions_and_two_stages_of_one_base() -> None:
    bases = {arguments.split(" ")[0] for _, name, arguments in STEPS if name == "FROM"}
    assert LAST == 1
    assert len(bases) == 1, "the environment's Python is the base image's"
    assert of("COPY") == [f"--from=build {of('WORKDIR', 0)[0]} {of('WORKDIR')[0]}"]


def test_packages_are_installed_as_everywhere() -> None:
    bootstrap = (ROOT / "deploy/bootstrap.sh").read_text().replace('"$lock"', "requirements.lock")
    expected = re.findall(
        r"^quietly (\.venv/bin/python -m pip install .*?) \|\| explain$", bootstrap, re.MULTILINE
    )
    assert len(expected) == 2
    assert [run for run in of("RUN", 0) if "pip install" in run] == expected
    assert of("RUN", 0)[0] == "python -m venv .venv"
    assert of("RUN") == []


def test_all_that_is_copied_is_there_and_let_through() -> None:
    assert set(FLOORS) <= set(copied())
    assert all((ROOT / name).exists() for name in copied())
    assert IGNORED[1] == "*"
    assert {line[1:] for line in IGNORED if line.startswith("!")} == set(copied())


def test_every_setting_is_one_and_the_port_is_the_same() -> None:
    known = dict(settings.variables())
    ours = {name: value for name, value in variables().items() if name.startswith("LECTERN_")}
    assert ours.keys() <= known.keys()
    assert "LECTERN_HTTP_PORT" in ours
    assert of("EXPOSE") == [ours["LECTERN_HTTP_PORT"]] == [str(known["LECTERN_HTTP_PORT"].default)]


def test_it_runs_without_rights_and_without_writing() -> None:
    (user,) = of("USER")
    assert all(int(number) > 0 for number in user.split(":"))
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert not any("--chown" in arguments for _, _, arguments in STEPS)
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_the_copy_migrates_serves_and_is_healthy(
    image: Path, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    (entry,), (command,), (health,) = of("ENTRYPOINT"), of("CMD"), of("HEALTHCHECK")
    assert json.loads(entry) == ["lectern"]
    # The clone must not stand in for what the image lacks, neither as the current folder nor as what is installed.
    there = (
        f"import os, sys; os.chdir({str(image)!r});"
        " sys.meta_path = [each for each in sys.meta_path if '__editable__' not in each.__module__]"
    )
    lectern = [sys.executable, "-c", f"{there}; from app.cli import main; main()"]
    given = {
        **{name: value for name, value in variables().items() if name != "PATH"},
        "LECTERN_HTTP_HOST": "127.0.0.1",
        "LECTERN_HTTP_PORT": str(free_port()),
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "PYTHONPATH": str(image),
        "PYTHONSAFEPATH": "1",  # as for `lectern`, which does not look where it is started
    }
    before = sorted(image.rglob("*"))
    probe = [sys.executable, *json.loads(health.partition("CMD ")[2])[1:]]

    def probed() -> int:
        return subprocess.run(
            probe, env=environment(**given), capture_output=True, timeout=60, check=False
        ).returncode

    origin = subprocess.run(
        [sys.executable, "-c", f"{there}; import app; print(app.__file__)"],
        env=environment(**given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert origin.stdout == f"{image / 'app/__init__.py'}\n"
    migrated = subprocess.run(
        [*lectern, "migrate"], env=environment(**given), capture_output=True, timeout=60, check=False
    )
    assert migrated.returncode == 0, migrated.stderr
    assert probed() != 0
    with running([*lectern, *json.loads(command)], tmp_path, **given) as program:
        url = f"http://127.0.0.1:{given['LECTERN_HTTP_PORT']}/readyz"
        program.wait_for(lambda: answers(url), "answer")
        assert probed() == 0
        program.send(signal.SIGTERM)
        assert program.end() == 0
    assert sorted(image.rglob("*")) == before, "nothing is written"
