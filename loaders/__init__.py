"""Batched reads for one operation. Made anew for each operation and after each mutation root field: never shared."""

from app.cache import Cache
from app.database import Fetch
from app.identity.actor import Actor
from app.learning.progress_buffer import ProgressBuffer
from app.telemetry import Metrics
from loaders.batching import Source
from loaders.catalog import CatalogLoaders
from loaders.identity import IdentityLoaders
from loaders.learning import LearningLoaders
from loaders.notifications import NotificationLoaders
from loaders.operations import OperationLoaders


class Loaders:
    """One attribute per domain."""

    __slots__ = ("catalog", "identity", "learning", "notifications", "operations")

    def __init__(
        self,
        connection: Fetch,
        actor: Actor,
        metrics: Metrics,
        cache: Cache,
        progress_buffer: ProgressBuffer,
    ) -> None:
        source = Source(connection, actor, metrics, cache, progress_buffer)
        self.identity = IdentityLoaders(source)
        self.notifications = NotificationLoaders(source)
        self.operations = OperationLoaders(source)
        self.catalog = CatalogLoaders(source)
        self.learning = LearningLoaders(source)
