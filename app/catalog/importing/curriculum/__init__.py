"""Imports of whole course trees: an archive of JSON files, `challenges/<NN-track>/<block>.json`.

A track becomes a course, a block a module, a challenge a lesson. The archive is read to its end, checked and put aside
before anything is written; then each course is a transaction.
"""

from app.catalog.importing.curriculum.run import (
    DEFAULT_SOURCE,
    CurriculumOptions,
    CurriculumResult,
    import_curriculum,
)

__all__ = ["DEFAULT_SOURCE", "CurriculumOptions", "CurriculumResult", "import_curriculum"]
