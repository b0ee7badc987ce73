"""Where files are kept: what the settings name, opened with obstore."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, S3Store

from app.settings import Settings, StorageSettings
from app.storage import keys

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    def opened(self) -> "ObjectStore":
        """Made when missing, for our own eyes. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(self.path)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of this process alone: for tests, and for looking around."""

    def opened(self) -> "ObjectStore":
        return MemoryStore()


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    prefix: str
    settings: StorageSettings

    @property
    def endpoint(self) -> str:
        """Without the bucket: buckets are named in the path, which certificates of any server allow."""
        return self.settings.endpoint.rstrip("/") or f"https://s3.{self.settings.region}.amazonaws.com"

    def opened(self) -> "ObjectStore":
        settings = self.settings
        # A piece that does not come is noticed here; how long a call may take in all is limited around it.
        client: ClientConfig = {
            "allow_http": self.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=settings.connect_timeout),
            "read_timeout": timedelta(seconds=max(settings.stall_timeout, settings.write_timeout)),
            "timeout": timedelta(seconds=settings.stream_timeout),
        }
        retries: RetryConfig = {
            "max_retries": 3,
            "retry_timeout": timedelta(seconds=settings.write_timeout),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        }
        return S3Store(
            self.name,
            prefix=self.prefix or None,
            endpoint=self.endpoint,
            region=settings.region,
            access_key_id=settings.access_key.get_secret_value(),
            secret_access_key=settings.secret_access_key.get_secret_value(),
            virtual_hosted_style_request=False,
            conditional_put="etag",
            copy_if_not_exists="multipart",
            client_options=client,
            retry_config=retries,
        )


Place = Folder | Memory | Bucket


def place_of(settings: Settings) -> Place:
    """What LECTERN_STORAGE_URL names. Raises ValueError; its text is a sentence without its full stop."""
    storage = settings.storage
    if not storage.url:
        return Folder(settings.home.expanduser().absolute() / "storage")
    address = urlsplit(storage.url)
    if address.query or address.fragment or "@" in address.netloc:
        raise ValueError("it has more than a place: keys and options are settings of their own")
    if address.scheme == "memory" and not address.netloc and not address.path:
        return Memory()
    if address.scheme == "file" and address.netloc in {"", "localhost"} and address.path.strip("/"):
        return Folder(Path(unquote(address.path)))
    if address.scheme == "s3" and address.netloc:
        prefix = address.path.strip("/")
        for endpoint in filter(None, (storage.endpoint, storage.public_endpoint)):
            _check_endpoint(endpoint)
        for name in ("access_key", "secret_access_key"):
            if not getattr(storage, name).get_secret_value():
                raise ValueError(f"s3:// needs LECTERN_STORAGE_{name.upper()}")
        return Bucket(keys.checked(address.netloc), prefix and keys.checked(prefix), storage)
    raise ValueError("it looks like s3://bucket/prefix, file:///folder or memory://")


def _check_endpoint(endpoint: str) -> None:
    address = urlsplit(endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname or "@" in address.netloc:
        raise ValueError("its endpoints look like https://host or http://host:port")
    if address.path.strip("/") or address.query or address.fragment:
        raise ValueError("its endpoints have no path")
