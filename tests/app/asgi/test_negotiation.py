import pytest

from app.asgi.negotiation import GRAPHQL_RESPONSE, JSON, is_json, response_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        (b"*/*", JSON),
        (b"application/*", JSON),
        (b"application/json", JSON),
        (b"application/json; charset=utf-8", JSON),
        (b"APPLICATION/JSON", JSON),
        (b"application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json; charset=utf-8", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json, application/json", GRAPHQL_RESPONSE),
        (b"application/json, application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json;q=0.5, application/json", JSON),
        (b"application/graphql-response+json;q=0.5, */*;q=0.1", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json;q=0, application/json", JSON),
        (b"application/json;q=0, */*", GRAPHQL_RESPONSE),
        (b"text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (b"text/html, application/*;q=0.2", JSON),
        (b"text/html", None),
        (b"", None),
        (b",;,", None),
        (b"*/*;q=0", None),
        (b"application/json;q=0", None),
        (b"application/json;q=nonsense", None),
        (b"application/json;q=nan", None),
        (b"application/json; charset=iso-8859-1", None),
        (b"text/html, " * 1000 + b"application/json", JSON),
        (b"\xff\xfe", None),
    ],
)
def test_the_response_type_follows_accept(accept, expected):
    assert response_type(accept) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON", True),
        (b"application/json;charset=utf-8", True),
        (b'application/json; charset="UTF-8"', True),
        (b"application/json; charset=utf8", True),
        (b"application/json; charset=utf-16", False),
        (b"application/json; charset=latin-1; charset=utf-8", False),
        (b"application/jsonx", False),
        (b"application/graphql", False),
        (b"text/plain", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=x", False),
        (b"", False),
        (b"application/json;" + b" " * 1000, False),
        (None, False),
    ],
)
def test_bodies_are_json_in_utf_8(content_type, expected):
    assert is_json(content_type) is expected
