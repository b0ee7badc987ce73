"""Batched reads of learning. What a viewer may not see is not there: the reads take the actor."""

from app.learning.video_progress import current_progress, progress_of_viewer
from loaders.batching import DomainLoaders, progress_per_key


class LearningLoaders(DomainLoaders):
    # By pairs of a user and a video, and by videos for the viewer.
    video_progress = progress_per_key(current_progress, key="pair")
    viewer_progress = progress_per_key(progress_of_viewer, key="video_id")
