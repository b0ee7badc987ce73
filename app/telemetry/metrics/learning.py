"""Of learning."""

from prometheus_client import CollectorRegistry, Counter


class LearningMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.enrollments = Counter(
            "lectern_enrollments_total", "Changes of enrolments, by outcome.", ("outcome",), registry=registry
        )
        self.lessons_completed = Counter(
            "lectern_lessons_completed_total", "Lessons that learners have completed.", registry=registry
        )
        self.courses_completed = Counter(
            "lectern_courses_completed_total", "Courses that learners have completed.", registry=registry
        )
        self.reviews = Counter(
            "lectern_reviews_total", "What became of reviews.", ("outcome",), registry=registry
        )
        self.playback_links = Counter(
            "lectern_playback_links_total",
            "Links to a video's stream that were given out, by the class of viewers.",
            ("audience",),
            registry=registry,
        )
        self.media_requests = Counter(
            "lectern_media_requests_total",
            "Requests for files of videos, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self.waitlist_promotions = Counter(
            "lectern_waitlist_promotions_total", "Seats that went to somebody who waited.", registry=registry
        )
