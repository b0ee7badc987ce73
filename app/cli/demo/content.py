"""The shapes demo courses are written in."""

from dataclasses import dataclass

from app.catalog.models import CourseLevel, CourseStatus, LessonKind


@dataclass(frozen=True, slots=True)
class DemoLesson:
    title: str
    kind: LessonKind
    body: str | None = None
    """Markdown."""
    external_url: str | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class DemoModule:
    title: str
    lessons: tuple[DemoLesson, ...]


@dataclass(frozen=True, slots=True)
class DemoCourse:
    """The first lesson is a preview, as a shop window has something in it."""

    title: str
    description: str
    category: str
    level: CourseLevel
    language: str
    skills: tuple[str, ...]
    students: int
    """Who have a seat; some more have left."""
    stars: tuple[int, int, int, int, int]
    """How many of them gave 1, 2, 3, 4, 5."""
    days_ago: int
    """When it was published."""
    modules: tuple[DemoModule, ...]
    status: CourseStatus = CourseStatus.PUBLISHED
    featured: bool = False


def module(title: str, *lessons: DemoLesson) -> DemoModule:
    return DemoModule(title, lessons)


def page(title: str, body: str) -> DemoLesson:
    return DemoLesson(title, LessonKind.PAGE, body=body)


def video(title: str, minutes: float, body: str | None = None) -> DemoLesson:
    return DemoLesson(title, LessonKind.VIDEO, body=body, minutes=minutes)


def quiz(title: str) -> DemoLesson:
    return DemoLesson(title, LessonKind.QUIZ)


def link(title: str, url: str) -> DemoLesson:
    return DemoLesson(title, LessonKind.LINK, external_url=url)
