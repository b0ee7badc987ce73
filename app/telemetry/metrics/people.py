"""Of accounts, and of what people are told."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class PeopleMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.logins = Counter(
            "lectern_logins_total", "Login attempts by outcome.", ("outcome",), registry=registry
        )
        self.throttled = Counter(
            "lectern_attempts_throttled_total",
            "Attempts refused because there had been too many.",
            ("kind",),
            registry=registry,
        )
        self.mails = Counter("lectern_mails_total", "Mails by outcome.", ("outcome",), registry=registry)
        self.mail_seconds = Histogram(
            "lectern_mail_seconds", "Seconds until a mail server has taken a mail.", registry=registry
        )
        self.notifications = Counter(
            "lectern_notifications_total", "People told of something.", ("kind",), registry=registry
        )
        self.notification_mails = Counter(
            "lectern_notification_mails_total",
            "What became of mails about notifications.",
            ("outcome",),
            registry=registry,
        )
        self.notification_mails_due = Gauge(
            "lectern_notification_mails_due",
            "Mails about notifications that are due.",
            registry=registry,
        )
        self.notification_mails_oldest = Gauge(
            "lectern_notification_mails_oldest_seconds",
            "Seconds that the oldest due mail about notifications waits.",
            registry=registry,
        )
        self.token_refreshes = Counter(
            "lectern_token_refreshes_total",
            "Refresh tokens presented, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self.invitations = Counter(
            "lectern_invitations_total", "What became of invitations.", ("outcome",), registry=registry
        )
