"""A presentation as a course: its activities by kind, a kind a module, an activity a lesson."""

from itertools import groupby

from app.catalog.importing.curriculum.trees import ImportedLesson, ImportedModule, ImportedTree
from app.catalog.importing.errors import RowRefused
from app.catalog.service.lessons import LESSON_LIMIT
from app.learning.importing.learners.presentations import Presentation
from app.learning.importing.learners.rows import Activity

LINKS = frozenset({"url", "externalquiz"})
"""Kinds that lead elsewhere. Where to, the files do not say: an address of the reserved domain stands for it."""


def description(presentation: Presentation) -> str:
    """Markdown."""
    begins = f"{presentation.starts_at.day} {presentation.starts_at:%B %Y}"
    return (
        f"The presentation {presentation.term} of the module {presentation.module}: {presentation.days} days from {begins} "
        "on. From the Open University Learning Analytics Dataset, CC BY 4.0; its learners are pseudonymous, and what its "
        "activities were about is not told."
    )


def tree(presentation: Presentation, activities: list[Activity]) -> ImportedTree:
    """`activities` in the order of their kinds. Raises RowRefused where there are none: nobody learns in an empty course."""
    if not activities:
        raise RowRefused("There are no activities of it in the file vle.")
    modules = []
    for kind, of_kind in groupby(activities, key=lambda activity: activity.kind):
        for place, part in enumerate(_parts(list(of_kind)), 1):
            name = kind if place == 1 else f"{kind} {place}"
            lessons = [_lesson(presentation, activity) for activity in part]
            modules.append(ImportedModule(key=name, title=name, description="", lessons=lessons))
    return ImportedTree(presentation.code, presentation.code, modules)


def _parts(activities: list[Activity]) -> list[list[Activity]]:
    return [activities[begin : begin + LESSON_LIMIT] for begin in range(0, len(activities), LESSON_LIMIT)]


def _lesson(presentation: Presentation, activity: Activity) -> ImportedLesson:
    site = f"{activity.kind} {activity.site}"
    title = f"{site} ({activity.weeks})" if activity.weeks else site
    if activity.kind in LINKS:
        url = f"https://oulad.invalid/{presentation.code}/{activity.site}"
        return ImportedLesson(str(activity.site), title, url, None, None)
    planned = f", planned for {activity.weeks}" if activity.weeks else ""
    # Of checked codes and numbers alone: nothing in it needs escaping.
    body = f"<p>Activity {activity.site} of the kind {activity.kind}{planned}. What it held is not told.</p>"
    return ImportedLesson(str(activity.site), title, None, body, body)
