"""An hour of ten thousand viewers, played faster, while all that takes and writes their progress is killed in turn."""
