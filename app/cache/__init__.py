"""A cache in Redis beside PostgreSQL: computed when Redis is away or slow, never wrong for longer than a second.

A `CacheSpec` declares a cache; `resources.cache.get_many(SPEC, PUBLIC, ids, compute)` reads it; whoever changes what it
shows says `await forget(tx, SPEC.entry(PUBLIC, id))` (app/outbox) in the transaction that does.
"""

from app.cache.keys import PUBLIC, CacheSpec, OfRole, OfViewer, Public
from app.cache.port import Cache

__all__ = ["PUBLIC", "Cache", "CacheSpec", "OfRole", "OfViewer", "Public"]
