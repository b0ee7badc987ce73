"""The tree is the architecture: the same nouns on every floor, and documents that name only what is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import FLOORS, ROOT, docstring_nodes, packages, python_files, syntax_tree

# Every domain the platform is to have; a folder of another name belongs into one of these.
DOMAINS = {
    "identity",
    "operations",
    "notifications",
    "catalog",
    "learning",
    "assessment",
    "live",
    "certification",
    "partners",
    "analytics",
}
PROGRAMS_AND_PLUMBING = {
    "asgi",
    "cache",
    "cli",
    "embedded",
    "mail",
    "outbox",
    "pubsub",
    "settings",
    "storage",
    "telemetry",
}
SCHEMA_PARTS = {"types", "queries", "mutations", "subscriptions"}
FURTHER_SCHEMA_PARTS = {
    "graphql_schema/catalog/enums": "the domain's own enums, described for clients; types and inputs share them",
    "graphql_schema/learning/enums": "as the catalogue's",
    "graphql_schema/catalog/payloads": "what the files of mutations/ answer with",
}
ENVIRONMENT_READERS = {
    "app/settings/__init__.py": "the one place that reads settings",
    "app/settings/reading.py": "the files of secrets",
    "app/cli/psql.py": "hands the environment on to psql, and the password in it, where nobody else can read it",
    "app/embedded/process.py": "hands the dynamic linker's variables on to PostgreSQL and Valkey",
}
DOCUMENTS = (
    "README.md",
    "docs/architecture.md",
    "docs/clients.md",
    "docs/operations.md",
    "docs/progress.md",
    *(f"docs/decisions/{path.name}" for path in sorted((ROOT / "docs/decisions").glob("*.md"))),
)
# Folders of tests that mirror no source: they look at the whole, or serve the others.
WHOLE = {"architecture", "chaos", "e2e", "support", "factories"}
# Tests of a folder as a whole.
OF_A_FOLDER = {
    "tests/app/learning/beats/test_any_order.py": "from beats to rows, in any order",
    "tests/workers/surviving/test_progress.py": "viewers' progress, while whoever flushes and Redis are killed",
    "tests/workers/surviving/test_uploads.py": "sweeps of uploads, killed after each step",
    "tests/workers/surviving/test_jobs.py": "the worker program, killed and cut off from Redis and PostgreSQL",
    "tests/workers/surviving/test_mails.py": "mails, while the API and the workers are killed",
    "tests/workers/surviving/test_notifications.py": "mails about notifications, while the workers are killed",
    "tests/app/cli/test_bootstrap.py": "deploy/bootstrap.sh, which makes the `lectern` command",
    "tests/app/asgi/test_graphql_http_audits.py": "an audit from outside, through the whole endpoint",
    "tests/app/catalog/importing/test_import_catalog.py": "the whole import, from file to rows",
}


def domains() -> set[str]:
    return packages("app") - PROGRAMS_AND_PLUMBING


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_documents_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(
        r"`((?:[\w.*-]+/)+[\w.*-]*|[\w-]+\.(?:toml|ini|md|yml|lock)|Makefile|Dockerfile)`", text
    )
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    # What `make run` makes is not there in a fresh clone.
    named = [path for path in named if not path.startswith((".venv/", ".lectern/"))]
    assert named
    missing = [path for path in named if not list(ROOT.glob(path.rstrip("/")))]
    missing += [link for link in linked if not (ROOT / document).parent.joinpath(link).exists()]
    assert not missing


def test_the_architecture_names_every_floor_and_domain() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    expected = {f"`{folder}/`" for folder in FLOORS} | {f"`app/{domain}/`" for domain in domains()}
    assert not [path for path in sorted(expected) if path not in text]


def test_domains_have_a_known_name() -> None:
    assert {"identity", "catalog"} <= domains() <= DOMAINS


@pytest.mark.parametrize("domain", sorted(domains()))
def test_a_domain_says_what_it_owns_and_calls(domain: str) -> None:
    tree = syntax_tree(Path(f"app/{domain}/__init__.py"))
    assert len(tree.body) == len(list(docstring_nodes(tree))) == 1, "a docstring and nothing else"
    assert re.search(r"^Calls ", ast.get_docstring(tree) or "", re.MULTILINE)


@pytest.mark.parametrize("domain", sorted(domains()))
def test_a_domain_has_its_parts(domain: str) -> None:
    parts = {path.stem for path in (ROOT / "app" / domain).iterdir()}
    assert {"models", "reads", "service", "errors"} <= parts


def test_schema_folders_hold_parts_of_domains() -> None:
    assert packages("graphql_schema") <= domains()
    parts = {
        f"graphql_schema/{domain}/{path.stem}"
        for domain in packages("graphql_schema")
        for path in (ROOT / "graphql_schema" / domain).iterdir()
        if path.stem not in {"__init__", "__pycache__"}
    }
    others = {part for part in parts if part.rsplit("/", 1)[1] not in SCHEMA_PARTS}
    assert others == FURTHER_SCHEMA_PARTS.keys()


@pytest.mark.parametrize(
    ("floor", "own"),
    [
        ("loaders", {"__init__", "batching"}),
        (
            "workers",
            {
                "__init__",
                "main",
                "schedule",
                "status",
                "partitions",
                "handlers",
                "running",
                "clock",
                "outbox",
                "storage",
                "imports",
                "cache",
                "recomputing",
            },
        ),
    ],
)
def test_files_of_a_floor_are_named_after_domains(floor: str, own: set[str]) -> None:
    assert {path.stem for path in (ROOT / floor).rglob("*.py")} - own <= domains()


def test_every_domain_of_the_schema_has_loaders() -> None:
    assert packages("graphql_schema") <= {path.stem for path in (ROOT / "loaders").glob("*.py")}


def mirrored(test: Path) -> bool:
    """Whether tests/a/b/test_c.py stands beside a/b/c.py, a/b/c/, or a part of it (test_c_under_load.py)."""
    folder = ROOT / test.relative_to("tests").parent
    name = test.stem.removeprefix("test_")
    sources = (
        {path.stem for path in folder.iterdir() if path.suffix in {".py", ""}} if folder.is_dir() else set()
    )
    return folder.name == name or any(name == source or name.startswith(f"{source}_") for source in sources)


TEST_FILES = [
    path for path in python_files("tests") if path.stem.startswith("test_") and path.parts[1] not in WHOLE
]


@pytest.mark.parametrize("path", TEST_FILES, ids=str)
def test_tests_mirror_sources(path: Path) -> None:
    assert mirrored(path) != (str(path) in OF_A_FOLDER), "name it after its source, or list it in OF_A_FOLDER"


def test_factories_are_named_after_domains() -> None:
    assert {path.stem for path in (ROOT / "tests/factories").glob("*.py")} <= domains()


def test_alembic_stays_the_library() -> None:
    assert not (ROOT / "alembic/__init__.py").exists(), "it would hide the library of the same name"


def reads_environment(tree: ast.Module) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and names & {alias.name for alias in node.names}
        )
        for node in ast.walk(tree)
    )


def test_settings_alone_read_the_environment() -> None:
    readers = {str(path) for path in python_files(*FLOORS) if reads_environment(syntax_tree(path))}
    assert readers == ENVIRONMENT_READERS.keys()


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['A']", "from os import getenv", "import os as o\no.getenv('A')"]
)
def test_readers_are_seen(source: str) -> None:
    assert reads_environment(ast.parse(source))
