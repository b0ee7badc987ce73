from typing import Any

import graphql
import pytest

import graphql_schema.documents
from graphql_schema.documents import DocumentRejected
from tests.graphql_schema.test_limits import doubling
from tests.graphql_schema.toy_schema import CacheMetrics, documents


def refusal(text: str, **options):
    with pytest.raises(DocumentRejected) as caught:
        documents(**options).prepare(text)
    return caught.value


def codes(text: str, **options) -> set[str]:
    return {error["extensions"]["code"] for error in refusal(text, **options).errors}


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """Names of the expensive steps, as they are taken."""
    taken: list[str] = []

    def watched(name: str) -> Any:
        original = getattr(graphql, name)

        def call(*args, **kwargs):
            taken.append(name)
            return original(*args, **kwargs)

        return call

    for name in ("parse", "validate"):
        monkeypatch.setattr(graphql_schema.documents, name, watched(name))
    return taken


def test_a_known_text_is_neither_parsed_nor_validated_again(calls):
    metrics = CacheMetrics()
    kept = documents(metrics=metrics)

    first = kept.prepare("{ whoami }")
    assert calls == ["parse", "validate"]
    second = kept.prepare("{ whoami }")

    assert calls == ["parse", "validate"]
    assert second is first
    assert metrics.looked_up() == {"hit": 1, "miss": 1}


def test_refused_documents_are_not_kept(calls):
    kept = documents()
    for _ in range(2):
        with pytest.raises(DocumentRejected):
            kept.prepare("{ nope }")

    assert calls == ["parse", "validate"] * 2


def test_the_least_recently_used_document_is_forgotten(calls):
    kept = documents(document_cache_size=2)
    for text in ("{ a: whoami }", "{ b: whoami }", "{ a: whoami }", "{ c: whoami }"):
        kept.prepare(text)
    calls.clear()

    kept.prepare("{ a: whoami }")
    assert calls == []
    kept.prepare("{ b: whoami }")
    assert calls == ["parse", "validate"]


def test_large_documents_count_for_more_than_one(calls):
    kept = documents(document_cache_size=4)
    small, large = "{ whoami }", "{ nodes(ids: [" + '"a" ' * 388 + "]) { id } }"
    kept.prepare(small)
    kept.prepare(large)
    calls.clear()

    kept.prepare(small)
    assert calls == ["parse", "validate"]


def test_limits_come_before_validation(calls):
    assert codes("{ nope " * 13 + "}" * 13) == {"LIMIT_EXCEEDED"}
    assert calls == ["parse"]


@pytest.mark.parametrize(
    "text", ["{", "", "nonsense", "{ whoami } }", "query (", '{ greet(name: "', "\ufeff\0", "{" * 300]
)
def test_what_does_not_parse_says_where(text):
    error = refusal(text).errors[0]

    assert error["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}
    assert error["message"].startswith("Syntax Error:")
    assert error["locations"][0]["line"] == 1


def test_too_many_tokens():
    assert refusal("{ " + "whoami " * 1000 + "}").errors == [
        {
            "message": "The document has more than 1000 tokens.",
            "extensions": {"code": "LIMIT_EXCEEDED", "limit": "tokens", "value": 1001, "maximum": 1000},
        }
    ]


def test_comments_count_as_well():
    assert codes("#\n" * 1001 + "{ whoami }") == {"LIMIT_EXCEEDED"}


@pytest.mark.parametrize(
    "text",
    [
        "{ nope }",
        "{ ...Unknown }",
        "{ all { ...A } } fragment A on Course { ...A }",
        "{ all { ...A } } fragment A on Course { modules { ...B } } fragment B on Course { modules { ...A } }",
        "{ whoami } fragment A on Course { id }",
        "query Q { whoami } query Q { whoami }",
        "query Q($a: Int) { whoami }",
        "{ all }",
        "{ whoami { id } }",
        "{ greet(level: NOPE) }",
        "{ whoami " + "@skip(if: true) " * 100 + "}",
        "{ whoami " + "@nope " * 400 + "}",
        "{ whoami } type Query { a: Int }",
        "{ nodes(ids: [1, {a: 1}]) { id } }",
    ],
)
def test_invalid_documents(text):
    error = refusal(text)

    assert codes(text) == {"GRAPHQL_VALIDATION_FAILED"}
    assert len(error.errors) <= 21
    assert not error.undetermined


@pytest.mark.parametrize(
    "text",
    [
        "{ whoam }",
        "{ greet(nam: 1) }",
        "{ greet(level: EAZY) }",
        "query Q($level: Levl) { greet(level: $level) }",
        "{ all { ... on Cours { id } } }",
        "{ whoami @skipp(if: true) }",
        "{ ...Thin } fragment Thing on Query { whoami }",
        "{ all { titel } }",
    ],
)
def test_suggestions_help_developers_and_nobody_else(text):
    hidden = refusal(text, introspection=False).errors

    assert "Did you mean" not in str(hidden)
    assert hidden[0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_suggestions_are_there_in_development():
    assert "Did you mean 'whoami'?" in refusal("{ whoam }").errors[0]["message"]


@pytest.mark.parametrize("text", ["{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'])
def test_introspection_can_be_off(text):
    assert documents().prepare(text).operation(None).label.startswith("query:__")
    assert codes(text, introspection=False) == {"GRAPHQL_VALIDATION_FAILED"}
    assert (
        documents(introspection=False).prepare("{ __typename }").operation(None).label == "query:__typename"
    )


def test_the_standard_introspection_query_is_within_the_limits():
    documents().prepare(graphql.get_introspection_query(input_value_deprecation=True))


def test_introspection_of_endless_lists_is_refused():
    text = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"

    assert codes(text) == {"GRAPHQL_VALIDATION_FAILED"}


def test_forty_doubling_fragments_are_just_a_document():
    assert documents().prepare(doubling(40)).operation(None).nodes == 25


def test_repeating_a_field_a_thousand_times_gives_up_instead_of_comparing_all_pairs():
    error = refusal("{ all { " + "id " * 980 + "} }").errors[-1]

    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "complexity"}


def test_labels_come_from_the_schema_not_from_clients():
    prepared = documents().prepare(
        "query Mine { ...A } mutation Yours { mine: write { done } } fragment A on Query { mine: whoami }"
    )

    assert prepared.operation("Mine").label == "query:whoami"
    assert prepared.operation("Yours").label == "mutation:write"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("query A { whoami } query B { whoami }", None),
        ("query A { whoami } query B { whoami }", "C"),
        ("query A { whoami } query B { whoami }", ""),
        ("{ whoami }", "A"),
    ],
)
def test_the_operation_must_be_determined(text, name):
    prepared = documents().prepare(text)
    with pytest.raises(DocumentRejected) as caught:
        prepared.operation(name)

    assert caught.value.undetermined
    assert caught.value.errors[0]["extensions"] == {"code": "OPERATION_NOT_DETERMINED"}


def test_a_document_without_an_operation_runs_nothing():
    # The unused fragment alone is an error of validation, and says enough.
    assert codes("fragment A on Query { whoami }") == {"GRAPHQL_VALIDATION_FAILED"}


def test_the_node_limit_reads_the_request_s_variables():
    limits = documents(max_nodes=100)._settings
    operation = (
        documents(max_nodes=100)
        .prepare("query Q($n: Int! = 200) { courses(first: $n) { nodes { id } } }")
        .operation(None)
    )

    operation.check_nodes({"n": 100}, limits)
    for variables in ({"n": 101}, {}):
        with pytest.raises(DocumentRejected) as caught:
            operation.check_nodes(variables, limits)
        assert caught.value.errors[0]["extensions"]["limit"] == "nodes"


@pytest.mark.parametrize(
    "text", ['{ greet(name: "a\\u0000b") }', '{ greet(name: "\\u{0}") }', '{ greet(name: """a\0""") }']
)
def test_nul_characters_are_refused_as_bad_input(text):
    assert codes(text) == {"BAD_USER_INPUT"}


def test_an_escaped_backslash_before_u0000_is_ordinary_text():
    documents().prepare('{ greet(name: "a\\\\u0000") }')
