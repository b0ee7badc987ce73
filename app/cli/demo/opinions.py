"""What the demo's learners say of courses, by language and stars."""

from collections.abc import Mapping
from types import MappingProxyType

OPINIONS: Mapping[str, Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        "en": {
            1: ("Not what the description had promised me.",),
            2: ("Good intentions, but far too fast for a beginner.", "I missed examples from real life."),
            3: ("Solid, though the second half repeats a lot.", "Useful in parts; the quizzes are too easy."),
            4: (
                "Clear and to the point. I would have liked more exercises.",
                "Well made. One or two videos could be shorter.",
            ),
            5: (
                "I used what I had learnt the very next day.",
                "Short lessons that fit into a lunch break, and every one of them is worth it.",
                "Finally somebody explains why, and not only how.",
                "The exercises are the best part: do not skip them.",
            ),
        },
        "de": {
            1: ("Leider nicht das, was die Beschreibung verspricht.",),
            2: ("Gut gemeint, aber für Anfänger viel zu schnell.",),
            3: ("Ordentlich, am Ende wiederholt sich einiges.",),
            4: ("Verständlich und ohne Umwege. Ein paar Übungen mehr wären schön.",),
            5: (
                "Gleich am nächsten Wochenende ausprobiert, und es hat geklappt.",
                "Endlich erklärt jemand auch das Warum.",
                "Kurze Lektionen, die in jede Mittagspause passen.",
            ),
        },
    }
)
