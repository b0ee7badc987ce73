"""Every rule and write of notifications. The caller's transaction is the unit of work."""

from app.notifications.service.notifying import Notifier, lock_recipients, notify
from app.notifications.service.preferences import Choice, unsubscribe, update_preferences
from app.notifications.service.reading import mark_all_read, mark_read, mark_read_up_to

__all__ = [
    "Choice",
    "Notifier",
    "lock_recipients",
    "mark_all_read",
    "mark_read",
    "mark_read_up_to",
    "notify",
    "unsubscribe",
    "update_preferences",
]
