"""Changing the catalogue, one file a noun."""

import strawberry

from graphql_schema.catalog.mutations.courses import CourseMutations
from graphql_schema.catalog.mutations.lessons import LessonMutations
from graphql_schema.catalog.mutations.modules import ModuleMutations
from graphql_schema.catalog.mutations.videos import VideoMutations


@strawberry.type
class CatalogMutations(CourseMutations, ModuleMutations, LessonMutations, VideoMutations):
    pass
