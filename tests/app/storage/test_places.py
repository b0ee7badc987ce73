from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings, StorageSettings
from app.storage.places import Bucket, Folder, Memory, place_of


def place(tmp_path: Path, url: str, **more: str) -> Folder | Memory | Bucket:
    storage = StorageSettings(
        url=url,
        access_key=SecretStr("k"),
        secret_access_key=SecretStr("s"),
        **more,  # type: ignore[arg-type]
    )
    return place_of(Settings(home=tmp_path, storage=storage))


def test_nothing_said_is_a_folder_of_the_home(tmp_path: Path) -> None:
    assert place(tmp_path, "") == Folder(tmp_path / "storage")


@pytest.mark.parametrize(
    ("url", "path"),
    [("file:///srv/files", "/srv/files"), ("file://localhost/srv", "/srv"), ("file:///a%20b/c", "/a b/c")],
)
def test_a_folder(tmp_path: Path, url: str, path: str) -> None:
    assert place(tmp_path, url) == Folder(Path(path))


def test_memory(tmp_path: Path) -> None:
    assert place(tmp_path, "memory://") == Memory()


@pytest.mark.parametrize(
    ("url", "prefix"), [("s3://files", ""), ("s3://files/", ""), ("s3://files/a/b/", "a/b")]
)
def test_a_bucket(tmp_path: Path, url: str, prefix: str) -> None:
    bucket = place(tmp_path, url)
    assert isinstance(bucket, Bucket)
    assert (bucket.name, bucket.prefix) == ("files", prefix)
    assert bucket.endpoint == "https://s3.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "url",
    [
        "files",
        "/srv/files",
        "file://",
        "file:///",
        "file://host/srv",
        "s3://",
        "s3:///a",
        "s3://key:secret@files",
        "s3://files?endpoint=x",
        "s3://files/../x",
        "gs://files",
        "memory://x",
        "https://files.example",
    ],
)
def test_what_names_no_place(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"it looks like|more than a place|cannot name"):
        place(tmp_path, url)


@pytest.mark.parametrize(
    "endpoint", ["files.example", "ftp://files", "https://key@files", "https://files/path", "https://files?x"]
)
@pytest.mark.parametrize("which", ["endpoint", "public_endpoint"])
def test_endpoints_are_addresses_alone(tmp_path: Path, which: str, endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoints"):
        place(tmp_path, "s3://files", **{which: endpoint})


@pytest.mark.parametrize(
    ("more", "missing"),
    [({"access_key": ""}, "ACCESS_KEY"), ({"secret_access_key": ""}, "SECRET_ACCESS_KEY")],
)
def test_a_bucket_needs_its_keys(tmp_path: Path, more: dict[str, str], missing: str) -> None:
    options = {"access_key": "k", "secret_access_key": "s"} | more
    storage = StorageSettings(
        url="s3://files",
        **{name: SecretStr(value) for name, value in options.items()},  # type: ignore[arg-type]
    )
    with pytest.raises(ValueError, match=missing):
        place_of(Settings(home=tmp_path, storage=storage))
