"""Tells every process what has happened, at once and at most once: a wake-up, never the truth.

What must not be lost stands in PostgreSQL or in a stream; whoever hears a `Gap` reads it anew.
"""

from app.pubsub.events import Gap, Message
from app.pubsub.port import PubSub
from app.pubsub.subscription import Subscription, TooSlow

__all__ = ["Gap", "Message", "PubSub", "Subscription", "TooSlow"]
