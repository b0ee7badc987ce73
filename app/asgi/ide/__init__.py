"""The IDE of `lectern dev`: a console of our own that works without internet, and GraphiQL from its address."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.assets import EVERYWHERE, Assets

# Where GraphiQL is usually loaded from. Only the GraphiQL page may reach it; the console reaches nothing.
GRAPHIQL_ORIGIN: Final = "https://unpkg.com"

_CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# GraphiQL's dialogs write style elements, its style sheet holds fonts as data URLs; scripts stay strict.
_GRAPHIQL_POLICY: Final = (
    f"default-src 'none'; script-src 'self' {GRAPHIQL_ORIGIN}; "
    f"style-src 'self' 'unsafe-inline' {GRAPHIQL_ORIGIN}; font-src data: {GRAPHIQL_ORIGIN}; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ICON: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    b'<rect width="32" height="32" rx="8" fill="#0f766e"/>'
    b'<path d="M10 7v18h12" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" '
    b'stroke-linejoin="round"/></svg>'
)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A login that the page offers as a button. The password is sent to every visitor: development only."""

    name: str
    email: str
    password: str
    role: str


def ide_routes(*, endpoint: str = "/graphql", demo_logins: Sequence[DemoLogin] = ()) -> list[Route]:
    """GET `/` (the console; `/?graphiql` for GraphiQL) and GET `/ide/...` (what the pages load).

    `endpoint` is the path of the GraphQL server on the same origin; `demo_logins` become one-click buttons.
    """
    assets = Assets(__package__, {"icon.svg": _ICON})
    config = {"endpoint": endpoint, "demoLogins": [asdict(login) for login in demo_logins]}
    console = ide_page("console.html", config)
    graphiql = ide_page("graphiql.html", {"endpoint": endpoint, "origin": GRAPHIQL_ORIGIN})

    async def page(request: Request) -> Response:
        wants_graphiql = "graphiql" in request.query_params
        policy = _GRAPHIQL_POLICY if wants_graphiql else _CONSOLE_POLICY
        # The page may carry demo passwords and belongs to one running server: nothing should keep it.
        headers = EVERYWHERE | {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return Response(graphiql if wants_graphiql else console, media_type="text/html", headers=headers)

    return [Route("/", page, name="ide"), Route("/ide/{name:path}", assets.serve, name="ide-asset")]


def ide_page(name: str, config: object) -> str:
    """The HTML page `name` with `config` as JSON inside its `application/json` script element.

    The three characters that could end the element or open a comment in it become JSON escapes.
    """
    text = json.dumps(config, ensure_ascii=True)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    page = (files(__package__) / "assets" / name).read_text("utf-8")
    return page.replace("{{ config }}", text)
