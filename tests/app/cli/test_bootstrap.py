"""What a newcomer's machine may lack. The Pythons here are stand-ins, so that nothing is downloaded."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.programs import PATIENCE, ROOT, wait_until_none

TOOLS = [
    "sh",
    "cat",
    "cksum",
    "dirname",
    "grep",
    "head",
    "tail",
    "mkdir",
    "mv",
    "rm",
    "cut",
    "uname",
    "make",
    "sleep",
]

# Answers the bootstrap's questions, makes an environment out of itself, and notes what pip is told.
STAND_IN = """#!/bin/sh
case "$*" in
    *"sys.exit(sys.version_info < (3, 11))"*) exit {too_old} ;;
    *"print("*) echo {version} ;;
    *"import venv, ensurepip"*) exit {without_venv} ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pyvenv.cfg; exit {venv_status} ;;
    *"pip install"*) echo "$*" >>"{notes}"; echo "HOME=${{HOME:-}} CACHE=${{PIP_NO_CACHE_DIR:-}}" >>"{notes}.environment"
        {pip} ;;
esac
"""


class Machine:
    """A clone under a path with a space, and a PATH with nothing but what is put there."""

    def __init__(self, root: Path) -> None:
        self.clone = root / "my clone"
        self.bin = root / "bin"
        self.notes = root / "notes"
        (self.clone / "deploy").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("Makefile", "pyproject.toml", "deploy/bootstrap.sh"):
            shutil.copy(ROOT / name, self.clone / name)
        for name in ("requirements.lock", "requirements-dev.lock"):
            (self.clone / name).write_text("one==1 \\\n    --hash=sha256:00\n")
        for tool in [*TOOLS, "cp", "touch"]:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)

    def python(
        self,
        name: str = "python3",
        *,
        version: str = "3.12",
        without_venv: bool = False,
        venv_status: int = 0,
        pip: str = "exit 0",
    ) -> Path:
        path = self.bin / name
        path.write_text(
            STAND_IN.format(
                too_old=int(tuple(map(int, version.split("."))) < (3, 11)),
                version=version,
                without_venv=int(without_venv),
                venv_status=venv_status,
                notes=self.notes,
                pip=pip,
            )
        )
        path.chmod(0o755)
        return path

    def bootstrap(self, what: str = "run", **variables: str) -> "subprocess.CompletedProcess[str]":
        return self.command("sh", "deploy/bootstrap.sh", what, **variables)

    def command(self, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.clone,
            env={"PATH": str(self.bin), **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def refusal(self, what: str = "run", **variables: str) -> str:
        result = self.bootstrap(what, **variables)
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1, result.stderr
        assert not (self.clone / f".venv/.requirements{'-dev' * (what == 'test')}.lock.installed").exists()
        return result.stderr

    def installations(self) -> list[str]:
        notes = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return notes


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_and_with_an_old_one(machine: Machine) -> None:
    assert machine.refusal().startswith("Lectern needs Python 3.11 or newer, here is none: ")
    machine.python(version="3.9")
    machine.python("python", version="2.7")
    assert machine.refusal().startswith("Lectern needs Python 3.11 or newer, here is 3.9: ")
    assert not (machine.clone / ".venv").exists()


def test_make_adds_only_its_own_line(machine: Machine) -> None:
    machine.python(version="3.9")
    result = machine.command("make", "run")
    assert result.returncode == 2
    sentence, of_make = result.stderr.splitlines()
    assert sentence.startswith("Lectern needs Python 3.11")
    assert of_make.startswith("make: ***")
    assert result.stdout == ""


@pytest.mark.parametrize(("version", "chosen"), [("3.9", "python3.12"), ("3.14", "python3.12")])
def test_a_better_python_is_found_beside_the_usual_one(machine: Machine, version: str, chosen: str) -> None:
    machine.python(version=version)
    machine.python(chosen)
    result = machine.bootstrap()
    assert result.returncode == 0
    assert "Making .venv with Python 3.12" in result.stdout


def test_a_python_that_was_named_is_used_or_refused(machine: Machine) -> None:
    machine.python()
    other = machine.python("other", version="3.13")
    assert (
        machine.refusal(PYTHON="/nowhere/python") == "PYTHON=/nowhere/python is not Python 3.11 or newer.\n"
    )
    assert "Python 3.13" in machine.bootstrap(PYTHON=str(other)).stdout


def test_without_the_venv_module_debian_s_package_is_named(machine: Machine) -> None:
    machine.python(without_venv=True)
    assert "apt install python3-venv, or python3.12-venv" in machine.refusal()
    assert not (machine.clone / ".venv").exists()


def test_a_half_made_environment_is_not_kept(machine: Machine) -> None:
    machine.python(venv_status=1)
    assert "apt install python3-venv" in machine.refusal()
    assert not (machine.clone / ".venv").exists()
    machine.python()
    assert machine.bootstrap().returncode == 0


def test_installs_once_and_again_when_the_lock_has_changed(machine: Machine) -> None:
    machine.python()
    assert machine.bootstrap().returncode == 0
    packages, project = machine.installations()
    assert "--require-hashes" in packages
    assert packages.endswith("-r requirements.lock")
    assert "--no-build-isolation" in project
    again = machine.bootstrap()
    assert (again.returncode, again.stdout, machine.installations()) == (0, "", [])
    assert machine.bootstrap("test").returncode == 0
    assert "-r requirements-dev.lock" in machine.installations()[0]
    (machine.clone / "requirements.lock").write_text("one==2 \\\n    --hash=sha256:01\n")
    assert "Making .venv" not in machine.bootstrap().stdout
    assert len(machine.installations()) == 2


def test_a_clone_that_was_moved_gets_a_new_environment(machine: Machine) -> None:
    machine.python()
    assert machine.bootstrap().returncode == 0
    machine.clone = machine.clone.rename(machine.clone.with_name("elsewhere"))
    assert "Making .venv" in machine.bootstrap().stdout


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "No space left in ",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
            "A package is not the one that requirements.lock names",
        ),
        ("NewConnectionError: Temporary failure in name resolution", "The package index cannot be reached"),
        (
            "ERROR: No matching distribution found for one==1",
            "No matching distribution found for one==1: there is no build",
        ),
        ("something else", "The packages could not be installed: something else (see .venv/install.log)."),
    ],
)
def test_a_failed_installation_is_one_sentence_and_tried_again(
    machine: Machine, said: str, sentence: str
) -> None:
    machine.python(pip=f"echo '{said}'; exit 1")
    assert machine.refusal().startswith(sentence)
    machine.python()
    shutil.copy(machine.bin / "python3", machine.clone / ".venv/bin/python")
    assert machine.bootstrap().returncode == 0


@pytest.mark.parametrize("home", [None, "/dev/null"])
def test_any_home_will_do(machine: Machine, home: str | None) -> None:
    machine.python()
    result = machine.bootstrap(**({} if home is None else {"HOME": home}))
    assert (result.returncode, result.stderr) == (0, "")
    noted = machine.notes.with_name("notes.environment").read_text()
    assert "CACHE=1" in noted


def test_a_clone_that_cannot_be_written_to(machine: Machine) -> None:
    machine.python()
    # Root may write everywhere: a mkdir that refuses stands in for a folder that does.
    (machine.bin / "mkdir").unlink()
    (machine.bin / "mkdir").write_text("#!/bin/sh\nexit 1\n")
    (machine.bin / "mkdir").chmod(0o755)
    assert "cannot be written to" in machine.refusal()


def test_a_signal_ends_pip_too(machine: Machine) -> None:
    machine.python(pip="exec sleep 600")
    with subprocess.Popen(
        [machine.bin / "sh", "deploy/bootstrap.sh", "run"], cwd=machine.clone, env={"PATH": str(machine.bin)}
    ) as child:
        deadline = time.monotonic() + PATIENCE
        while not machine.notes.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 130
    wait_until_none(machine.clone)


def test_help_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z0-9]+):", makefile, re.MULTILINE)
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"run", "test", "check"} <= set(targets)
    assert [line.split()[1] for line in result.stdout.splitlines()] == targets
    assert all(len(line.split()) > 3 for line in result.stdout.splitlines())


def test_ci_runs_what_make_check_runs() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (tests,) = re.findall(
        r'^check: checks .*\n\techo "Tests" && exec \$\(BIN\)/(.*)$', makefile, re.MULTILINE
    )
    commands = ["make checks", 'echo "Tests"', f"exec .venv/bin/{tests}"]
    assert (ROOT / ".ci/run").read_text().splitlines()[-3:] == commands


def test_the_locks_agree_and_name_no_index() -> None:
    runtime, development = (
        dict(re.findall(r"^([a-z0-9][^=\s]*)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert runtime
    assert runtime.items() < development.items()
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert not re.search(r"://|--index|--find-links", (ROOT / name).read_text())
