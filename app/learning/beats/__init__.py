"""Taking beats: what players report of who watches, checked and put into the progress buffer without a statement."""

from app.learning.beats.access import RecordingAccess
from app.learning.beats.beat import MAX_BEATS, MESSAGES, Beat, BeatEvent, BeatRejection, plain_beat
from app.learning.beats.recorder import Recorder, Rejected, Report
from app.learning.beats.tickets import LIFETIME as TICKET_LIFETIME
from app.learning.beats.tickets import ProgressTickets

__all__ = [
    "MAX_BEATS",
    "MESSAGES",
    "TICKET_LIFETIME",
    "Beat",
    "BeatEvent",
    "BeatRejection",
    "ProgressTickets",
    "Recorder",
    "RecordingAccess",
    "Rejected",
    "Report",
    "plain_beat",
]
