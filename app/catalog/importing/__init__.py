"""Imports of whole catalogues: a CSV file read as a stream, checked row by row, upserted chunk by chunk.

Memory stays constant however long the file is; a chunk is a transaction, so an import that was stopped goes on where
it was when it is run again.
"""

from app.catalog.importing.columns import ColumnPlan, parse_columns
from app.catalog.importing.errors import ImportRefused
from app.catalog.importing.refusals import Refusal, Refusals
from app.catalog.importing.run import DEFAULT_SOURCE, ImportOptions, ImportResult, import_catalog

__all__ = [
    "DEFAULT_SOURCE",
    "ColumnPlan",
    "ImportOptions",
    "ImportRefused",
    "ImportResult",
    "Refusal",
    "Refusals",
    "import_catalog",
    "parse_columns",
]
