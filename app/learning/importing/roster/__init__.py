"""Rosters: who learns, or teaches, which course; a CSV file read as a stream, checked row by row, done chunk by chunk.

Memory stays constant however long the file is; a chunk is a transaction, so an import that was stopped goes on where
it was when it is run again. What is as the file says is left alone.
"""

from app.learning.importing.roster.rows import TARGETS
from app.learning.importing.roster.run import RosterOptions, RosterResult, import_roster
from app.learning.importing.roster.writing import Registrar

__all__ = ["TARGETS", "Registrar", "RosterOptions", "RosterResult", "import_roster"]
