"""Which column of the file becomes what: `title=course_title,category=domain`."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.catalog.importing.errors import ImportRefused

TARGETS = (
    "title",
    "description",
    "category",
    "level",
    "language",
    "skills",
    "rating_sum",
    "rating_count",
    "url",
    "key",
)


def parse_columns(
    specifications: Iterable[str], targets: Sequence[str] = TARGETS, what: str = "a course has"
) -> dict[str, str]:
    """Target -> column. A column whose name has a comma stands in quotes: "title=Title, long". Raises ImportRefused."""
    columns: dict[str, str] = {}
    for part in next(csv.reader([",".join(specifications)], skipinitialspace=True), []):
        target, equals, column = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not equals or not column:
            raise ImportRefused(f'"{part}" is not of the form target=column.')
        if target not in targets:
            raise ImportRefused(f'"{target}" is nothing {what}; there are {", ".join(targets)}.')
        if target in columns:
            raise ImportRefused(f'"{target}" is given twice.')
        columns[target] = column
    return columns


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Where in a row everything stands."""

    header: tuple[str, ...]
    places: dict[str, int]
    """Target -> place; without the key."""
    key: int
    attributes: tuple[tuple[int, str], ...]
    """Places and names of the columns that map to nothing."""

    @property
    def targets(self) -> frozenset[str]:
        return frozenset(self.places)

    @classmethod
    def of(cls, header: Sequence[str], columns: dict[str, str], key: str | None) -> "ColumnPlan":
        """`key` is a column, or a target that a column is mapped to. Raises ImportRefused for what does not fit."""
        names = tuple(name.strip() or f"column {place}" for place, name in enumerate(header, 1))
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise ImportRefused(f'The header names the column "{repeated[0]}" twice.')
        # Without any instruction a column means what it is called.
        columns = dict(columns) or {name: name for name in names if name in TARGETS}
        for target, column in columns.items():
            if column not in names:
                raise ImportRefused(
                    f'The file has no column "{column}" for {target}; its columns are {", ".join(names)}.'
                )
        mapped_key = columns.pop("key", None)
        if key is None and mapped_key is None:
            raise ImportRefused("Say which column identifies a row across runs: --key COLUMN.")
        if key is not None and key not in names:
            if key not in columns:
                raise ImportRefused(
                    f'The file has no column "{key}" for the key; its columns are {", ".join(names)}.'
                )
            key = columns[key]
        if key is not None and mapped_key is not None and key != mapped_key:
            raise ImportRefused(f'The key is given twice: "{key}" and "{mapped_key}".')
        if "title" not in columns:
            raise ImportRefused("Say which column holds the title: --columns title=COLUMN.")
        if ("rating_sum" in columns) != ("rating_count" in columns):
            raise ImportRefused("rating_sum and rating_count are only mapped together.")
        place_of = {name: place for place, name in enumerate(names)}
        places = {target: place_of[column] for target, column in columns.items()}
        key_place = place_of[key or mapped_key or ""]
        taken = {key_place, *places.values()}
        rest = tuple((place, name) for place, name in enumerate(names) if place not in taken)
        return cls(header=names, places=places, key=key_place, attributes=rest)
