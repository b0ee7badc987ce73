"""What every type of the schema owes to clients: descriptions, specifications, bounds, ids, nullable roots."""

from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_specified_scalar_type,
)

from graphql_schema.schema import SNAPSHOT, build_schema

STRAWBERRY = build_schema()
SCHEMA = STRAWBERRY._schema
TYPES = {name: kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__")}

BOUNDED_LISTS = {
    "Course.cohorts": "at most 100 by rule: app/learning/service/cohorts.py",
    "Course.instructors": "at most 100 by rule: app/catalog/service/courses.py",
    "Course.modules": "at most 100 by rule: app/catalog/service/modules.py",
    "Course.skills": "set by imports alone, at most 100: app/catalog/importing/rows.py",
    "InviteLearnersPayload.invitations": "as many as addresses, at most 100: app/learning/service/invitations.py",
    "Course.prerequisites": "at most 20 by rule: app/learning/service/prerequisites.py",
    "EnrollPayload.missingPrerequisites": "at most 20 by rule: app/learning/service/prerequisites.py",
    "ImportedEnrollments.finalResults": "as many as results, four: app/learning/importing/learners/rows.py",
    "Operation.result": "at most 50 by rule: app/operations/service.py",
    "Query.featuredCourses": "takes `first`, 1 to 100",
    "RecordProgressPayload.rejected": "at most as many as beats, 100: app/learning/beats/beat.py",
    "Query.nodes": "as many as ids, at most 100: graphql_schema/schema.py",
    "UpdateNotificationPreferencesPayload.notificationPreferences": "as many as kinds: app/notifications/kinds.py",
    "Viewer.invitations": "the latest 100: app/learning/reads/invitations.py",
    "Viewer.notificationPreferences": "as many as kinds: app/notifications/kinds.py",
    "Viewer.sessions": "at most 100 by rule: app/identity/service/sessions.py",
    "LessonCompletion.missing": "at most 20 by rule: app/learning/completion_rules.py",
    "Viewer.continueLearning": "takes `first`, 1 to 100",
    "Course.ratingHistogram": "five entries: graphql_schema/learning/types/reviews.py",
    "VideoPlayback.captions": "at most 50 by rule: app/catalog/service/videos.py",
    "VideoUpload.files": "at most 100 by rule: app/catalog/service/videos.py",
    "VideoUploadFile.headers": "the content's type, and what S3 wants beside it: app/storage/",
    "UserError.path": "as long as the input is deep",
}
# Parts of another object's answer, which no client keeps by an id of their own.
WITHOUT_ID = {
    "FinalResultCount",
    "ImportedEnrollments",
    "PageInfo",
    "UserError",
    "AuthenticationSession",
    "EnrollmentProgress",
    "OperationFigure",
    "LessonCompletion",
    "VideoStretch",
    "RatingCount",
    "HttpHeader",
    "VideoCaption",
    "VideoUploadFile",
    "OperationError",
    "RejectedBeat",
    "Query",
    "Mutation",
    "Subscription",
}


def fields() -> Iterator[tuple[GraphQLObjectType | GraphQLInterfaceType, str, GraphQLField]]:
    for kind in TYPES.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield kind, name, field


def test_snapshot_is_what_is_served() -> None:
    assert SNAPSHOT.read_text() == f"{STRAWBERRY.as_str()}\n", "python -m graphql_schema.schema writes it"


def test_everything_is_described() -> None:
    silent = [name for name, kind in TYPES.items() if not kind.description]
    for owner, name, field in fields():
        silent += [f"{owner.name}.{name}"] * (not field.description)
        silent += [f"{owner.name}.{name}({key}:)" for key, a in field.args.items() if not a.description]
    for kind in TYPES.values():
        if isinstance(kind, GraphQLInputObjectType):
            silent += [f"{kind.name}.{name}" for name, field in kind.fields.items() if not field.description]
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description]
    assert not silent


def test_own_scalars_are_specified() -> None:
    scalars = {
        name: kind.specified_by_url
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind)
    }
    assert scalars
    assert all(scalars.values()), scalars


def test_lists_are_bounded() -> None:
    unbounded = set()
    for kind, name, field in fields():
        path = f"{kind.name}.{name}"
        named = get_named_type(field.type).name
        if named.endswith("Connection"):
            first = field.args.get("first")
            assert first is not None, path
            assert isinstance(first.type, GraphQLNonNull), path
            assert "after" in field.args, path
        elif is_list_type(get_nullable_type(field.type)):
            page = kind.name.endswith("Connection") and name in {"nodes", "edges"}
            errors = kind.name.endswith("Payload") and named == "UserError"
            unbounded |= set() if page or errors else {path}
    assert unbounded == BOUNDED_LISTS.keys()


def test_a_failing_root_field_leaves_its_siblings() -> None:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        assert not [name for name, field in root.fields.items() if isinstance(field.type, GraphQLNonNull)]


def test_objects_can_be_cached_by_id() -> None:
    nameless = {
        kind.name
        for kind in TYPES.values()
        if isinstance(kind, GraphQLObjectType)
        and not kind.name.endswith(("Payload", "Connection", "Edge"))
        and ("id" not in kind.fields or str(kind.fields["id"].type) != "ID!")
    }
    assert nameless == WITHOUT_ID & TYPES.keys()


def test_mutations_take_one_input_and_answer_with_errors_as_data() -> None:
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        verb = name[0].upper() + name[1:]
        assert {argument: str(a.type) for argument, a in field.args.items()} == {"input": f"{verb}Input!"}
        payload = get_nullable_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert payload.name == f"{verb}Payload"
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"
        others = [other for other_name, other in payload.fields.items() if other_name != "userErrors"]
        assert others
        assert not [other for other in others if isinstance(other.type, GraphQLNonNull)], name
