"""Every SELECT of learning, in batches: (connection, keys) -> rows."""

from app.learning.reads.recording import recorded_learners, videos_to_record
from app.learning.reads.video_progress import video_progress_of

__all__ = ["recorded_learners", "video_progress_of", "videos_to_record"]
