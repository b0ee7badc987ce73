"""Batched reads of notifications."""

from app.notifications import reads
from loaders.batching import DomainLoaders, many_per_key, one_per_key


class NotificationLoaders(DomainLoaders):
    notification = one_per_key(reads.notifications_by_id, key="id", for_actor=True)
    counter = one_per_key(reads.counters_of_users, key="recipient_id")
    preferences = many_per_key(reads.preferences_of_users, key="user_id")
