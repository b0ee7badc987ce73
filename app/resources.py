"""Opens what a program needs, once, and closes it in reverse order. The API and the workers both start here."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.cache import Cache
from app.database import Database
from app.identity.letters import AccountLetters
from app.identity.throttling.throttle import Throttle
from app.identity.tokens.access_tokens import AccessTokens
from app.identity.tokens.ended_sessions import EndedSessions
from app.identity.tokens.refresh_tokens import RefreshTokens
from app.identity.tokens.signing_keys import SigningKeys
from app.keyvalue import KeyValue
from app.learning.beats import TICKET_LIFETIME, ProgressTickets, Recorder, RecordingAccess
from app.learning.letters import LearningLetters
from app.learning.progress_buffer import ProgressBuffer
from app.mail import Mailer, open_mailer
from app.notifications.letters import NotificationLetters
from app.notifications.service import Notifier
from app.notifications.unsubscribing import UnsubscribeTokens
from app.outbox import Handover, Outbox, unsettled_entries
from app.pubsub import PubSub
from app.settings import Settings
from app.storage import Storage
from app.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    metrics: Metrics
    database: Database
    keyvalue: KeyValue
    cache: Cache
    pubsub: PubSub
    storage: Storage
    signing_keys: SigningKeys
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    ended_sessions: EndedSessions
    throttle: Throttle
    letters: AccountLetters
    mailer: Mailer
    outbox: Outbox
    handover: Handover
    notifier: Notifier
    unsubscribe_tokens: UnsubscribeTokens
    notification_letters: NotificationLetters
    learning_letters: LearningLetters
    progress_buffer: ProgressBuffer
    progress_recorder: Recorder
    progress_tickets: ProgressTickets


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Raises Unavailable when PostgreSQL cannot be reached; Redis may be away at the start."""
    metrics = Metrics()
    signing_keys = SigningKeys.load(settings)
    unsubscribe_tokens = UnsubscribeTokens(signing_keys)
    async with AsyncExitStack() as stack:
        database = Database(settings.database, metrics)
        await database.open()
        stack.push_async_callback(database.close)
        keyvalue = KeyValue(settings.redis)
        stack.push_async_callback(keyvalue.close)
        cache = Cache(settings.redis, settings.cache, metrics, unsettled=lambda: unsettled_entries(database))
        stack.push_async_callback(cache.close)
        database.listen(cache.forget)
        pubsub = PubSub(settings.redis, settings.pubsub, metrics)
        stack.push_async_callback(pubsub.close)
        mailer = await stack.enter_async_context(open_mailer(settings, metrics))
        handover = Handover(settings.redis, metrics)
        stack.push_async_callback(handover.close)
        outbox = Outbox(handover, metrics)
        progress_keyvalue = KeyValue(settings.progress_redis) if settings.progress.redis_url else keyvalue
        stack.push_async_callback(progress_keyvalue.close)
        progress_buffer = ProgressBuffer(progress_keyvalue, settings.progress, metrics)
        recording_access = RecordingAccess(database, settings.progress)
        stack.push_async_callback(recording_access.close)
        ended_sessions = EndedSessions(database, settings.authentication, ticket_lifetime=TICKET_LIFETIME)
        stack.push_async_callback(ended_sessions.close)
        yield Resources(
            settings=settings,
            metrics=metrics,
            database=database,
            keyvalue=keyvalue,
            cache=cache,
            pubsub=pubsub,
            storage=Storage(settings, metrics, signing_keys.derived("lectern file links v1")),
            signing_keys=signing_keys,
            access_tokens=AccessTokens(signing_keys, settings.authentication),
            refresh_tokens=RefreshTokens(signing_keys, settings.authentication),
            ended_sessions=ended_sessions,
            throttle=Throttle(settings.authentication, metrics),
            letters=AccountLetters(settings),
            mailer=mailer,
            outbox=outbox,
            handover=handover,
            notifier=Notifier(outbox, pubsub, metrics),
            unsubscribe_tokens=unsubscribe_tokens,
            notification_letters=NotificationLetters(settings, unsubscribe_tokens),
            learning_letters=LearningLetters(settings),
            progress_buffer=progress_buffer,
            progress_recorder=Recorder(progress_buffer, recording_access, metrics),
            progress_tickets=ProgressTickets(signing_keys),
        )
