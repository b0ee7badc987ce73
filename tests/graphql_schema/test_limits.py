import pytest
from graphql import get_named_type, parse

from app.settings import GraphQLSettings
from graphql_schema.limits import ONCE_PER_REQUEST, measure, nodes_violation, violations
from graphql_schema.list_sizes import CEILING, evaluate, size_variables
from graphql_schema.schema import build_schema
from tests.graphql_schema.toy_schema import TOY_SCHEMA


def weigh(text: str, operation: int = 0):
    return measure(parse(text), TOY_SCHEMA).operations[operation][1]


def doubling(count: int, selection: str = "id") -> str:
    """Fragments that each spread the next one twice: 2^count when expanded."""
    links = "".join(f"fragment F{n} on Course {{ ...F{n + 1} ...F{n + 1} }} " for n in range(count))
    return f"{{ all {{ ...F0 }} }} {links} fragment F{count} on Course {{ {selection} }}"


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("{ whoami }", 1),
        ("{ all { id } }", 2),
        ("{ all { instructor { name } } }", 3),
        ("{ ... { all { ... on Course { id } } } }", 2),
        ("{ all { ...A } } fragment A on Course { instructor { ...B } } fragment B on User { id }", 3),
        ("{ nope { nope { nope } } }", 3),
        ("{ __schema { types { fields { type { ofType { ofType { name } } } } } } whoami }", 1),
    ],
)
def test_depth_counts_fields_with_fragments_expanded(text, depth):
    assert weigh(text).depth == depth


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        ("{ whoami }", 0),
        ("{ a: whoami b: whoami }", 2),
        ("{ a: all { b: id } }", 2),
        ("{ all { ...A modules { ...A } } } fragment A on Course { a: id b: title }", 4),
        ("{ __schema { a: types { b: name } } }", 2),
        ("{ nope { ... @skip(if: true) { a: nope } } }", 1),
    ],
)
def test_aliases_count_once_per_use(text, aliases):
    assert weigh(text).aliases == aliases


def test_root_fields_are_counted_through_fragments():
    text = "{ whoami ...A ... { hello } } fragment A on Query { a: whoami b: whoami }"

    assert weigh(text).fields == 4


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("{ whoami }", 0),
        ("{ all { id } }", 25),
        ("{ all { instructor { id } } }", 25 + 25),
        ("{ all { modules { id } } }", 25 + 25 * 4),
        ("{ featured { id } }", 7),
        ("{ featured(first: 3) { id } }", 3),
        ("{ featured(first: null) { id } }", 7),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        ("{ courses(first: 50) { nodes { id } } }", 50),
        ("{ courses(first: 50) { edges { node { id } } } }", 50),
        ("{ courses(first: 50) { totalCount } }", 50),
        ("{ courses(first: 50) { nodes { instructor { id } } } }", 50 + 50),
        (
            "{ courses(first: 50) { ...P } } fragment P on CourseConnection { nodes { instructor { id } } }",
            100,
        ),
        ("{ courses(first: 50) { edges { node { lessons(first: 10) { nodes { id } } } } } }", 50 + 500),
        ("{ courses(first: -1) { nodes { id } } }", 0),
        (f"{{ courses(first: {'9' * 5000}) {{ nodes {{ id }} }} }}", CEILING),
        ("{ nope(first: 50) { nope } }", 0),
    ],
)
def test_nodes_are_the_product_of_list_sizes(text, nodes):
    assert weigh(text).nodes == nodes


NESTED = """
query Q($outer: Int!, $inner: Int = 5, $ids: [ID!]!) {
  courses(first: $outer) { nodes { ...C } }
  nodes(ids: $ids) { id }
}
fragment C on Course { lessons(first: $inner) { nodes { id instructor { id } } } }
"""


@pytest.mark.parametrize(
    ("variables", "nodes"),
    [
        ({"outer": 10, "inner": 20, "ids": []}, 10 + 10 * 20 * 2),
        ({"outer": 10, "inner": 2.0, "ids": ["a", "b"]}, 10 + 10 * 2 * 2 + 2),
        ({"outer": 0, "inner": 100, "ids": []}, 0),
        ({"outer": -5, "inner": 100, "ids": []}, 0),
        ({"outer": 10**30, "inner": 10**30, "ids": []}, CEILING),
        ({"outer": "many", "inner": None, "ids": {}}, 25 + 25 * 25 * 2 + 25),
    ],
)
def test_variables_decide_sizes_per_request(variables, nodes):
    estimate = weigh(NESTED).nodes

    assert size_variables(estimate) == {"outer", "inner", "ids"}
    assert evaluate(estimate, variables) == nodes


def test_nodes_beyond_the_limit_are_reported_with_numbers():
    error = nodes_violation(weigh(NESTED).nodes, {"outer": 1000, "inner": 100, "ids": []}, GraphQLSettings())

    assert error is not None
    assert error.extensions == {
        "code": "LIMIT_EXCEEDED",
        "limit": "nodes",
        "value": 1000 + 1000 * 100 * 2,
        "maximum": 50_000,
    }
    assert (
        nodes_violation(weigh(NESTED).nodes, {"outer": 1, "inner": 1, "ids": []}, GraphQLSettings()) is None
    )


@pytest.mark.parametrize("count", [10, 20, 40])
def test_doubling_fragments_cost_two_steps_each_and_saturate(count):
    text = doubling(count, "a: id instructor { id }")
    measurement = measure(parse(text), TOY_SCHEMA)

    assert measurement.steps == 2 + 2 * count + 3
    weight = measurement.operations[0][1]
    assert weight.aliases == min(2**count, CEILING)
    assert weight.depth == 3
    assert weight.nodes == min(25 + 25 * 2**count, CEILING)


def test_evaluating_shared_fragments_is_not_exponential_either():
    links = "".join(
        f"fragment F{n} on Course {{ modules {{ ...F{n + 1} }} all: modules {{ ...F{n + 1} }} }} "
        for n in range(60)
    )
    text = (
        "query Q($n: Int!) { courses(first: $n) { nodes { ...F0 } } } "
        f"{links} fragment F60 on Course {{ lessons(first: $n) {{ totalCount }} }}"
    )

    # 2^60 paths lead to the innermost list; this returns only if each part is worked out once.
    assert evaluate(weigh(text).nodes, {"n": 1}) == CEILING


def test_every_selection_is_visited_once():
    text = "{ " + "whoami " * 1000 + "}"

    measurement = measure(parse(text), TOY_SCHEMA)

    assert measurement.steps == 1000
    assert measurement.operations[0][1].fields == 1000


def test_directives_are_no_selections():
    text = "{ whoami " + "@skip(if: false) " * 500 + "}"

    assert measure(parse(text), TOY_SCHEMA).steps == 1


def test_a_long_chain_of_fragments_needs_no_deep_recursion():
    chain = "".join(f"fragment F{n} on Course {{ ...F{n + 1} }} " for n in range(5000))
    text = f"query Q($n: Int!) {{ all {{ ...F0 }} }} {chain} fragment F5000 on Course {{ lessons(first: $n) {{ totalCount }} }}"

    weight = weigh(text)

    assert weight.depth == 3
    assert evaluate(weight.nodes, {"n": 2}) == 25 + 25 * 2


@pytest.mark.parametrize(
    "text",
    [
        "{ all { ...A } } fragment A on Course { ...A }",
        "{ all { ...A } } fragment A on Course { modules { ...B } } fragment B on Course { modules { ...A } }",
        "{ ...Unknown }",
        "{ all { ... on Unknown { id } ...A } } fragment A on Unknown { id }",
        "fragment A on Course { id }",
        "subscription { nope } mutation { nope }",
    ],
)
def test_invalid_documents_are_measured_without_an_error(text):
    assert violations(measure(parse(text), TOY_SCHEMA), GraphQLSettings()) == []


@pytest.mark.parametrize(
    ("text", "limit", "value", "maximum"),
    [
        ("{ nope " * 13 + "}" * 13, "depth", 13, 12),
        ("{ all { " + " ".join(f"a{n}: id" for n in range(31)) + " } }", "aliases", 31, 30),
        ("{ " + "whoami " * 11 + "}", "rootFields", 11, 10),
        ("{ courses(first: 50001) { totalCount } }", "nodes", 50_001, 50_000),
        ("mutation { a: login { done } b: login { done } }", "credentialFields", 2, 1),
        (
            "mutation { login { done } ...R } fragment R on Mutation { register { done } }",
            "credentialFields",
            2,
            1,
        ),
        ("mutation { refreshSession { done } login { done } }", "credentialFields", 2, 1),
    ],
)
def test_each_limit_is_reported_with_its_value(text, limit, value, maximum):
    (error,) = violations(measure(parse(text), TOY_SCHEMA), GraphQLSettings())

    assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": limit, "value": value, "maximum": maximum}
    assert str(value) in error.message


@pytest.mark.parametrize(
    "text",
    [
        "mutation { login { done } write { done } }",
        "query A { whoami } mutation B { login { done } } mutation C { register { done } }",
        "{ all { " + " ".join(f"a{n}: id" for n in range(30)) + " } }",
        "{ " + "whoami " * 10 + "}",
        "{ nope " * 12 + "}" * 12,
    ],
)
def test_what_is_just_within_the_limits_passes(text):
    assert violations(measure(parse(text), TOY_SCHEMA), GraphQLSettings()) == []


def test_what_is_allowed_once_is_in_the_schema():
    root = build_schema()._schema.mutation_type
    assert root is not None
    mutations = root.fields
    assert mutations.keys() >= ONCE_PER_REQUEST
    # Whatever takes a password or a token belongs among them.
    secret = {
        name
        for name, field in mutations.items()
        for key in get_named_type(field.args["input"].type).fields
        if "assword" in key or "oken" in key
    }
    assert secret <= ONCE_PER_REQUEST
