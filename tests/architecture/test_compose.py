"""docker-compose.yml without an engine: parsed, and each name in it compared with the code that it stands for."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typer.main import get_command

from app import settings
from app.cli import app as cli
from app.identity.tokens import key_sets
from app.settings import DatabaseSettings, HttpSettings, WorkerSettings
from app.storage.places import Bucket, place_of
from tests.architecture.source_tree import ROOT
from tests.support.ports import free_port
from tests.support.programs import environment

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("lectern:")}
API = [name for name in OURS if name.startswith("api-")]
PROXY = (ROOT / "deploy/proxy/nginx.conf").read_text()
PGBOUNCER = (ROOT / "deploy/pgbouncer/pgbouncer.ini").read_text()


def seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration[:-1])


def variables(name: str) -> dict[str, str]:
    return dict(OURS[name]["environment"])


def secrets_of(name: str) -> list[str]:
    return list(SERVICES[name].get("secrets", []))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the script makes, in a copy of what it needs."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: deploy/make-secrets.sh needs it")
    clone = tmp_path_factory.mktemp("clone")
    (clone / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/make-secrets.sh", clone / "deploy")
    for _ in range(2):  # the second time it keeps what is there
        before = {path.name: path.read_text() for path in (clone / "secrets").glob("*")}
        subprocess.run(
            ["sh", "deploy/make-secrets.sh"], cwd=clone, check=True, capture_output=True, timeout=60
        )
        assert (
            before.items() <= {path.name: path.read_text() for path in (clone / "secrets").glob("*")}.items()
        )
    return clone / "secrets"


def test_the_whole_set_is_there() -> None:
    wanted = {
        "proxy",
        "worker",
        "migrate",
        "postgres",
        "pgbouncer",
        "valkey",
        "progress",
        "elasticsearch",
        "storage",
        "mail",
    }
    assert wanted | set(API) == set(SERVICES)
    assert len(API) == 2
    assert "postgres:18." in SERVICES["postgres"]["image"]
    assert "elasticsearch:9." in SERVICES["elasticsearch"]["image"]


def test_viewers_progress_is_kept_by_redis() -> None:
    command = SERVICES["progress"]["command"]
    set_to = {
        name: command[command.index(name) + 1]
        for name in ("--appendonly", "--appendfsync", "--maxmemory-policy")
    }
    assert set_to == {"--appendonly": "yes", "--appendfsync": "always", "--maxmemory-policy": "noeviction"}


def test_images_are_pinned_to_a_version() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert re.search(r"\d+\.\d+", tag), (name, tag)
        assert image.count("/") <= 1, "no registry's host"
    project = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert {service["image"] for service in OURS.values()} == {f"lectern:{version}"}


@pytest.mark.parametrize("name", SERVICES)
def test_everything_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "elasticsearch")
    assert {"cpus", "memory", "pids"} == service["deploy"]["resources"]["limits"].keys()
    assert "privileged" not in service
    if name in OURS:
        assert "user" not in service, "the image's own"
        assert "cap_add" not in service
    # Only what people look at, and on this machine alone.
    published = [port.rsplit(":", 1)[0] for port in service.get("ports", [])]
    assert published == {"proxy": ["127.0.0.1:8000"], "mail": ["127.0.0.1:8025"]}.get(name, [])


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_waited_for_can_be_waited_for(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        awaited = SERVICES[other]
        if condition["condition"] == "service_completed_successfully":
            assert awaited["restart"] == "no"
        else:
            assert condition == {"condition": "service_healthy"}
            assert awaited["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    if name != "migrate":
        assert "test" in SERVICES[name]["healthcheck"]


def test_the_programs_wait_for_migrations() -> None:
    for name in (*API, "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", OURS)
def test_commands_are_commands(name: str) -> None:
    root = get_command(cli)
    for words in (OURS[name]["command"], OURS[name].get("healthcheck", {}).get("test", [])[2:]):
        if words[:1] in ([], ["-c"]):
            continue
        command = root.commands[words[0]]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(words[1:]) <= options


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings_with_values_that_fit(
    name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = variables(name)
    assert given.keys() <= dict(settings.variables()).keys()
    for variable, value in given.items():
        if variable.endswith("_FILE"):
            secret = value.removeprefix("/run/secrets/")
            assert secret in secrets_of(name), variable
            given[variable] = str(secrets / secret)
    for variable in environment():
        if variable.startswith("LECTERN_"):
            monkeypatch.delenv(variable, raising=False)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    made = settings.Settings()
    direct = name == "migrate"
    database = urlsplit(made.database.url)
    assert (database.hostname, database.port) == (("postgres", 5432) if direct else ("pgbouncer", 6432))
    assert made.database.pgbouncer is not direct
    assert database.path.lstrip("/") == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    assert database.username == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    if not direct:
        assert urlsplit(made.redis.url).hostname == "valkey"
        assert urlsplit(made.progress_redis.url).hostname == "progress"
        assert urlsplit(made.mail.smtp_url.get_secret_value()).hostname == "mail"
        assert made.origins.trusted_proxies == (address_of("proxy"),)
        assert made.authentication.public_url == "http://127.0.0.1:8000"
        bucket = place_of(made)
        assert isinstance(bucket, Bucket)
        assert urlsplit(bucket.endpoint).hostname == "storage"
        assert made.storage.public_endpoint == made.authentication.public_url
        assert f"location /{bucket.name}/ {{" in PROXY
        (identity,) = json.loads((secrets / "storage_identities").read_text())["identities"]
        (credentials,) = identity["credentials"]
        assert credentials["accessKey"] == made.storage.access_key.get_secret_value()
        assert credentials["secretKey"] == made.storage.secret_access_key.get_secret_value()
        key_sets.parse(Path(given["LECTERN_SIGNING_KEYS_FILE"]).read_text(), source="the file")


def address_of(name: str) -> str:
    return str(SERVICES[name]["networks"]["inside"]["ipv4_address"])


def test_the_secrets_are_those_that_the_script_makes(secrets: Path) -> None:
    named = {name: Path(secret["file"]) for name, secret in COMPOSE["secrets"].items()}
    assert all(path == Path("secrets") / name for name, path in named.items())
    assert named.keys() <= {path.name for path in secrets.iterdir()}
    assert {name for service in SERVICES for name in secrets_of(service)} == named.keys()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    # No password stands in the file itself.
    assert not re.search(r"password\s*[:=]\s*\w", (ROOT / "docker-compose.yml").read_text(), re.IGNORECASE)


def test_what_is_mounted_is_there() -> None:
    mounted = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", [])]
    for source, target, *_ in mounted:
        if source.startswith("./"):
            assert (ROOT / source).is_file(), source
        else:
            assert source in COMPOSE["volumes"], source
        assert target.startswith("/")
    assert set(COMPOSE["volumes"]) == {source for source, *_ in mounted if not source.startswith("./")}


def test_the_image_stops_within_the_patience_of_compose() -> None:
    assert seconds(OURS["api-1"]["stop_grace_period"]) > HttpSettings.model_fields["shutdown_grace"].default
    assert (
        seconds(OURS["worker"]["stop_grace_period"]) > WorkerSettings.model_fields["shutdown_grace"].default
    )


def test_the_proxy_knows_the_processes_and_the_routes() -> None:
    port = HttpSettings.model_fields["port"].default
    assert re.findall(r"server (\S+) ", PROXY) == [f"{name}:{port}" for name in API]
    assert re.findall(r"listen (\d+);", PROXY) == [SERVICES["proxy"]["ports"][0].rsplit(":", 1)[1]]
    probed = urlsplit(SERVICES["proxy"]["healthcheck"]["test"][-1])
    assert f"location = {probed.path} " in PROXY
    assert f"127.0.0.1:{port}/healthz" in OURS["api-1"]["healthcheck"]["test"][-1]
    assert f"client_max_body_size {HttpSettings.model_fields['body_limit'].default // 1024}k;" in PROXY
    for patience in re.findall(r"proxy_read_timeout (\d+)s;", PROXY):
        assert int(patience) > HttpSettings.model_fields["operation_timeout"].default
    assert "proxy_set_header Upgrade $http_upgrade;" in PROXY


def test_connections_are_enough_and_not_too_many() -> None:
    command = " ".join(SERVICES["postgres"]["command"])
    (limit,) = map(int, re.findall(r"max_connections=(\d+)", command))
    (pool,) = map(int, re.findall(r"^default_pool_size = (\d+)$", PGBOUNCER, re.MULTILINE))
    (clients,) = map(int, re.findall(r"^max_client_conn = (\d+)$", PGBOUNCER, re.MULTILINE))
    programs = len(API) + 1
    assert pool <= 0.8 * limit
    assert programs * DatabaseSettings.model_fields["pool_size"].default <= clients
    assert re.findall(r"^listen_port = (\d+)$", PGBOUNCER, re.MULTILINE) == ["6432"]
    assert re.findall(r"^auth_file = /run/secrets/(\S+)$", PGBOUNCER, re.MULTILINE) == secrets_of("pgbouncer")


@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: Debian's package nginx-light"
)
def test_nginx_reads_the_proxys_file(tmp_path: Path) -> None:
    """With addresses of this machine in place of the containers'."""
    text = PROXY.replace("/tmp/", f"{tmp_path}/").replace("listen 8080;", f"listen 127.0.0.1:{free_port()};")
    for name in (*API, "storage"):
        text = text.replace(f"{name}:", "127.0.0.1:")
    file = tmp_path / "nginx.conf"
    file.write_text(text)
    run = subprocess.run(
        [shutil.which("nginx") or "", "-t", "-c", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
