"""docs/clients.md shows what `make e2e` runs: every block is a file or a region of one, every version the installed one."""

import json
import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs/clients.md").read_text()
CLIENTS = ROOT / "tests/e2e/clients"
MANIFESTS = sorted(CLIENTS.glob("*/package.json"))
# A fence with the name of a file, perhaps of a region in it; a fence of the shell names none.
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# What a reader sets a client up with: shown whole.
SHOWN_WHOLE = {
    "session.mjs",
    "failures.mjs",
    "apollo/client.mjs",
    "urql/client.mjs",
    "relay/client.mjs",
    "relay/relay.config.json",
    "codegen/client.ts",
    "codegen/codegen.ts",
}


def source(name: str) -> str:
    """The text that a block shows: `path`, or `path#region` between the lines //#region and //#endregion."""
    path, _, region = name.partition("#")
    text = (ROOT / path).read_text()
    if not region:
        return text
    [found] = re.findall(
        rf"^//#region {re.escape(region)}\n(.*?)^//#endregion$", text, re.MULTILINE | re.DOTALL
    )
    return str(found)


@pytest.mark.parametrize(("name", "text"), [(name, text) for _, name, text in BLOCKS if name])
def test_a_block_is_what_runs(name: str, text: str) -> None:
    assert text == source(name)


def test_every_block_of_code_names_its_file() -> None:
    assert {language for language, name, _ in BLOCKS if not name} == {"sh"}
    named = {name.removeprefix("tests/e2e/clients/") for _, name, _ in BLOCKS if name}
    assert named >= SHOWN_WHOLE
    assert len(BLOCKS) == PAGE.count("\n```") / 2


def test_the_page_names_the_versions_that_are_installed() -> None:
    stated = set(re.findall(r"`(@?[\w./-]+)` (\d+\.\d+\.\d+)", PAGE))
    assert len(MANIFESTS) == 4
    assert stated == {package for manifest in MANIFESTS for package in dependencies(manifest).items()}


def dependencies(manifest: Path) -> dict[str, str]:
    package = json.loads(manifest.read_text())
    found: dict[str, str] = package.get("dependencies", {}) | package.get("devDependencies", {})
    return found


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.parent.name)
def test_versions_are_exact(manifest: Path) -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in dependencies(manifest).values())
    # A lock file would name the registry that this machine happens to use.
    assert not (manifest.parent / "package-lock.json").exists()


def test_make_runs_every_client() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [listed] = re.findall(r"^CLIENTS = (.*)$", makefile, re.MULTILINE)
    assert sorted(listed.split()) == [manifest.parent.name for manifest in MANIFESTS]
    assert all(f"client-{name}" in makefile for name in listed.split())
