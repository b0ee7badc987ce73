"""The IDE's JavaScript that could change a query's meaning, run by node and judged by graphql-core."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, graphql_sync, parse, validate

import app.asgi.ide

ASSETS = Path(app.asgi.ide.__file__).absolute().parent / "assets"

QUERIES = [
    '{a,b(x:1 y:[1,-2.5e3,$z],o:{k:"v" l:RED n:{}}) c:d @include(if:$q) {...F ... on X@skip(if:true){id} ...{on foo}}}',
    (
        '# top\nquery Q($a:Int!=3,$b:[String!]!=["x","y"] @dep,$long:SomeVeryLongInputType!,$another:[[Int]!]){ # why\n'
        "  # own\n  a(x: 1 # inner\n   y: 2)\n\n  b }\nfragment F on X{id}"
    ),
    '{a(s:"""\n   block\n \\"""x"\n""", t: "q{\\"}#no", u: "", v: """""" )}',
    "query A{a}query B{b}{c}mutation{m(i:{a:[{b:1},{c:[]}]}){on:query fragment type}}subscription S{s}",
    'fragment on1 on On @a(b: "c") { on on1: on { x } }',
    "{\r\n a # one\r\n # two\r\n b\r\n}\r\n# end",
    "{ a(list: [ # first\n 1, 2\n # last\n ]) }",
    "\ufeff{ a }",
]
BROKEN = ["{ a ", "{ a ) }", '{ a(x: "unterminated) }', "{ a ? }", "", "  \n"]


async def run_javascript(program: str, value: object) -> Any:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the browser test covers the same scripts")
    process = await asyncio.create_subprocess_exec(
        node,
        "--no-warnings",
        "--input-type=module",
        "--experimental-default-type=module",
        "--eval",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate(json.dumps(value).encode())
    assert process.returncode == 0, complaints.decode()
    return json.loads(output)


def program_of(module: str, expression: str) -> str:
    return (
        f"import * as tried from {json.dumps((ASSETS / module).as_uri())};"
        "import { readFileSync } from 'node:fs';"
        f"const given = JSON.parse(readFileSync(0)); console.log(JSON.stringify({expression}));"
    )


async def test_prettify_keeps_the_meaning_and_settles() -> None:
    program = program_of(
        "format.js", "given.map((q) => [tried.prettify(q), tried.prettify(tried.prettify(q).text).text])"
    )
    for query, (first, second) in zip(QUERIES, await run_javascript(program, QUERIES), strict=True):
        assert first["problem"] == ""
        assert parse(first["text"], no_location=True) == parse(query, no_location=True)
        assert second == first["text"]
        comments = [line.strip() for line in re.findall(r"#[^\r\n\"]*$", query, re.MULTILINE)]
        assert all(comment in first["text"] for comment in comments)


async def test_prettify_leaves_broken_queries_alone() -> None:
    answers = await run_javascript(program_of("format.js", "given.map((q) => tried.prettify(q))"), BROKEN)
    assert [answer["text"] for answer in answers] == BROKEN
    assert [bool(answer["problem"]) for answer in answers] == [True, True, True, True, False, False]


async def test_the_highlighter_keeps_every_character() -> None:
    texts = [*QUERIES, *BROKEN, '{"a": [1, "\\u00e9\U0001f393", nul', "\U0001f393"]
    program = program_of(
        "tokens.js",
        "given.map((q) => ['paintGraphql', 'paintJson'].map((p) => tried[p](q).map((x) => x[1]).join('')))",
    )
    assert await run_javascript(program, texts) == [[text, text] for text in texts]


async def test_operations_are_found_with_their_names() -> None:
    program = program_of("tokens.js", "given.map((q) => tried.operationsOf(q).map((o) => [o.kind, o.name]))")
    found = await run_javascript(
        program, [QUERIES[3], QUERIES[1], QUERIES[4], "", "query Q($a: I = {b: 1}) @d { a }"]
    )
    assert found == [
        [["query", "A"], ["query", "B"], ["query", ""], ["mutation", ""], ["subscription", "S"]],
        [["query", "Q"]],
        [],
        [],
        [["query", "Q"]],
    ]


SCHEMA = build_schema("""
interface Node { id: ID! }
type User implements Node { id: ID! name: String! }
enum Level { EASY HARD OLD @deprecated(reason: "Use EASY.") }
input Filter { level: Level deep: Filter tags: [Level!] must: String! }
type Course implements Node { id: ID! title: String! level: Level instructor: User! lessons(first: Int!): [Course!]! }
type Edge { node: Course! } type Connection { edges: [Edge!]! totalCount: Int! }
type Payload { user: User } union Found = Course | User
type Query {
  "Published courses." courses(first: Int!, filter: Filter): Connection
  node(id: ID!): Node found: Found plain: String levels: [[Level!]!]!
}
type Mutation { login(input: Filter!, remember: Boolean): Payload }
type Subscription { ticks(count: Int = 3): Int! }
""")


async def introspected() -> Any:
    query = await run_javascript(program_of("schema.js", "tried.INTROSPECTION"), None)
    answer = graphql_sync(SCHEMA, query)
    assert answer.errors is None
    assert answer.data is not None
    return answer.data["__schema"]


# The text before the cursor (a `|`), and what is offered there.
OFFERS: list[tuple[str, list[str]]] = [
    ("q|", ["query"]),
    ("{ cour|", ["courses"]),
    ("{ courses(|", ["first", "filter"]),
    ("{ courses(first: 3, fi|lter: {})", ["first", "filter"]),
    ("{ courses(filter: {level: |", ["EASY", "HARD", "OLD"]),
    ("{ courses(filter: {deep: {tags: [EASY |", ["EASY", "HARD", "OLD"]),
    ("{ courses(filter: {deep: {mu|", ["must"]),
    ("{ c: courses(first: 1) { tot|", ["totalCount"]),
    ("{ courses(first: 1) { edges { node { instructor { na| } } } } }", ["name", "__typename"]),
    ("query Q($x: Lev|", ["Level"]),
    ("query Q($x: Int!) { courses(first: $|", ["x"]),
    ("mutation { login(remember: t|", ["true"]),
    ('mutation { login(input: {must: "a b"}) { user { na|', ["name", "__typename"]),
    ("subscription { |", ["ticks", "__typename"]),
    ("{ found { ... on |", ["Course", "User", "Found"]),
    ("{ found { ... on Course { tit|", ["title"]),
    ("{ node(id: 1) { ... { i|", ["id"]),
    ("fragment F on Course { titl|", ["title"]),
    ("{ ...F| } fragment Fine on Query { plain }", ["Fine"]),
    ("{ plain @inc|", ["include"]),
    ("{ plain @include(|", ["if"]),
    ("{ plain @include(if: t|", ["true"]),
    ("{ plain @include(if: true) co|", ["courses"]),
    ("query A { plain } mutation B { lo|", ["login"]),
    ("{ plain # cour|", []),
    ('{ node(id: "cour|")', []),
    ("} ) ] cour|", []),
    ("{ nothing { here { x|", []),
]


async def test_completion_offers_what_may_stand_at_the_cursor() -> None:
    given = {"schema": await introspected(), "texts": [text for text, _ in OFFERS]}
    program = program_of("complete.js", "given.texts.map(offered)") + (
        f"import {{ Schema }} from {json.dumps((ASSETS / 'schema.js').as_uri())};"
        "function offered(text) { const position = text.indexOf('|');"
        " const found = tried.complete(new Schema(given.schema), text.replace('|', ''), position);"
        " return (found?.items ?? []).map((item) => item.label); }"
    )
    answers = await run_javascript(program, given)
    assert dict(zip(given["texts"], answers, strict=True)) == dict(OFFERS)


async def test_examples_of_root_fields_are_valid() -> None:
    expression = (
        "Object.entries(schema.roots).flatMap(([kind, name]) => schema.type(name).fields.map((field) =>"
        " [field.name, tried.exampleFor(schema, kind, field)]))"
    )
    program = program_of("schema.js", expression).replace(
        "console.log", "const schema = new tried.Schema(given); console.log"
    )
    examples = dict(await run_javascript(program, await introspected()))
    assert set(examples) == {"courses", "node", "found", "plain", "levels", "login", "ticks"}
    for example in examples.values():
        assert validate(SCHEMA, parse(example["query"])) == []
    assert json.loads(examples["login"]["variables"]) == {"input": {"must": ""}}
    assert "title" in examples["courses"]["query"]
